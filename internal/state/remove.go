package state

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// maxDepth bounds the descriptors that the removal of a tree holds open.
const maxDepth = 32

// Remove removes the directory and all that is in it. The records go first, the
// first one before the other, so there is no moment in which half a container
// looks like a whole or a damaged one. The lock stays until Close.
func (d *Dir) Remove() error {
	if err := d.Clear(); err != nil {
		return err
	}
	if err := unix.Unlinkat(d.root, d.ID, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return fmt.Errorf("rmdir %s: %w", d.Path, err)
	}
	return nil
}

// Clear empties the directory.
func (d *Dir) Clear() error {
	for _, name := range []string{firstName, recordName} {
		if err := d.Unlink(name); err != nil {
			return err
		}
	}
	d.Record, d.Stale, d.Damage = Record{}, false, nil
	return empty(d.fd, d.Path, maxDepth)
}

// empty removes what is in the directory fd. It follows no link and enters no
// mount: what is mounted there is not ours to empty, and rmdir refuses it.
func empty(fd int, path string, depth int) error {
	list, err := names(fd)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	for _, name := range list {
		err := unix.Unlinkat(fd, name, 0)
		if err == unix.EISDIR {
			err = emptyDir(fd, name, path+"/"+name, depth-1)
			if err == nil {
				err = unix.Unlinkat(fd, name, unix.AT_REMOVEDIR)
			}
		}
		switch err {
		case nil, unix.ENOENT:
		case unix.EXDEV, unix.EBUSY:
			return fmt.Errorf("remove %s/%s: something is mounted there; unmount it first: %w", path, name, err)
		default:
			return fmt.Errorf("remove %s/%s: %w", path, name, err)
		}
	}
	return nil
}

func emptyDir(parent int, name, path string, depth int) error {
	if depth == 0 {
		return fmt.Errorf("it lies deeper than %d directories", maxDepth)
	}
	fd, err := openat2(parent, name, &unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return empty(fd, path, depth)
}

// names lists a directory from its start. It takes no descriptor of its own: a
// create that failed for want of one has to clean up too.
func names(dir int) ([]string, error) {
	if _, err := unix.Seek(dir, 0, unix.SEEK_SET); err != nil {
		return nil, err
	}
	var list []string
	buf := make([]byte, 8<<10)
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(dir, buf) })
		if err != nil || n <= 0 {
			return list, err
		}
		_, _, list = unix.ParseDirent(buf[:n], -1, list)
	}
}
