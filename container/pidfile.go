package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// writePidFile writes the digits of pid and nothing else, since callers
// convert them as they are. Who reads the file finds it whole or not at all,
// and a link in its place is replaced, never followed.
func writePidFile(path string, pid int) error {
	digits := strconv.Itoa(pid)
	dir, name := filepath.Split(path)
	temp := dir + "." + name + "." + digits
	err := writeNew(temp, digits)
	if err == unix.EEXIST {
		// Left by a vial that was killed just here: the pid is this container's.
		if err = unix.Unlink(temp); err == nil {
			err = writeNew(temp, digits)
		}
	}
	if err == nil {
		if err = unix.Rename(temp, path); err != nil {
			_ = unix.Unlink(temp)
		}
	}
	if err != nil {
		return fmt.Errorf("write the pid file %s: %w", path, err)
	}
	return nil
}

// writeNew makes a file, whole or not at all.
func writeNew(path, text string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	n, err := unix.Write(fd, []byte(text))
	if err == nil && n < len(text) {
		err = unix.ENOSPC
	}
	if err == nil {
		err = unix.Fchmod(fd, 0o644)
	}
	if closeErr := unix.Close(fd); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(path)
	}
	return err
}
