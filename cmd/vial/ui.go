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
	"strconv"
	"strings"
	"time"

	"github.com/vial-run/vial/container"
)

// Exit statuses.
const (
	statusError   = 1
	statusUnknown = 3
)

// vial is the whole command.
func vial(args []string, stdout, stderr io.Writer) int {
	g := global{logFormat: "text", logLevel: "error", rootless: "auto", cgroupManager: "cgroupfs"}
	fs := globalFlags(&g)
	if err := fs.Parse(args); err != nil {
		return usageError(flagError(err), stdout, stderr)
	}
	rest := fs.Args()
	switch {
	case g.version:
		printVersion(stdout)
		return 0
	case len(rest) == 0 || rest[0] == "help" && len(rest) == 1 || rest[0] == "h":
		printHelp(stdout)
		return 0
	case rest[0] == "help":
		rest = []string{rest[1], "--help"}
	}
	v, ok := find(rest[0])
	if !ok {
		fmt.Fprintf(stderr, "No help topic for '%s'\n", rest[0])
		return statusUnknown
	}
	return v.call(&g, rest[1:], stdout, stderr)
}

func newFlags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
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
	args, err := parse(fs, args)
	if errors.Is(err, flag.ErrHelp) {
		v.printHelp(stdout)
		return 0
	}
	if err == nil {
		err = v.checkCount(args)
		if err != nil {
			fmt.Fprint(stdout, "Incorrect Usage.\n\n")
			v.printHelp(stdout)
		}
	} else {
		//lint:ignore ST1005 the words of runc
		err = fmt.Errorf("Incorrect Usage: %w", err)
		v.printHelp(stdout)
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
	s.runtime = &container.Runtime{Root: root}
	return do(s, args)
}

func usageError(err error, stdout, stderr io.Writer) int {
	if errors.Is(err, flag.ErrHelp) {
		printHelp(stdout)
		return 0
	}
	printHelp(stdout)
	fmt.Fprintf(stderr, "vial: Incorrect Usage: %s\n", oneLine(err.Error()))
	return statusError
}

// oneLine keeps what a config or a caller wrote from breaking a line.
func oneLine(s string) string {
	if !strings.ContainsAny(s, "\n\r\x00\x1b") {
		return s
	}
	return strings.NewReplacer("\n", `\n`, "\r", `\r`, "\x00", `\x00`, "\x1b", `\x1b`).Replace(s)
}

// A logger writes what --log, --log-format and --log-level ask for.
type logger struct {
	out    io.Writer
	file   *os.File // nil: the log is standard error
	stderr io.Writer
	json   bool
	level  int
}

var levels = map[string]int{"error": 0, "warning": 1, "debug": 2}

func openLog(g *global, stderr io.Writer) (*logger, error) {
	l := &logger{out: stderr, stderr: stderr, json: g.logFormat == "json", level: levels[g.logLevel]}
	if g.debug {
		l.level = levels["debug"]
	}
	if g.logFile == "" {
		return l, nil
	}
	f, err := os.OpenFile(g.logFile, os.O_WRONLY|os.O_APPEND|os.O_CREATE|os.O_SYNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	l.file, l.out = f, f
	return l, nil
}

func (l *logger) close() {
	if l.file != nil {
		l.file.Close()
	}
}

// fail reports the error that ends vial.
func (l *logger) fail(err error) {
	message := oneLine(err.Error())
	if l.file != nil || l.json {
		l.write("error", message)
	}
	if l.file != nil || !l.json {
		fmt.Fprintf(l.stderr, "vial: %s\n", message)
	}
}

// warn reports what is allowed but looks wrong.
func (l *logger) warn(message string) {
	message = oneLine(message)
	switch {
	case l.file == nil && !l.json:
		fmt.Fprintf(l.stderr, "vial: warning: %s\n", message)
	case l.level >= levels["warning"]:
		l.write("warning", message)
	}
}

// debug reports what is done.
func (l *logger) debug(format string, args ...any) {
	if l.level >= levels["debug"] {
		l.write("debug", oneLine(fmt.Sprintf(format, args...)))
	}
}

func (l *logger) write(level, message string) {
	now := time.Now().Format(time.RFC3339)
	if l.json {
		fmt.Fprintf(l.out, `{"level":%s,"msg":%s,"time":%s}`+"\n", quoteJSON(level), quoteJSON(message), quoteJSON(now))
		return
	}
	fmt.Fprintf(l.out, "time=%q level=%s msg=%s\n", now, level, strconv.Quote(message))
}
