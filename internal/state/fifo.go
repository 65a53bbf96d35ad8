package state

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Fifo makes a fifo in the directory and opens it for reading and writing: who
// holds it so never waits for the other side, and never sees an end of file.
func (d *Dir) Fifo(name string) (*os.File, error) {
	if err := unix.Mkfifoat(d.fd, name, 0o600); err != nil {
		return nil, fmt.Errorf("mkfifo %s/%s: %w", d.Path, name, err)
	}
	fd, err := d.OpenFifo(name, unix.O_RDWR)
	if err != nil {
		unix.Unlinkat(d.fd, name, 0)
		return nil, err
	}
	return os.NewFile(uintptr(fd), d.Path+"/"+name), nil
}

// OpenFifo opens a fifo of the directory with the given access (O_RDONLY,
// O_WRONLY, O_RDWR) and perhaps O_NONBLOCK. Whatever else has that name, a link
// before all, is refused. It is a bare descriptor: an os.File that does not block
// would set up Go's poller, which takes time, and crashes if there are too few
// descriptors.
func (d *Dir) OpenFifo(name string, access int) (int, error) {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, access|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	})
	if err != nil {
		return -1, fmt.Errorf("open fifo %s/%s: %w", d.Path, name, err)
	}
	var st unix.Stat_t
	if err = unix.Fstat(fd, &st); err == nil && st.Mode&unix.S_IFMT != unix.S_IFIFO {
		err = fmt.Errorf("it is no fifo")
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("open fifo %s/%s: %w", d.Path, name, err)
	}
	return fd, nil
}

// Has tells whether the directory has an entry of that name.
func (d *Dir) Has(name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(d.fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil
}

// Unlink removes one entry; that it is not there is fine.
func (d *Dir) Unlink(name string) error {
	if err := unix.Unlinkat(d.fd, name, 0); err != nil && err != unix.ENOENT {
		return fmt.Errorf("unlink %s/%s: %w", d.Path, name, err)
	}
	return nil
}
