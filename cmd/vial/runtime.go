package main

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// deepen makes room on the stack at once, while there is little on it: what grows
// later is copied, frame by frame, each time that it has doubled.
//
//go:noinline
func deepen() byte {
	var room [24 << 10]byte
	return room[len(room)-1-unix.Getpid()&1]
}

// calmMonitor has the kernel wake Go's monitor thread (runtime.sysmon) a
// millisecond late if that saves a timer. It looks after all others every 20 µs at
// first, beside commands that end after a few milliseconds and leave it nothing to
// do: a tenth of their CPU time. Go makes it first of all threads, so that it has
// the number that follows on the process's, or else stays as it is. That the number
// is a thread's of this process is looked at, since others may be in the way; so is
// CAP_SYS_NICE, which the kernel asks for (proc_timerslack_ns(5)).
func calmMonitor() {
	own := unix.Getpid()
	monitor := own + 1
	if unix.Tgkill(own, monitor, 0) != nil {
		return
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(monitor)+"/timerslack_ns", unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = unix.Write(fd, []byte("1000000"))
	unix.Close(fd)
}
