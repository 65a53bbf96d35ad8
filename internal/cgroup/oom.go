package cgroup

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// An OOMWatch hears of it when the kernel kills, or would kill, a process of the
// container for want of memory. Who waits polls FD for Events, then calls
// Happened.
type OOMWatch struct {
	FD     int // -1, which poll(2) passes over, where nothing limits memory
	Events int16

	dir   string
	v1    bool
	kills uint64 // on cgroup2: those that are known already
}

// WatchOOM begins to watch. What was before does not count.
func WatchOOM(paths map[string]string) (*OOMWatch, error) {
	w := &OOMWatch{FD: -1}
	var err error
	switch dir, v1 := paths["memory"]; {
	case v1:
		w.dir, w.v1 = dir, true
		err = w.beginV1()
	case len(paths) == 1 && paths[""] != "":
		w.dir = paths[""]
		err = w.beginUnified()
	}
	if err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// beginV1 has the kernel count into an eventfd: events of the cgroup, and its end
// as one more (cgroup-v1/memory.rst, 10 and 9).
func (w *OOMWatch) beginV1() (err error) {
	if w.FD, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	w.Events = unix.POLLIN
	file := w.dir + "/memory.oom_control"
	control, err := openAt(unix.AT_FDCWD, file, unix.O_RDONLY)
	if err != nil {
		return errorAt("open", file, err)
	}
	defer unix.Close(control)
	return writeFile(w.dir+"/cgroup.event_control", fmt.Sprintf("%d %d", w.FD, control))
}

func (w *OOMWatch) beginUnified() (err error) {
	file := w.dir + "/memory.events"
	w.FD, err = openAt(unix.AT_FDCWD, file, unix.O_RDONLY)
	if err == unix.ENOENT {
		return nil // no controller for memory
	}
	if err != nil {
		return errorAt("open", file, err)
	}
	w.Events = unix.POLLPRI
	w.kills, err = w.count()
	return err
}

// count reads memory.events, which makes it ready for a poll anew.
func (w *OOMWatch) count() (uint64, error) {
	var buf [4096]byte
	n, err := retry(func() (int, error) { return unix.Pread(w.FD, buf[:], 0) })
	if err == unix.ENODEV { // the cgroup has been removed, and a poll would always return
		w.Close()
		return w.kills, nil
	}
	if err != nil {
		return w.kills, errorAt("read", w.dir+"/memory.events", err)
	}
	table, err := parseTable(string(buf[:n]))
	if err != nil {
		return w.kills, fmt.Errorf("%s/memory.events: %w", w.dir, err)
	}
	return table["oom_kill"], nil
}

// Happened tells whether it has happened since it was asked last.
func (w *OOMWatch) Happened() (bool, error) {
	switch {
	case w.FD < 0:
		return false, nil
	case w.v1:
		return w.signalled()
	}
	kills, err := w.count()
	more := kills > w.kills
	w.kills = kills
	return more, err
}

func (w *OOMWatch) signalled() (bool, error) {
	var count [8]byte
	_, err := retry(func() (int, error) { return unix.Read(w.FD, count[:]) })
	if err == unix.EAGAIN {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read an eventfd: %w", err)
	}
	n := binary.NativeEndian.Uint64(count[:])
	if err := unix.Access(w.dir, unix.F_OK); errors.Is(err, unix.ENOENT) {
		n-- // that was its end
	}
	return n > 0, nil
}

// Close ends the watch.
func (w *OOMWatch) Close() {
	if w.FD >= 0 {
		unix.Close(w.FD)
	}
	w.FD = -1
}
