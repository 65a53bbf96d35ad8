package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// hookAct is a hook that appends what it sees to a file: several hooks of a
// container share it, so that their order shows. One write keeps lines whole.
func hookAct(p *probe, _ *report.Act, a []string) error {
	state, err := readAll(0)
	if err != nil {
		return err
	}
	line, err := json.Marshal(report.Hook{Word: a[1], State: state, Process: p.process()})
	if err != nil {
		return err
	}
	fd, err := unix.Open(a[0], unix.O_WRONLY|unix.O_APPEND|unix.O_CREAT|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, append(line, '\n'))
	return err
}

// container is the pid of the container that this is a hook of.
func container() (int, error) {
	text, err := readAll(0)
	if err != nil {
		return 0, err
	}
	var state struct{ Pid int }
	return state.Pid, json.Unmarshal([]byte(text), &state)
}

// endAct ends the container's process, and is there until it has ended: one
// that is only about to can still be joined.
func endAct(*probe, *report.Act, []string) error {
	pid, err := container()
	if err != nil {
		return err
	}
	pidfd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if err := unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0); err != nil {
		return err
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}, -1)
		if err != unix.EINTR {
			return err
		}
	}
}

// enterAct stays on a thread of its own: only who shares its root and working
// directory with nobody may change its mount namespace (setns(2)).
func enterAct(*probe, *report.Act, []string) error {
	pid, err := container()
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return err
	}
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/ns/mnt", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Setns(fd, unix.CLONE_NEWNS)
}

func childAct(_ *probe, _ *report.Act, a []string) error {
	pid, err := syscall.ForkExec("/proc/self/exe", []string{"probe", "sleep"}, &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	if err != nil {
		return err
	}
	return write(a[0], fmt.Sprintln(unix.Getpid(), pid), unix.O_WRONLY|unix.O_CREAT)
}
