package container

import (
	"strconv"

	"github.com/vial-run/vial/internal/compile"
	"golang.org/x/sys/unix"
)

// avoidHostNull gives a process that joins the container's own null device where
// its standard descriptors are the host's: it could change the mode and owner of
// that one for all the host. If the container has none, the program makes one.
func (j *joining) avoidHostNull(in *compile.Input) {
	for i := range in.Stdio {
		if !in.Stdio[i].Null {
			continue
		}
		if j.null < 0 {
			j.null = ownNull(j.record.Pid)
		}
		if j.null < 0 {
			return
		}
		j.stdio[i], in.Stdio[i] = j.null, compile.Stdio{Own: true}
	}
}

// resolveCached is RESOLVE_CACHED of openat2(2), since Linux 5.12.
const resolveCached = 0x20

// ownNull opens /dev/null in the container whose first process pid is, or is -1 if
// that is not what it is called: the container may have put anything there. A
// filesystem that answers late, such as one of FUSE, is not asked: what there is of
// a tmpfs is in the kernel's cache (resolveCached).
func ownNull(pid int) int {
	root, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/root", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	defer unix.Close(root)
	path, err := unix.Openat2(root, "dev/null", &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | resolveCached,
	})
	if err != nil {
		return -1
	}
	defer unix.Close(path)
	var is unix.Statx_t
	if unix.Statx(path, "", unix.AT_EMPTY_PATH|unix.AT_STATX_DONT_SYNC, unix.STATX_TYPE, &is) != nil ||
		is.Mode&unix.S_IFMT != unix.S_IFCHR || is.Rdev_major != 1 || is.Rdev_minor != 3 {
		return -1
	}
	null, err := unix.Open("/proc/self/fd/"+strconv.Itoa(path), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	return null
}
