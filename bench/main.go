// Command bench compares vial with runc and crun on this machine.
//
// What comes in: the three programs (those it finds), and a number of rounds.
// What goes out: a table, or with --json the same numbers for a program. Only
// ratios of one run mean anything: absolute times belong to one machine on one
// day.
//
// How it measures. Every runtime gets the same bundles and the same command
// lines; in each round each of them runs once, and the order goes through all
// permutations, since the kernel takes the network namespace and the cgroups
// of a container apart in the background, at the expense of who comes next.
// A time is that from before the fork to the end of wait4, of a child that has
// the null device as standard input and output; the fork is the same for all
// (vfork, no copy of this process). Nothing is left out as an outlier. The
// container's process is the smallest that there can be: an ELF file of three
// instructions, which bench writes itself, so that the runtimes are measured
// and not the payload.
//
// Where it measures. bench moves into a mount namespace of its own, puts a
// tmpfs there for bundles and state directories, and where asked replaces
// /sys/fs/cgroup by a plain cgroup2. The programs are installed beside
// it. All of it ends with bench.
//
// The files: main.go the flags and the flow, place.go that mount namespace,
// runtimes.go the programs, bundle.go the bundles (elf.go, docker.go), spawn.go
// one timed child, cases.go, endings.go, crowd.go and alive.go what is timed, memory.go and limit.go what is weighed, host.go
// what is stated, stats.go and table.go what becomes of the numbers.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strings"
)

// parts are what there is to measure, in the order in which that happens.
var parts = []string{"times", "alive", "memory"}

// options are the command line.
type options struct {
	rounds, warmup    int
	workers, parallel int
	most              int // containers alive at once
	json              bool
	parts             []string
	cgroup            string
	paths             map[string]string // by runtime
}

func main() {
	err := bench(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*options, error) {
	o := &options{paths: map[string]string{}, parts: parts}
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.IntVar(&o.rounds, "n", 200, "rounds of each case")
	fs.IntVar(&o.warmup, "warmup", 10, "rounds before them that do not count")
	fs.IntVar(&o.workers, "workers", 8, "workers of the parallel case")
	fs.IntVar(&o.parallel, "parallel", 60, "runs of each worker with each runtime")
	fs.IntVar(&o.most, "alive", 1000, "`CONTAINERS` alive at once, beside which state and list are timed; 0 leaves that out")
	fs.BoolVar(&o.json, "json", false, "print JSON, times in microseconds")
	fs.Func("parts", "measure only these `PARTS`, separated by commas: "+strings.Join(parts, ", "), func(list string) error {
		o.parts = strings.Split(list, ",")
		for _, part := range o.parts {
			if !slices.Contains(parts, part) {
				return fmt.Errorf("want some of %s", strings.Join(parts, ", "))
			}
		}
		return nil
	})
	fs.StringVar(&o.cgroup, "cgroup", "auto", "`VIEW` of the cgroups: host, v2 (private and pure), or auto: v2 if a peer needs it")
	for _, name := range names {
		fs.Func(name, "`PATH` of "+name+" (default $"+strings.ToUpper(name)+")", func(path string) error {
			o.paths[name] = path
			return nil
		})
	}
	if err := fs.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() > 0:
		return nil, fmt.Errorf("unexpected argument %q", fs.Arg(0))
	case o.most < 0:
		return nil, errors.New("-alive: want at least 0")
	case o.rounds < 1 || o.warmup < 1 || o.workers < 1 || o.parallel < 1:
		return nil, errors.New("-n, -warmup, -workers and -parallel: want at least 1")
	case o.cgroup != "host" && o.cgroup != "v2" && o.cgroup != "auto":
		return nil, fmt.Errorf("-cgroup %s: want host, v2 or auto", o.cgroup)
	}
	return o, nil
}

func bench(args []string, out io.Writer) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("it makes containers: run it as root")
	}
	place, err := enterPlace(o)
	if place != nil {
		defer place.leave()
	}
	if err != nil {
		return err
	}
	// A collection here would fall into somebody's time.
	debug.SetGCPercent(-1)
	report, err := measure(o, place)
	if err != nil {
		return err
	}
	if o.json {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(report)
	}
	_, err = io.WriteString(out, report.Text())
	return err
}

// measure makes the bundles and goes through the cases.
func measure(o *options, p *place) (*Report, error) {
	runtimes, err := find(o.paths, p)
	if err != nil {
		return nil, err
	}
	bundles, err := makeBundles(runtimes[0], p, o.workers)
	if err != nil {
		return nil, err
	}
	s, err := newSpawner(p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if runtimes, err = p.settle(o, s, runtimes, bundles); err != nil {
		return nil, err
	}
	report := &Report{Host: describeHost(p), Method: o.method(), Runtimes: runtimes}
	b := &benchmark{options: o, spawner: s, runtimes: runtimes, bundles: bundles}
	if slices.Contains(o.parts, "times") {
		if report.Cases, err = b.cases(); err != nil {
			return nil, err
		}
	}
	if slices.Contains(o.parts, "alive") {
		if report.Alive, err = b.alive(); err != nil {
			return nil, err
		}
	}
	if slices.Contains(o.parts, "memory") {
		report.Memory, err = b.memory()
	}
	return report, err
}

func (o *options) method() string {
	return fmt.Sprintf("%d rounds after %d that do not count; parallel: %d workers, %d runs each, one runtime at a time",
		o.rounds, o.warmup, o.workers, o.parallel)
}
