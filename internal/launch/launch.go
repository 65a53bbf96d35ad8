// Package launch starts programs and talks with them until they are done. It
// is the only place in vial that starts a process of a container.
//
// What comes in: a program, its image, and the descriptors that it expects
// (Start), then somebody who serves its requests (Serve). What goes out: the
// pid of the container's first process, or the error that the program reported,
// in the words of config.json.
//
//	vial                          stage 0                  stage 1
//	  │ memfd: image, sealed
//	  │ fork+exec ───────────────▶ │
//	  │                            │ clone3(CLONE_PARENT) ─▶ │
//	  │ ◀──────────────── pid ──── │ exit                    │
//	  │ ◀──────────────────────────────────────── request ── │
//	  │ ── answer ─────────────────────────────────────────▶ │
//	  │ ◀──────────────────────── failure, or end of file ── │
//
// The channel is a SOCK_SEQPACKET pair; package program defines its messages.
// The kernel adds to each who sent it (SO_PASSCRED), so a first process whose
// pid comes late, or never because stage 0 was killed, is known nevertheless.
// A program that reads an end of file from it knows that vial is gone, and ends.
//
// The package does not know what a request means, nor what a program does.
package launch

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Child is a program that has been started.
type Child struct {
	channel int // vial's end
	stage0  int // pid of the process that clones the container's first one; 0 once reaped
	Pid     int // of the container's first process; 0 until it is known
	PidFD   int // the same as a descriptor; -1 until it is known
}

// A Plan is what Start needs.
type Plan struct {
	Image    []byte
	TmpDir   string // a directory for the image where the host denies executable memfds
	Stdio    [3]int
	Inherits func(channel int) []int // the descriptors from number 3 on, given the program's end of the channel
}

// Start executes the image. The descriptors are the child's from number 0 on.
func Start(p Plan) (*Child, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("make the channel to the container's first process: socketpair: %w", err)
	}
	defer unix.Close(pair[1])
	if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("make the channel to the container's first process: setsockopt: %w", err)
	}
	files := []uintptr{uintptr(p.Stdio[0]), uintptr(p.Stdio[1]), uintptr(p.Stdio[2])}
	for _, fd := range p.Inherits(pair[1]) {
		files = append(files, uintptr(fd))
	}
	exe, err := openImage(p.Image, p.TmpDir, above(files))
	if err != nil {
		unix.Close(pair[0])
		return nil, err
	}
	defer unix.Close(exe)
	pid, err := syscall.ForkExec(fmt.Sprintf("/proc/self/fd/%d", exe), []string{"vial"}, &syscall.ProcAttr{Files: files, Env: []string{}})
	if err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("start the container's first process: %w", err)
	}
	return &Child{channel: pair[0], stage0: pid, PidFD: -1}, nil
}

// above is the least number that package syscall does not use in the child
// while it moves the descriptors to their places: it starts behind both the
// highest of them and their count, and moves each once at most, and its pipe.
func above(files []uintptr) int {
	highest := uintptr(len(files))
	for _, fd := range files {
		highest = max(highest, fd)
	}
	return int(highest) + len(files) + 3
}

// Close closes the channel. A program that still waits for an answer ends.
func (c *Child) Close() {
	if c.channel >= 0 {
		unix.Close(c.channel)
		c.channel = -1
	}
}

// Release closes every descriptor; the process goes its own way.
func (c *Child) Release() {
	c.Close()
	if c.PidFD >= 0 {
		unix.Close(c.PidFD)
		c.PidFD = -1
	}
}

// Kill ends the program at whatever stage it is, and reaps it.
func (c *Child) Kill() {
	if c.stage0 > 0 {
		_ = unix.Kill(c.stage0, unix.SIGKILL)
		_, _ = wait(c.stage0)
		if c.Pid == 0 {
			c.Pid = c.unannounced()
		}
		c.stage0 = 0
	}
	c.Close()
	if c.Pid > 0 {
		_ = unix.Kill(c.Pid, unix.SIGKILL)
		_, _ = wait(c.Pid)
		c.Pid = 0
	}
}

// Wait waits for the container's first process to end and is its status, or
// that of stage 0 if it did not come to that.
func (c *Child) Wait() (unix.WaitStatus, error) {
	process := &c.Pid
	if c.Pid == 0 {
		process = &c.stage0
	}
	if *process == 0 { // to wait for 0 would be to wait for anybody
		return 0, unix.ECHILD
	}
	status, err := wait(*process)
	if err == nil {
		*process = 0
	}
	return status, err
}

func wait(pid int) (status unix.WaitStatus, err error) {
	for {
		_, err = unix.Wait4(pid, &status, unix.WALL, nil)
		if err != unix.EINTR {
			return status, err
		}
	}
}
