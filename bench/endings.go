package main

import (
	"path/filepath"
	"time"
)

// pauses are what pause times.
var pauses = []string{"pause", "resume"}

// pause stops a container that waits for start and lets it go on.
func (b *benchmark) pause(bundle string) (map[string]samples, error) {
	times := map[string]samples{"pause": {}, "resume": {}}
	ids, end, err := b.waiting(bundle)
	defer end()
	if err != nil {
		return nil, err
	}
	err = b.alternate(func(r *Runtime, round int) error {
		for _, verb := range pauses {
			took, err := b.spawner.run(r.command(verb, ids[r.Name]))
			if err != nil {
				return err
			}
			if round >= 0 {
				times[verb][r.Name] = append(times[verb][r.Name], took)
			}
		}
		return nil
	})
	return times, err
}

// endings are what end times.
var endings = []string{"kill + delete", "delete --force"}

// end ends containers in both ways: with kill, after which delete has nothing to
// wait for, and with delete alone.
func (b *benchmark) end(bundle string) (map[string]samples, error) {
	times := map[string]samples{endings[0]: {}, endings[1]: {}}
	err := b.alternate(func(r *Runtime, round int) error {
		for _, ending := range []struct {
			name  string
			times func(*Runtime, string, int) (time.Duration, error)
		}{{endings[0], b.killAndDelete}, {endings[1], b.deleteForce}} {
			id, pidFile := newID(), filepath.Join(bundle, "pid")
			if _, err := b.spawner.run(r.command("create", "--bundle", bundle, "--pid-file", pidFile, id)); err != nil {
				return err
			}
			pid, err := readPid(pidFile)
			if err != nil {
				return err
			}
			took, err := ending.times(r, id, pid)
			if err != nil {
				return err
			}
			if round >= 0 {
				times[ending.name][r.Name] = append(times[ending.name][r.Name], took)
			}
		}
		return nil
	})
	return times, err
}

func (b *benchmark) killAndDelete(r *Runtime, id string, pid int) (time.Duration, error) {
	kill, err := b.spawner.run(r.command("kill", id, "KILL"))
	if err != nil {
		return 0, err
	}
	if _, err := wait(pid); err != nil {
		return 0, err
	}
	remove, err := b.spawner.run(r.command("delete", id))
	return kill + remove, err
}

func (b *benchmark) deleteForce(r *Runtime, id string, pid int) (time.Duration, error) {
	took, err := b.spawner.run(r.command("delete", "--force", id))
	if err != nil {
		return 0, err
	}
	_, err = wait(pid)
	return took, err
}
