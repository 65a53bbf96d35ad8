package main

// The rules of what vial prints:
//
//   - Standard output carries results and nothing else: state, list, listings,
//     help that was asked for.
//   - An error is one line, "vial: " and what was tried on which container,
//     from which field of config.json, and why it failed; lower case, no full
//     stop. It goes to standard error, and with --log to that file as well.
//   - A log in JSON holds exactly one object of level error when vial fails:
//     Podman parses the file as one object, containerd takes the last.
//   - Success prints nothing on standard error: some callers merge the two.
//   - The exit status is 0, or 1 on any error of vial's own, 3 for an unknown
//     command, and for run in the foreground that of the container's process.

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/vial-run/vial/container"
)

// Exit statuses.
const (
	statusError   = 1
	statusUnknown = 3
)

// vial is the whole command.
func vial(args []string, stdout, stderr io.Writer) int {
	g := newGlobal()
	line := reader{fs: globalFlags(&g), args: args, flagsFirst: true}
	rest, err := line.read()
	switch {
	case errors.Is(err, flag.ErrHelp):
		printHelp(stdout)
		return 0
	case err != nil:
		printHelp(stdout)
		return g.fail(incorrect(err), stderr)
	case g.version:
		printVersion(stdout)
		return 0
	case len(rest) == 0:
		printHelp(stdout)
		return 0
	}
	v, err := find(rest[0])
	if err != nil {
		return g.fail(err, stderr)
	}
	return v.call(&g, rest[1:], stdout, stderr)
}

// fail reports an error that comes before any verb's.
func (g *global) fail(err error, stderr io.Writer) int {
	log, logErr := openLog(g, stderr)
	if logErr != nil {
		fmt.Fprintf(stderr, "vial: %s\n", oneLine(logErr.Error()))
		return statusError
	}
	defer log.close()
	log.fail(err)
	return statusOf(err)
}

// statusOf is the exit status for an error of the command line.
func statusOf(err error) int {
	if errors.As(err, new(unknownVerb)) {
		return statusUnknown
	}
	return statusError
}

func incorrect(err error) error {
	//lint:ignore ST1005 the words of runc
	return fmt.Errorf("Incorrect Usage: %w", err)
}

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

func globalFlags(g *global) *flag.FlagSet {
	fs := newFlags("vial")
	g.define(fs)
	return fs
}

// call parses what stands behind the verb and does it.
func (v verb) call(g *global, args []string, stdout, stderr io.Writer) int {
	fs := newFlags(v.name)
	do := v.define(fs)
	// Global flags may stand here too, but the verb's own come first:
	// --rootless means something else to spec.
	globalFlags(g).VisitAll(func(f *flag.Flag) {
		if fs.Lookup(f.Name) == nil {
			fs.Var(f.Value, f.Name, f.Usage)
		}
	})
	line := reader{fs: fs, args: args, flagsFirst: v.flagsFirst}
	args, err := line.read()
	switch {
	case errors.Is(err, flag.ErrHelp):
		v.printHelp(stdout)
		return 0
	case err != nil:
		err = incorrect(err)
		v.printHelp(stdout)
	case g.version:
		printVersion(stdout)
		return 0
	default:
		if err = v.checkCount(args); err != nil {
			fmt.Fprint(stdout, "Incorrect Usage.\n\n")
			v.printHelp(stdout)
		}
	}
	log, logErr := openLog(g, stderr)
	if logErr != nil {
		fmt.Fprintf(stderr, "vial: %s\n", oneLine(logErr.Error()))
		return statusError
	}
	defer log.close()
	status := statusError
	if err == nil {
		status, err = v.do(do, &session{global: *g, stdout: stdout, log: log}, args)
	}
	if err != nil {
		log.fail(err)
		if status == 0 {
			status = statusError
		}
	}
	return status
}

func (v verb) do(do action, s *session, args []string) (int, error) {
	if err := s.check(); err != nil {
		return statusError, err
	}
	root, err := s.stateRoot()
	if err != nil {
		return statusError, err
	}
	s.runtime = &container.Runtime{Root: root, Warn: s.log.warn, Debug: s.log.debug(), NotifySocket: os.Getenv("NOTIFY_SOCKET"), AnyThread: true}
	return do(s, args)
}

// oneLine keeps what a config or a caller wrote from breaking a line.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\n\r\x00\x1b") {
		return s
	}
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x00", `\x00`, "\x1b", `\x1b`).Replace(s)
}
