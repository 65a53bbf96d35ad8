package console

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// What the kernel makes of ptmx in a devpts (fs/devpts/inode.c, mknod_ptmx).
const (
	ptmxInode = 2
	ptmxMajor = 5
	ptmxMinor = 2
)

// A Place is a directory in which a terminal may be made.
type Place struct{ device uint64 }

// CheckPlace sees to it that a directory is the root of a devpts. Nobody can
// make, rename or remove anything in one but the kernel, so what is opened
// right in it is what it seems to be.
func CheckPlace(dir int) (Place, error) {
	st, err := statDevpts(dir)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFDIR {
		err = errNoDevpts
	}
	if err != nil {
		return Place{}, err
	}
	return Place{st.Dev}, nil
}

var errNoDevpts = errors.New("no devpts is mounted there: a terminal needs the mount of type devpts on /dev/pts that vial spec writes")

func statDevpts(fd int) (st unix.Stat_t, err error) {
	var fs unix.Statfs_t
	if err = unix.Fstatfs(fd, &fs); err != nil {
		return st, fmt.Errorf("fstatfs: %w", err)
	}
	if fs.Type != unix.DEVPTS_SUPER_MAGIC {
		return st, errNoDevpts
	}
	if err = unix.Fstat(fd, &st); err != nil {
		return st, fmt.Errorf("fstat: %w", err)
	}
	return st, nil
}

// CheckMaster sees to it that fd is the master of a terminal that was made in
// the place, before it is used or given away: whoever receives it trusts it.
func (p Place) CheckMaster(fd int) error {
	st, err := statDevpts(fd)
	if err != nil {
		return err
	}
	if st.Dev != p.device || st.Ino != ptmxInode || st.Mode&unix.S_IFMT != unix.S_IFCHR || st.Rdev != unix.Mkdev(ptmxMajor, ptmxMinor) {
		return errors.New("what was opened is no ptmx of the container's own")
	}
	// Only a master that is open for more than its place has a number.
	if _, err := unix.IoctlGetUint32(fd, unix.TIOCGPTN); err != nil {
		return fmt.Errorf("what was opened is no master of a terminal: ioctl: %w", err)
	}
	return nil
}
