package sys

import "golang.org/x/sys/unix"

// PidfdOpen is pidfd_open(2). No process of that number is always ESRCH: Linux
// 6.1 and 6.12 say EINVAL (6.18 does not) as long as the number of one that is
// gone still is that of a session or a process group.
func PidfdOpen(pid, flags int) (int, error) {
	fd, err := unix.PidfdOpen(pid, flags)
	if err == unix.EINVAL {
		err = unix.ESRCH
	}
	return fd, err
}
