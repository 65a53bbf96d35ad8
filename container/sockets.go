package container

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dialSocket connects to who wants a descriptor, before anything is made; it is
// -1 for an empty path. what is the descriptor.
func dialSocket(what, path string) (fd int, err error) {
	if path == "" {
		return -1, nil
	}
	fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("connect to the %s socket %s: socket: %w", what, path, err)
	}
	if err = connectUnix(fd, path); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("connect to the %s socket %s: %w", what, path, err)
	}
	return fd, nil
}

// connectUnix takes paths longer than an address of unix(7), 107 bytes, too.
func connectUnix(fd int, path string) error {
	if len(path) > 107 {
		dir, err := unix.Open(filepath.Dir(path), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(dir)
		path = fmt.Sprintf("/proc/self/fd/%d/%s", dir, filepath.Base(path))
	}
	return unix.Connect(fd, &unix.SockaddrUnix{Name: path})
}

// sendDescriptor sends one descriptor, and a text with it: without any byte of
// data it would not arrive (unix(7), SCM_RIGHTS).
func sendDescriptor(socket, fd int, text string) error {
	if err := unix.Sendmsg(socket, []byte(text), unix.UnixRights(fd), nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("sendmsg: %w", err)
	}
	return nil
}

// sendPidfd sends a pidfd and what it is for: "standard" is a container's first
// process, "setns" one that joins.
func sendPidfd(socket, pidfd int, what string) error {
	if socket < 0 {
		return nil
	}
	if err := sendDescriptor(socket, pidfd, what); err != nil {
		return fmt.Errorf("send the pidfd: %w", err)
	}
	return nil
}

// closeFD closes a descriptor, unless it is the -1 of one that is not there.
func closeFD(fd int) {
	if fd >= 0 {
		unix.Close(fd)
	}
}
