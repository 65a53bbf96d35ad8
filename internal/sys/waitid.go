package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// siginfo is siginfo_t of a child that has ended, on 64-bit CPUs. What package
// unix has of it ends before the status.
type siginfo struct {
	signo, errno, code, _ int32
	pid, uid, status      int32
	_                     [128 - 28]byte
}

// Codes of a child that has ended (sigaction(2)).
const (
	cldExited = 1
	cldDumped = 3
)

// Waitid is waitid(2) on a pidfd: the status of a child that has ended, in the
// form of wait4(2). With WNOHANG, ended tells whether it has.
func Waitid(pidfd, options int) (status unix.WaitStatus, ended bool, err error) {
	var info siginfo
	for {
		_, _, errno := unix.Syscall6(unix.SYS_WAITID, unix.P_PIDFD, uintptr(pidfd), uintptr(unsafe.Pointer(&info)), uintptr(options), 0, 0)
		switch {
		case errno == unix.EINTR:
			continue
		case errno != 0:
			return 0, false, errno
		case info.pid == 0:
			return 0, false, nil
		}
		break
	}
	switch info.code {
	case cldExited:
		return unix.WaitStatus(info.status << 8), true, nil
	case cldDumped:
		return unix.WaitStatus(info.status | 0x80), true, nil
	}
	return unix.WaitStatus(info.status), true, nil
}
