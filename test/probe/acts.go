package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// An act is one thing that the probe can do.
type act struct {
	arguments int
	do        func(p *probe, r *report.Act, arguments []string) error
	silent    bool // nothing to report if it works
}

// acts is everything that the probe can do.
var acts = map[string]act{
	"report":      {0, reportAct, true},
	"stat":        {1, statAct, false},       // PATH
	"lstat":       {1, lstatAct, false},      // PATH
	"readlink":    {1, readlinkAct, false},   // PATH
	"read":        {1, readAct, false},       // PATH
	"ls":          {1, lsAct, false},         // PATH
	"open":        {2, openAct, false},       // PATH r|w|rw|path|trunc
	"write":       {2, writeAct, false},      // PATH TEXT: into a file, made if it is missing
	"set":         {2, setAct, false},        // PATH TEXT: into a file that exists
	"mkdir":       {1, mkdirAct, false},      // PATH
	"unlink":      {1, unlinkAct, false},     // PATH
	"rmdir":       {1, rmdirAct, false},      // PATH
	"symlink":     {2, symlinkAct, false},    // TARGET PATH
	"chmod":       {2, chmodAct, false},      // PATH OCTAL
	"mknod":       {4, mknodAct, false},      // PATH c|b|p MAJOR MINOR
	"openDevice":  {2, openDeviceAct, false}, // PATH r|w|rw: open, and read or write a byte
	"mount":       {2, mountAct, false},      // TYPE PATH
	"bind":        {2, bindAct, false},       // SOURCE PATH
	"remount":     {1, remountAct, false},    // PATH: read-write
	"umount":      {1, umountAct, false},     // PATH
	"chroot":      {1, chrootAct, false},     // PATH
	"tiocsti":     {1, tiocstiAct, false},    // DESCRIPTOR
	"terminal":    {0, terminalAct, false},   // what standard input is
	"winch":       {0, winchAct, false},      // print "ready", wait for SIGWINCH, print the size
	"flood":       {1, floodAct, true},       // LINES
	"close":       {1, closeAct, false},      // DESCRIPTOR
	"hunt":        {1, huntAct, false},       // TEXT: look for a file that holds it
	"spy":         {1, spyAct, false},        // FILE: look into every process that comes, until the file is there
	"mapped":      {1, mappedAct, false},     // TEXT: whether our address space names it
	"print":       {1, printAct, true},       // TEXT, to standard output
	"warn":        {1, warnAct, true},        // TEXT, to standard error
	"copy":        {0, copyAct, true},        // standard input to standard output
	"hook":        {2, hookAct, true},        // FILE WORD: append a report.Hook to the file
	"enter":       {0, enterAct, true},       // as a hook: the container's mount namespace
	"end":         {0, endAct, true},         // as a hook: kill the container's first process
	"child":       {1, childAct, true},       // FILE: start a probe that sleeps; write both pids
	"strict":      {0, strictAct, true},      // from here on an act that fails ends the probe with status 1
	"exec":        {1, execAct, true},        // PATH: become it, with all words that follow
	"signal-wait": {0, signalWaitAct, true},  // print "ready", then the next signal's name, and end
	"eat":         {0, eatAct, true},         // memory, until it is killed
	"attend":      {1, attendAct, false},     // ACT: as a process of its own; tells how it ended
	"children":    {1, childrenAct, false},   // NUMBER: processes that wait for ever; tells how many there are
	"storm":       {0, stormAct, true},       // print "ready"; processes that make the next and end, for ever
	"tick":        {1, tickAct, true},        // FILE: count in it for ever
	"sleep":       {0, sleepAct, true},       // for ever
	"notify":      {1, notifyAct, false},     // TEXT, to the socket of NOTIFY_SOCKET
	"spawn":       {1, spawnAct, true},       // ACT: let another probe do it, in a session of its own
	"orphan":      {1, orphanAct, true},      // ACT: the same, and be gone from above it
	"exit":        {1, exitAct, true},        // STATUS
	"kill":        {1, killAct, true},        // SIGNAL, itself
}

func printAct(_ *probe, _ *report.Act, a []string) error { writeAll(1, []byte(a[0]+"\n")); return nil }
func warnAct(_ *probe, _ *report.Act, a []string) error  { writeAll(2, []byte(a[0]+"\n")); return nil }

func copyAct(*probe, *report.Act, []string) error {
	buffer := make([]byte, 4096)
	for {
		n, err := unix.Read(0, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return err
		}
		writeAll(1, buffer[:n])
	}
}

func execAct(p *probe, _ *report.Act, a []string) error {
	p.print()
	return unix.Exec(a[0], append([]string{a[0]}, p.rest...), os.Environ())
}

func sleepAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	for {
		_, _ = unix.Poll(nil, -1)
	}
}

func strictAct(p *probe, _ *report.Act, _ []string) error { p.strict = true; return nil }

func exitAct(p *probe, _ *report.Act, a []string) error {
	p.print()
	status, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	os.Exit(status)
	return nil
}

func chrootAct(_ *probe, _ *report.Act, a []string) error { return unix.Chroot(a[0]) }

func mountAct(_ *probe, _ *report.Act, a []string) error {
	return unix.Mount(a[0], a[1], a[0], 0, "")
}

func bindAct(_ *probe, _ *report.Act, a []string) error {
	return unix.Mount(a[0], a[1], "", unix.MS_BIND, "")
}

func remountAct(_ *probe, _ *report.Act, a []string) error {
	return unix.Mount("", a[0], "", unix.MS_REMOUNT|unix.MS_BIND, "")
}

func umountAct(_ *probe, _ *report.Act, a []string) error {
	return unix.Unmount(a[0], unix.MNT_DETACH)
}

// tiocstiAct pushes a character into the terminal that a descriptor is open on.
func tiocstiAct(_ *probe, _ *report.Act, a []string) error {
	fd, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	return unix.IoctlSetPointerInt(fd, unix.TIOCSTI, 'x')
}

// huntAct looks for a text wherever a way out of a container has ever been.
func huntAct(_ *probe, r *report.Act, a []string) error {
	name, text, _ := strings.Cut(a[0], "=")
	for _, dir := range waysOut() {
		for _, path := range []string{dir + name, dir + "/.." + name, dir + "/../../../../../../../.." + name} {
			if strings.Contains(readText(path), text) {
				r.Names = append(r.Names, path)
			}
		}
	}
	return nil
}

func waysOut() []string {
	ways := []string{"", "/" + strings.Repeat("../", 20)}
	for _, process := range []string{"self", "thread-self", "1", "2"} {
		base := "/proc/" + process
		ways = append(ways, base+"/root", base+"/cwd")
		for fd := range 128 {
			ways = append(ways, base+"/fd/"+strconv.Itoa(fd))
		}
	}
	return ways
}

func mappedAct(_ *probe, r *report.Act, a []string) error {
	for line := range strings.Lines(readText("/proc/self/maps")) {
		if strings.Contains(line, a[0]) {
			r.Names = append(r.Names, strings.TrimSpace(line))
		}
	}
	return nil
}
