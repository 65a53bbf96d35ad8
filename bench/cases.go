package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A benchmark goes through the cases.
type benchmark struct {
	*options
	spawner  *spawner
	runtimes []Runtime
	bundles  *bundles
}

var lastID atomic.Int64

func newID() string { return "vial-bench-" + strconv.FormatInt(lastID.Add(1), 10) }

func (r *Runtime) runCommand(bundle string) []string {
	return r.command("run", "--bundle", bundle, newID())
}

// samples are the times of one case, by runtime.
type samples map[string][]time.Duration

func (b *benchmark) cases() ([]Case, error) {
	var cases []Case
	for _, kind := range []struct{ name, bundle string }{
		{"default config", b.bundles.standard[0]}, {"Docker's config", b.bundles.docker[0]},
	} {
		namespaces, err := namespacesOf(kind.bundle)
		if err != nil {
			return nil, err
		}
		title := kind.name + " (" + strings.Join(namespaces, " ") + ")"
		times, err := b.run(kind.bundle)
		if err != nil {
			return nil, err
		}
		cases = append(cases, b.summary("run, "+title, times))
	}
	life, err := b.lifecycle(b.bundles.standard[0])
	if err != nil {
		return nil, err
	}
	for _, verb := range verbs {
		cases = append(cases, b.summary(verb+", default config", life[verb]))
	}
	times, err := b.exec(b.bundles.standard[0])
	if err != nil {
		return nil, err
	}
	cases = append(cases, b.summary("exec, default config", times))
	for _, more := range []struct {
		verbs []string
		times func(bundle string) (map[string]samples, error)
	}{{pauses, b.pause}, {endings, b.end}} {
		all, err := more.times(b.bundles.standard[0])
		if err != nil {
			return nil, err
		}
		for _, verb := range more.verbs {
			cases = append(cases, b.summary(verb+", default config", all[verb]))
		}
	}
	if times, err = b.crowd(); err != nil {
		return nil, err
	}
	cases = append(cases, b.summary(fmt.Sprintf("run, default config, %d workers at a time", b.workers), times))
	if times, err = b.churn(); err != nil {
		return nil, err
	}
	return append(cases, b.summary(fmt.Sprintf("create + start + delete, default config, %d containers by %d workers", churned, b.workers), times)), nil
}

// alternate lets every runtime have its turn in every round; warm-up rounds
// have negative numbers.
func (b *benchmark) alternate(turn func(r *Runtime, round int) error) error {
	runtime.GC()
	orders := permutations(len(b.runtimes))
	for round := -b.warmup; round < b.rounds; round++ {
		for _, i := range orders[(round+b.warmup)%len(orders)] {
			if err := turn(&b.runtimes[i], round); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *benchmark) run(bundle string) (samples, error) {
	times := samples{}
	err := b.alternate(func(r *Runtime, round int) error {
		took, err := b.spawner.run(r.runCommand(bundle))
		if round >= 0 {
			times[r.Name] = append(times[r.Name], took)
		}
		return err
	})
	return times, err
}

// waiting makes a container of each runtime that waits for start. They go with end.
func (b *benchmark) waiting(bundle string) (ids map[string]string, end func(), err error) {
	ids = map[string]string{}
	end = func() {
		for i := range b.runtimes {
			if r := &b.runtimes[i]; ids[r.Name] != "" {
				_, _ = b.spawner.run(r.command("delete", "--force", ids[r.Name]))
			}
		}
	}
	for i := range b.runtimes {
		r := &b.runtimes[i]
		id := newID()
		if _, err := b.spawner.run(r.command("create", "--bundle", bundle, id)); err != nil {
			return ids, end, err
		}
		ids[r.Name] = id
	}
	return ids, end, nil
}

// exec runs the bundle's program in a container that is there already: its own
// process waits for start, and does nothing meanwhile.
func (b *benchmark) exec(bundle string) (samples, error) {
	times := samples{}
	ids, end, err := b.waiting(bundle)
	defer end()
	if err != nil {
		return nil, err
	}
	err = b.alternate(func(r *Runtime, round int) error {
		took, err := b.spawner.run(r.command("exec", ids[r.Name], "/true"))
		if round >= 0 {
			times[r.Name] = append(times[r.Name], took)
		}
		return err
	})
	return times, err
}

// verbs are the parts of a container's life, and the sum of them.
var verbs = []string{"create", "start", "delete", "create + start + delete"}

func (b *benchmark) lifecycle(bundle string) (map[string]samples, error) {
	times := map[string]samples{}
	for _, verb := range verbs {
		times[verb] = samples{}
	}
	err := b.alternate(func(r *Runtime, round int) error {
		took, err := b.live(r, bundle)
		if err != nil || round < 0 {
			return err
		}
		for i, verb := range verbs {
			times[verb][r.Name] = append(times[verb][r.Name], took[i])
		}
		return nil
	})
	return times, err
}

// live is one life. Between start and delete the process ends; waiting for it
// does not count.
func (b *benchmark) live(r *Runtime, bundle string) (took [4]time.Duration, err error) {
	id, pidFile := newID(), filepath.Join(bundle, "pid")
	if took[0], err = b.spawner.run(r.command("create", "--bundle", bundle, "--pid-file", pidFile, id)); err != nil {
		return took, err
	}
	pid, err := readPid(pidFile)
	if err != nil {
		return took, err
	}
	if took[1], err = b.spawner.run(r.command("start", id)); err != nil {
		return took, err
	}
	if _, err = wait(pid); err != nil {
		return took, err
	}
	took[2], err = b.spawner.run(r.command("delete", id))
	took[3] = took[0] + took[1] + took[2]
	return took, err
}

func readPid(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// reap collects what a runtime has left to init, of which there should be nothing.
func reap() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid <= 0 {
			return
		}
	}
}
