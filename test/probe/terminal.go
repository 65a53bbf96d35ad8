package main

import (
	"bytes"
	"os"
	"os/signal"
	"strconv"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// terminalAct looks at the terminal that the probe has, if it has one.
func terminalAct(_ *probe, r *report.Act, _ []string) error {
	t := &report.Terminal{Name: readlink("/proc/self/fd/0")}
	var own, st unix.Stat_t
	for fd := range 3 {
		_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		t.Is[fd] = err == nil
	}
	if unix.Fstat(0, &own) == nil {
		r.File = &report.File{
			Type: fileType(own.Mode), Mode: own.Mode &^ unix.S_IFMT, UID: own.Uid, GID: own.Gid,
			Major: unix.Major(own.Rdev), Minor: unix.Minor(own.Rdev), Device: own.Dev,
		}
	}
	t.Same = true
	for fd := 1; fd < 3; fd++ {
		t.Same = t.Same && unix.Fstat(fd, &st) == nil && st.Rdev == own.Rdev && st.Dev == own.Dev
	}
	if unix.Stat("/dev/console", &st) == nil {
		t.Console = st.Rdev == own.Rdev && st.Dev == own.Dev && st.Ino == own.Ino
	}
	session, err := unix.Getsid(0)
	controlling, ctlErr := unix.IoctlGetInt(0, unix.TIOCGSID)
	t.Controls = err == nil && ctlErr == nil && session == controlling
	group, err := unix.IoctlGetInt(0, unix.TIOCGPGRP)
	t.Foreground = err == nil && group == unix.Getpgrp()
	if size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ); err == nil {
		t.Rows, t.Columns = size.Row, size.Col
	}
	r.Terminal = t
	return nil
}

// winchAct prints "ready", waits for a new size, and prints it.
func winchAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, unix.SIGWINCH)
	writeAll(1, []byte("ready\n"))
	<-signals
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return err
	}
	writeAll(1, []byte("size "+strconv.Itoa(int(size.Row))+" "+strconv.Itoa(int(size.Col))+"\n"))
	return nil
}

// floodAct prints so many numbered lines.
func floodAct(_ *probe, _ *report.Act, a []string) error {
	n, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	var text bytes.Buffer
	for i := range n {
		text.WriteString("line " + strconv.Itoa(i) + "\n")
	}
	writeAll(1, text.Bytes())
	return nil
}

// closeAct closes a descriptor.
func closeAct(_ *probe, _ *report.Act, a []string) error {
	fd, err := strconv.Atoi(a[0])
	if err != nil {
		return err
	}
	return unix.Close(fd)
}
