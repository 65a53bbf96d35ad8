package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/container"
)

func updateVerb() verb {
	return verb{
		name: "update", args: "ID", min: 1, max: 1,
		about:   "change the limits of a container",
		example: "vial update --memory 512m --pids-limit 100 mycont1\necho '{\"cpu\": {\"quota\": 50000}}' | vial update --resources - mycont1",
		define:  defineUpdate,
	}
}

// updateFlags are those of update. What is empty is not given.
type updateFlags struct {
	file                   string
	cpus, mems             string
	blkioWeight, pidsLimit string
	numbers                map[string]*string // those of limits that are read alike
	l3Cache, memBandwidth  string
}

func defineUpdate(fs *flag.FlagSet) action {
	u := &updateFlags{}
	u.define(fs)
	return func(s *session, args []string) (int, error) {
		r, err := u.resources(s)
		if err != nil {
			return statusError, fmt.Errorf("update: %w", err)
		}
		return 0, s.runtime.Update(args[0], r)
	}
}

func (u *updateFlags) define(fs *flag.FlagSet) {
	u.numbers = map[string]*string{}
	for _, name := range []string{"resources", "r"} {
		fs.StringVar(&u.file, name, "", "read the limits from `FILE`, or from standard input if it is -: linux.resources as JSON; other options are ignored")
	}
	for _, f := range [...]struct{ name, usage string }{
		{"cpu-period", "give out CPU time in periods of `MICROSECONDS`"},
		{"cpu-quota", "let the container have `MICROSECONDS` of CPU time in each period; -1 is no limit"},
		{"cpu-burst", "let it save up `MICROSECONDS` of unused CPU time"},
		{"cpu-share", "give it `SHARES` of CPU time when others want some too (1024 is usual)"},
		{"cpu-rt-period", "realtime: periods of `MICROSECONDS` (cgroup v1)"},
		{"cpu-rt-runtime", "realtime: `MICROSECONDS` in each period (cgroup v1)"},
		{"cpu-idle", "`IDLE` 1 lets it run only when nobody else wants to, 0 as usual"},
		{"memory", "limit memory to `BYTES`; k, m, g and t are units; -1 is no limit"},
		{"memory-reservation", "keep `BYTES` of memory for it"},
		{"memory-swap", "limit memory and swap together to `BYTES`; -1 is no limit"},
		{"kernel-memory", "accepted for old callers, without effect: `BYTES`"},
		{"kernel-memory-tcp", "accepted for old callers, without effect: `BYTES`"},
	} {
		u.numbers[f.name] = fs.String(f.name, "", f.usage)
	}
	fs.StringVar(&u.blkioWeight, "blkio-weight", "", "weigh its block I/O with `WEIGHT`: 10 to 1000")
	fs.StringVar(&u.pidsLimit, "pids-limit", "", "allow `N` processes and threads; -1 is no limit")
	fs.StringVar(&u.cpus, "cpuset-cpus", "", "run on the CPUs of `LIST`, such as 0-3,7")
	fs.StringVar(&u.mems, "cpuset-mems", "", "use the memory nodes of `LIST`")
	fs.StringVar(&u.l3Cache, "l3-cache-schema", "", "Intel RDT/CAT `SCHEMA` (not yet)")
	fs.StringVar(&u.memBandwidth, "mem-bw-schema", "", "Intel RDT/MBA `SCHEMA` (not yet)")
}

func (u *updateFlags) resources(s *session) (*specs.LinuxResources, error) {
	switch {
	case u.l3Cache != "":
		return nil, errors.New("--l3-cache-schema: not supported yet: Intel RDT")
	case u.memBandwidth != "":
		return nil, errors.New("--mem-bw-schema: not supported yet: Intel RDT")
	case u.file == "":
		return u.limits()
	}
	text, err := readResources(u.file)
	if err != nil {
		return nil, err
	}
	r, warnings, err := container.ParseResources(text)
	for _, w := range warnings {
		s.log.warn(w)
	}
	return r, err
}

// resourcesLimit bounds what is read as resources.
const resourcesLimit = 1 << 20

func readResources(file string) ([]byte, error) {
	in := os.Stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, resourcesLimit+1))
	if err == nil && len(text) > resourcesLimit {
		err = fmt.Errorf("--resources %s: it is longer than %d bytes", file, resourcesLimit)
	}
	return text, err
}

// limits are what the flags ask for.
func (u *updateFlags) limits() (*specs.LinuxResources, error) {
	m, c, b, p := &specs.LinuxMemory{}, &specs.LinuxCPU{Cpus: u.cpus, Mems: u.mems}, &specs.LinuxBlockIO{}, &specs.LinuxPids{}
	n := &numbers{u: u}
	m.Limit, m.Reservation, m.Swap = n.bytes("memory"), n.bytes("memory-reservation"), n.bytes("memory-swap")
	//lint:ignore SA1019 deprecated, but callers still write it
	m.Kernel, m.KernelTCP = n.bytes("kernel-memory"), n.bytes("kernel-memory-tcp")
	c.Shares, c.Period, c.Burst, c.RealtimePeriod = n.unsigned("cpu-share"), n.unsigned("cpu-period"), n.unsigned("cpu-burst"), n.unsigned("cpu-rt-period")
	c.Quota, c.RealtimeRuntime, c.Idle = n.signed("cpu-quota"), n.signed("cpu-rt-runtime"), n.signed("cpu-idle")
	b.Weight = parsed(n, "blkio-weight", u.blkioWeight, func(text string) (uint16, error) {
		w, err := strconv.ParseUint(text, 10, 16)
		return uint16(w), err
	})
	p.Limit = parsed(n, "pids-limit", u.pidsLimit, parseSigned)
	return &specs.LinuxResources{Memory: m, CPU: c, BlockIO: b, Pids: p}, n.err
}

// numbers reads flags. The first error sticks.
type numbers struct {
	u   *updateFlags
	err error
}

func (n *numbers) bytes(name string) *int64 { return parsed(n, name, *n.u.numbers[name], parseBytes) }

func (n *numbers) signed(name string) *int64 {
	return parsed(n, name, *n.u.numbers[name], parseSigned)
}

func (n *numbers) unsigned(name string) *uint64 {
	return parsed(n, name, *n.u.numbers[name], func(text string) (uint64, error) { return strconv.ParseUint(text, 10, 64) })
}

// parsed is nil for a flag that is not given.
func parsed[T any](n *numbers, name, text string, parse func(string) (T, error)) *T {
	if text == "" || n.err != nil {
		return nil
	}
	v, err := parse(text)
	if err != nil {
		n.err = fmt.Errorf("invalid value for %s: %w", name, err)
		return nil
	}
	return &v
}

func parseSigned(text string) (int64, error) { return strconv.ParseInt(text, 10, 64) }

// parseBytes reads a number of bytes such as 512m, 1.5G, 64KiB, or -1.
func parseBytes(text string) (int64, error) {
	if text == "-1" {
		return -1, nil
	}
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	unit := strings.ToLower(strings.TrimPrefix(text[end:], " "))
	shift := 10 * (strings.IndexByte("kmgtp", (unit + "b")[0]) + 1)
	if shift > 0 {
		unit = strings.TrimPrefix(unit[1:], "i")
	}
	if unit != "" && unit != "b" {
		return 0, fmt.Errorf("%q is no size such as 512m", text)
	}
	// Not every whole number is exact as a float.
	if n, err := strconv.ParseInt(text[:end], 10, 64); err == nil && n <= math.MaxInt64>>shift {
		return n << shift, nil
	}
	n, err := strconv.ParseFloat(text[:end], 64)
	if err != nil {
		return 0, fmt.Errorf("%q is no size such as 512m", text)
	}
	if n = math.Ldexp(n, shift); n >= 1<<63 {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return int64(n), nil
}
