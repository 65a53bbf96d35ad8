package cgroup

import (
	"golang.org/x/sys/unix"
)

// readFile reads a file of cgroupfs or procfs, whose size is unknown.
func readFile(path string) (string, error) { return readAt(unix.AT_FDCWD, path) }

func readAt(dir int, name string) (string, error) {
	fd, err := openAt(dir, name, unix.O_RDONLY)
	if err != nil {
		return "", errorAt("open", name, err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 512)
	n := 0
	for {
		m, err := retry(func() (int, error) { return unix.Read(fd, buf[n:]) })
		if err != nil {
			return "", errorAt("read", name, err)
		}
		n += m
		// These files say all they have at once, unless the buffer is full.
		if m == 0 || n < len(buf) && n < 4096 {
			return string(buf[:n]), nil
		}
		if n == len(buf) {
			buf = append(buf, make([]byte, len(buf))...)
		}
	}
}

func writeFile(path, text string) error {
	fd, err := openAt(unix.AT_FDCWD, path, unix.O_WRONLY)
	if err != nil {
		return errorAt("open", path, err)
	}
	defer unix.Close(fd)
	if _, err := retry(func() (int, error) { return unix.Write(fd, []byte(text)) }); err != nil {
		return errorAt("write", path, err)
	}
	return nil
}

func openAt(dir int, name string, flags int) (int, error) {
	return retry(func() (int, error) { return unix.Openat(dir, name, flags|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0) })
}

// A pathError is a call that failed on a path.
type pathError struct {
	call, path string
	err        error
}

func errorAt(call, path string, err error) error { return &pathError{call, path, err} }

func (e *pathError) Error() string { return e.call + " " + e.path + ": " + e.err.Error() }
func (e *pathError) Unwrap() error { return e.err }

// retry repeats a system call that a signal has interrupted: the Go runtime
// sends itself signals.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
