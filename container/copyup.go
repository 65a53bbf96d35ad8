package container

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// copyUp copies what is in the directory from into the directory to: the
// option tmpcopyup, for a tmpfs that is about to hide what the rootfs has
// there. Both descriptors may be O_PATH. Links are copied as they are and
// nothing is followed, so all of it stays in the two trees; it stops at mounts.
func copyUp(from, to int) error {
	source, err := readable(from, ".")
	if err != nil {
		return fmt.Errorf("tmpcopyup: open the directory in the rootfs: %w", err)
	}
	defer source.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(source.Fd()), &st); err != nil {
		return fmt.Errorf("tmpcopyup: fstat: %w", err)
	}
	c := copier{device: st.Dev}
	if err := c.directory(source, to); err != nil {
		return fmt.Errorf("tmpcopyup: %w", err)
	}
	return nil
}

// depthLimit bounds how deep a tree is copied: each level holds descriptors.
const depthLimit = 128

type copier struct {
	device uint64
	depth  int
}

func readable(dir int, name string) (*os.File, error) {
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := unix.Openat2(dir, name, &how)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

func (c *copier) directory(from *os.File, to int) error {
	if c.depth++; c.depth > depthLimit {
		return fmt.Errorf("%s: directories are nested more than %d deep", from.Name(), depthLimit)
	}
	defer func() { c.depth-- }()
	names, err := from.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := c.entry(int(from.Fd()), to, name); err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
	}
	return nil
}

func (c *copier) entry(from, to int, name string) error {
	var st unix.Stat_t
	if err := unix.Fstatat(from, name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Dev != c.device {
		return nil
	}
	err := c.content(from, to, name, &st)
	if err != nil {
		return err
	}
	if err := unix.Fchownat(to, name, int(st.Uid), int(st.Gid), unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		return nil
	}
	// After the owner, since a change of owner takes setuid bits away. The
	// name cannot be a link: this tmpfs is not in any namespace yet.
	if err := unix.Fchmodat(to, name, st.Mode&^unix.S_IFMT, 0); err != nil {
		return err
	}
	return unix.UtimesNanoAt(to, name, []unix.Timespec{st.Atim, st.Mtim}, unix.AT_SYMLINK_NOFOLLOW)
}

func (c *copier) content(from, to int, name string, st *unix.Stat_t) error {
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		return c.subdirectory(from, to, name)
	case unix.S_IFLNK:
		return link(from, to, name)
	case unix.S_IFREG:
		return file(from, to, name)
	}
	return unix.Mknodat(to, name, st.Mode, int(st.Rdev))
}

func (c *copier) subdirectory(from, to int, name string) error {
	if err := unix.Mkdirat(to, name, 0o700); err != nil {
		return err
	}
	source, err := readable(from, name)
	if err != nil {
		return err
	}
	defer source.Close()
	made, err := unix.Openat(to, name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(made)
	return c.directory(source, made)
}

func link(from, to int, name string) error {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(from, name, target)
	if err != nil {
		return err
	}
	return unix.Symlinkat(string(target[:n]), to, name)
}

func file(from, to int, name string) error {
	source, err := readable(from, name)
	if err != nil {
		return err
	}
	defer source.Close()
	fd, err := unix.Openat(to, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	made := os.NewFile(uintptr(fd), name)
	_, err = io.Copy(made, source)
	if closeErr := made.Close(); err == nil {
		err = closeErr
	}
	return err
}
