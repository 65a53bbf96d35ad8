package main

import (
	"runtime"
	"strconv"
	"time"
	"unsafe"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// eatAct fills memory until it is killed.
func eatAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	var food [][]byte
	for {
		bite := make([]byte, 1<<20)
		for i := 0; i < len(bite); i += 4096 {
			bite[i] = 1
		}
		food = append(food, bite)
		runtime.KeepAlive(food)
	}
}

// attendAct runs the probe once more, for one act, and tells how it ended.
func attendAct(_ *probe, r *report.Act, a []string) error {
	child, err := spawn(a[0])
	if err != nil {
		return err
	}
	state, err := child.Wait()
	if err == nil {
		r.Text = state.String()
	}
	return err
}

// tickAct counts in a file for ever.
func tickAct(p *probe, _ *report.Act, a []string) error {
	p.print()
	fd, err := unix.Open(a[0], unix.O_WRONLY|unix.O_CREAT|unix.O_CLOEXEC, 0o644)
	if err != nil {
		return err
	}
	for n := 0; ; n++ {
		if _, err := unix.Pwrite(fd, []byte(strconv.Itoa(n)), 0); err != nil {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

// childrenAct makes processes that wait for ever, and tells how many came to be.
func childrenAct(_ *probe, r *report.Act, a []string) error {
	n, err := strconv.Atoi(a[0])
	for i := range n {
		if err != nil {
			break
		}
		err = fork(func() { pause(nil) })
		r.Text = strconv.Itoa(i)
		if err == nil {
			r.Text = strconv.Itoa(i + 1)
		}
	}
	return err
}

// stormAct makes processes for ever: each makes the next and ends, and here they
// are buried.
func stormAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return err
	}
	moment := unix.Timespec{Nsec: 1_000_000}
	for range 8 {
		err := fork(func() {
			pause(&moment)
			if child, _, _ := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0); child != 0 {
				unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
			}
		})
		if err != nil {
			return err
		}
	}
	writeAll(1, []byte("ready\n"))
	for {
		_, _ = unix.Wait4(-1, nil, 0, nil)
	}
}

// fork makes a process that repeats do for ever. It has this one's memory and a
// single thread, so do may make raw system calls and nothing else.
func fork(do func()) error {
	child, _, errno := unix.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	for child == 0 {
		do()
	}
	return nil
}

// pause waits for so long, or for ever without one.
func pause(limit *unix.Timespec) {
	unix.RawSyscall6(unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(limit)), 0, 0, 0)
}
