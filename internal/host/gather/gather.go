// Package gather asks the kernel for host.Facts.
//
// What comes in: nothing but the running kernel. What goes out: the facts, or
// the one clear error that this kernel is too old. It is on the way of every
// create, so it asks as little as it can: four system calls on cgroup v2, and
// one read of /proc/self/mountinfo more on v1, where the hierarchies may lie
// anywhere. It decides nothing; what follows from a fact is decided by who
// reads it.
package gather

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// cgroupRoot is where every distribution mounts its cgroups, one way or the other.
const cgroupRoot = "/sys/fs/cgroup"

// Facts gathers the facts about this host.
func Facts() (host.Facts, error) {
	var f host.Facts
	var uts unix.Utsname
	if err := unix.Uname(&uts); err != nil {
		return f, fmt.Errorf("uname: %w", err)
	}
	var err error
	if f.Kernel, err = kernel(unix.ByteSliceToString(uts.Release[:])); err != nil {
		return f, err
	}
	f.LastCap = lastCap()
	if f.Permitted, err = permitted(); err != nil {
		return f, err
	}

	var st unix.Statfs_t
	if err := unix.Statfs(cgroupRoot, &st); err == nil && st.Type == unix.CGROUP2_SUPER_MAGIC {
		f.Cgroup, f.Unified = host.V2, cgroupRoot
		return f, nil
	}
	// Not there, or a tmpfs with hierarchies: mountinfo tells.
	info, err := readAll("/proc/self/mountinfo")
	if err != nil {
		return f, err
	}
	f.Hierarchies, f.Unified = hierarchies(info)
	if f.Unified != "" {
		f.Cgroup = host.Hybrid
	}
	return f, nil
}

// kernel is the version in a release such as "6.12.4-arch1-1", unless it is too
// old for vial.
func kernel(release string) (host.Version, error) {
	major, rest, _ := strings.Cut(release, ".")
	digits := 0
	for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
		digits++
	}
	a, errMajor := strconv.Atoi(major)
	b, errMinor := strconv.Atoi(rest[:digits])
	if errMajor != nil || errMinor != nil {
		return host.Version{}, fmt.Errorf("uname: kernel release %q starts with no version", release)
	}
	v := host.Version{Major: a, Minor: b}
	if !v.AtLeast(host.Floor.Major, host.Floor.Minor) {
		return v, fmt.Errorf("linux %s is too old: vial requires linux %s or later", v, host.Floor)
	}
	return v, nil
}

// lastCap probes the capabilities upwards from the newest that the oldest
// kernel has. PR_CAPBSET_READ answers EINVAL for a number that the kernel does
// not know (prctl(2)), which costs one call where /proc/sys/kernel/cap_last_cap
// costs three.
func lastCap() int {
	last := unix.CAP_CHECKPOINT_RESTORE // 5.9
	for last < 63 {                     // the sets have 64 bits
		if _, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(last+1), 0, 0, 0); err != nil {
			break
		}
		last++
	}
	return last
}

// permitted is the permitted set of this thread (capget(2)).
func permitted() (uint64, error) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return 0, fmt.Errorf("capget: %w", err)
	}
	return uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted), nil
}

// readAll reads a file of procfs, whose size is unknown.
func readAll(path string) ([]byte, error) {
	fd, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	buf := make([]byte, 0, 16<<10)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := unix.Read(fd, buf[len(buf):cap(buf)])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if n == 0 {
			return buf, nil
		}
		buf = buf[:len(buf)+n]
	}
}

func open(path string) (int, error) {
	for {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != unix.EINTR {
			return fd, err
		}
	}
}
