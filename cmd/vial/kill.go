package main

import (
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/vial-run/vial/container"
	"golang.org/x/sys/unix"
)

func killVerb() verb {
	return verb{
		name: "kill", args: "ID [SIGNAL]", min: 1, max: 2,
		about:   "send a signal (SIGTERM if none is named) to a container",
		example: "vial kill mycont1 KILL",
		define:  defineKill,
	}
}

func defineKill(fs *flag.FlagSet) action {
	var all bool
	fs.BoolVar(&all, "all", false, "signal every process of the container")
	fs.BoolVar(&all, "a", false, "signal every process of the container")
	refused := defineRegex(fs, "kill")
	return func(s *session, args []string) (int, error) {
		if err := refused(); err != nil {
			return statusError, err
		}
		name := ""
		if len(args) == 2 {
			name = args[1]
		}
		signal, err := parseSignal(name)
		if err != nil {
			return statusError, fmt.Errorf("kill: %w", err)
		}
		scope := container.FirstProcess
		if all {
			scope = container.AllProcesses
		}
		return 0, s.runtime.Kill(args[0], signal, scope)
	}
}

// Real-time signals as libc counts them: it keeps the first two to itself.
const (
	rtMin = 34
	rtMax = 64
)

// parseSignal takes a number, or a name in any case with or without SIG, or
// RTMIN+n and RTMAX-n.
func parseSignal(text string) (unix.Signal, error) {
	if text == "" {
		return unix.SIGTERM, nil
	}
	if n, err := strconv.Atoi(text); err == nil {
		if n < 0 || n > rtMax {
			return 0, fmt.Errorf("unknown signal %q", text)
		}
		return unix.Signal(n), nil
	}
	name := strings.TrimPrefix(strings.ToUpper(text), "SIG")
	if n := unix.SignalNum("SIG" + name); n != 0 {
		return n, nil
	}
	if n, ok := realTimeSignal(name); ok {
		return n, nil
	}
	return 0, fmt.Errorf("unknown signal %q", text)
}

func realTimeSignal(name string) (unix.Signal, bool) {
	base, sign := rtMin, "+"
	offset, ok := strings.CutPrefix(name, "RTMIN")
	if !ok {
		base, sign = rtMax, "-"
		if offset, ok = strings.CutPrefix(name, "RTMAX"); !ok {
			return 0, false
		}
	}
	if offset == "" {
		return unix.Signal(base), true
	}
	n, err := strconv.Atoi(offset)
	if err != nil || !strings.HasPrefix(offset, sign) {
		return 0, false
	}
	return unix.Signal(base + n), base+n >= rtMin && base+n <= rtMax
}
