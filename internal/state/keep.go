package state

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Keep writes a file of the directory, which stays as it is until KeepAnew. It is not synced: after a crash of the host there is no container to
// need it.
func (d *Dir) Keep(name string, text []byte) error {
	return d.keep(name, text)
}

// KeepAnew replaces what Keep has written: a reader sees the old text or the
// new one, and when KeepAnew fails the old one stays.
func (d *Dir) KeepAnew(name string, text []byte) error {
	temp := "." + name + ".new"
	if err := d.Unlink(temp); err != nil { // left by a vial that was killed just here
		return err
	}
	err := d.keep(temp, text)
	if err == nil {
		if err = unix.Renameat(d.fd, temp, d.fd, name); err != nil {
			err = fmt.Errorf("rename %s/%s: %w", d.Path, temp, err)
		}
	}
	if err != nil {
		unix.Unlinkat(d.fd, temp, 0)
	}
	return err
}

func (d *Dir) keep(name string, text []byte) error {
	fd, err := retry(func() (int, error) {
		return unix.Openat(d.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
	})
	for len(text) > 0 && err == nil {
		var n int
		n, err = retry(func() (int, error) { return unix.Write(fd, text) })
		text = text[max(n, 0):]
	}
	if fd >= 0 {
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("write %s/%s: %w", d.Path, name, err)
	}
	return nil
}

// Kept reads what Keep has written, up to limit bytes, without the container's
// lock.
func (s Store) Kept(id, name string, limit int64) ([]byte, error) {
	if err := CheckID(id); err != nil {
		return nil, err
	}
	root, err := s.open()
	if err != nil {
		return nil, err
	}
	defer unix.Close(root)
	fd, err := openat2(root, id+"/"+name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err == unix.ENOENT {
		return nil, ErrNotExist
	}
	if err != nil {
		return nil, fmt.Errorf("open %s/%s/%s: %w", s.root, id, name, err)
	}
	defer unix.Close(fd)
	text, err := readKept(fd, limit)
	if err != nil {
		return nil, fmt.Errorf("read %s/%s/%s: %w", s.root, id, name, err)
	}
	return text, nil
}

func readKept(fd int, limit int64) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > limit {
		return nil, errors.New("it is no regular file, or too long")
	}
	text := make([]byte, st.Size)
	for n := 0; n < len(text); {
		m, err := retry(func() (int, error) { return unix.Read(fd, text[n:]) })
		if err != nil || m == 0 {
			return text[:n], err
		}
		n += m
	}
	return text, nil
}
