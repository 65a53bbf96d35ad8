package cgroup

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Pids are the processes in the cgroups and below them, in order. Those that
// are not in vial's pid namespace have no number and are not among them.
func Pids(paths map[string]string) ([]int, error) {
	dir, ok := principal(paths)
	if !ok {
		return nil, nil
	}
	pids, err := treePids(dir)
	slices.Sort(pids)
	return slices.Compact(pids), err
}

// principal is the cgroup whose processes are the container's. On v1 they could
// differ between hierarchies, but for who may write there. A process can leave
// the one for devices least of all.
func principal(paths map[string]string) (string, bool) {
	for _, controller := range []string{"devices", "freezer", "pids", ""} {
		if dir, ok := paths[controller]; ok {
			return dir, true
		}
	}
	for _, dir := range paths {
		return dir, true
	}
	return "", false
}

// treePids reads the processes of a cgroup and of those below it; none if it
// does not exist.
func treePids(dir string) ([]int, error) {
	pids, err := procs(dir)
	if err != nil {
		return nil, err
	}
	names, err := children(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		below, err := treePids(path.Join(dir, name))
		if err != nil {
			return nil, err
		}
		pids = append(pids, below...)
	}
	return pids, nil
}

func procs(dir string) ([]int, error) {
	text, err := readFile(dir + "/cgroup.procs")
	switch {
	case gone(err):
		return nil, nil
	case errors.Is(err, unix.EOPNOTSUPP):
		// A threaded cgroup: its processes are listed above it.
		return nil, nil
	case err != nil:
		return nil, err
	}
	var pids []int
	for line := range strings.SplitSeq(text, "\n") {
		if pid, err := strconv.Atoi(line); err == nil && pid > 0 {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// children are the names of the cgroups right below one.
func children(dir string) ([]string, error) {
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err == unix.ENOENT {
		return nil, nil
	}
	if err != nil {
		return nil, errorAt("open", dir, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, errorAt("stat", dir, err)
	}
	if st.Nlink == 2 {
		return nil, nil // cgroupfs counts directories below in the links
	}
	var list []string
	names, err := readNames(fd)
	if err != nil {
		return nil, errorAt("read", dir, err)
	}
	for _, name := range names {
		if unix.Fstatat(fd, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR {
			list = append(list, name)
		}
	}
	return list, nil
}

// entries are the names of the files and cgroups in one.
func entries(dir string) ([]string, error) {
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, errorAt("open", dir, err)
	}
	defer unix.Close(fd)
	names, err := readNames(fd)
	if err != nil {
		return nil, errorAt("read", dir, err)
	}
	slices.Sort(names)
	return names, nil
}

// readNames reads an open directory. One that has been removed since is empty:
// getdents64(2) is ENOENT there.
func readNames(fd int) (names []string, err error) {
	buf := make([]byte, 8<<10)
	for {
		n, err := retry(func() (int, error) { return unix.Getdents(fd, buf) })
		if gone(err) {
			return nil, nil
		}
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buf[:n], -1, names)
	}
}

// gone tells whether an error says that the cgroup has been removed, before the
// file was opened or after.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV)
}

// OOMKills counts the processes of the container that the kernel has killed for
// want of memory.
func OOMKills(paths map[string]string) (uint64, error) {
	file := paths["memory"] + "/memory.oom_control"
	if _, v1 := paths["memory"]; !v1 {
		dir, ok := paths[""]
		if !ok {
			return 0, nil
		}
		file = dir + "/memory.events"
	}
	text, err := readFile(file)
	if gone(err) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for line := range strings.SplitSeq(text, "\n") {
		if value, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.ParseUint(value, 10, 64)
		}
	}
	return 0, nil
}
