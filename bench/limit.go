package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The least memory that a container may be limited to (linux.resources.memory.limit)
// and still come to run, or to wait for start.
const (
	limitUnit  = 4 // KiB: a page
	mostLimit  = 64 << 10 / limitUnit
	limitTries = 20 // that have to go well: what the kernel frees late counts as well, and differs
	// limitPatience is for one of them. Some runtimes wait for a process that the
	// kernel has killed.
	limitPatience = 30 * time.Second
)

// limits finds the least limits of a runtime in KiB. They are 0 where the cgroups
// that are to be seen cannot limit memory.
func (b *benchmark) limits(r *Runtime) (run, create int, err error) {
	if cgroupMode() != "v2" || !slices.Contains(strings.Fields(readText(cgroupRoot+"/cgroup.controllers")), "memory") {
		return 0, 0, nil
	}
	bundle := b.bundles.standard[0]
	run, err = least(mostLimit, func(n int) (bool, error) {
		return b.within(r, bundle, n, "run", "--bundle", bundle)
	})
	if err == nil {
		create, err = least(mostLimit, func(n int) (bool, error) {
			return b.within(r, bundle, n, "create", "--bundle", bundle)
		})
	}
	return run * limitUnit, create * limitUnit, err
}

// least is the smallest number from 1 to most that works; whatever is larger than
// one that works does too. It is 0 if none does.
func least(most int, works func(n int) (bool, error)) (int, error) {
	low, high := 1, most+1 // the smallest is in [low, high]; most+1 stands for none
	for low < high {
		middle := (low + high) / 2
		if middle > most {
			break
		}
		ok, err := works(middle)
		if err != nil {
			return 0, err
		}
		if ok {
			high = middle
		} else {
			low = middle + 1
		}
	}
	if low > most {
		return 0, nil
	}
	return low, nil
}

// within tells whether a command makes a container of so many pages, each time.
func (b *benchmark) within(r *Runtime, bundle string, pages int, command ...string) (bool, error) {
	restore, err := limit(filepath.Join(bundle, "config.json"), int64(pages)*limitUnit<<10)
	if err != nil {
		return false, err
	}
	defer restore()
	for range limitTries {
		id := newID()
		went := b.spawner.soon(r.command(command[0], append(slices.Clone(command[1:]), id)...), limitPatience)
		_, _ = b.spawner.run(r.command("delete", "--force", id)) // there may be nothing
		reap()
		if !went {
			return false, nil
		}
	}
	return true, nil
}

// soon tells whether a command ends well, and in time.
func (s *spawner) soon(argv []string, patience time.Duration) bool {
	pid, err := s.start(argv, nil)
	if err != nil {
		return false
	}
	late := time.AfterFunc(patience, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	defer late.Stop()
	status, err := wait(pid)
	return err == nil && status.ExitStatus() == 0
}

// limit puts a limit on memory into a config.json.
func limit(file string, bytes int64) (restore func(), err error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var config map[string]any
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	linux, ok := config["linux"].(map[string]any)
	if !ok {
		return nil, errors.New(file + " has no section linux")
	}
	resources, ok := linux["resources"].(map[string]any)
	if !ok {
		resources = map[string]any{}
		linux["resources"] = resources
	}
	resources["memory"] = map[string]any{"limit": bytes}
	limited, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(file, limited, 0o644)
	}
	return func() { _ = os.WriteFile(file, text, 0o644) }, err
}
