package cgroup

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// explain says why the kernel does not take a value, where the errno alone does
// not: limits depend on what is in use, on each other, and on the cgroups above.
func explain(path string, w write, err error) error {
	if w.file == memoryLimitFile && errors.Is(err, unix.EBUSY) {
		return tooLow(path, w.value, err)
	}
	for _, r := range [...]struct {
		file  string
		errno unix.Errno
		why   string
	}{
		{memswLimitFile, unix.EBUSY, "more memory and swap is in use"},
		{memoryLimitFile, unix.EINVAL, "it is more than the limit of memory and swap together, which is set with memory.swap"},
		{memswLimitFile, unix.EINVAL, "it is less than the limit of memory"},
		{memswLimitFile, unix.ENOENT, "the kernel does not account for swap (boot it with swapaccount=1)"},
		{"cpu.cfs_quota_us", unix.EINVAL, "a quota is at least 1000 and at most what the cgroups above and cpu.burst leave of cpu.period"},
		{"cpu.cfs_period_us", unix.EINVAL, "a period is 1000 to 1000000, and what cpu.quota takes of it must fit into the cgroups above"},
		{"cpu.cfs_burst_us", unix.EINVAL, "a burst is at most the quota"},
		{"cpu.max", unix.EINVAL, "a period is 1000 to 1000000, and a quota at least 1000 and no less than cpu.burst"},
		{"cpu.max.burst", unix.EINVAL, "a burst is at most the quota"},
		{"cpu.rt_runtime_us", unix.EINVAL, "the cgroups above have less to give, or a realtime process runs"},
		{"cpu.shares", unix.EINVAL, "a cgroup that is idle has no shares"},
		{"cpu.weight", unix.EINVAL, "a cgroup that is idle has no weight"},
		{"cpuset.cpus", unix.EACCES, "they are not all in the cpuset above"},
		{"cpuset.mems", unix.EACCES, "they are not all in the cpuset above"},
		{"cpuset.cpus", unix.ENOSPC, "the processes in the cgroup would have none to run on"},
		{"cpuset.mems", unix.ENOSPC, "the processes in the cgroup would have none"},
		{"cpuset.cpus", unix.EINVAL, "the host has not got them all"},
		{"cpuset.mems", unix.EINVAL, "the host has not got them all"},
		{"cpuset.cpus", unix.ERANGE, "the host has not got so many"},
		{"cpuset.mems", unix.ERANGE, "the host has not got so many"},
		{"cpuset.cpus", unix.EBUSY, "a cpuset below needs what would be taken away"},
		{"cpuset.mems", unix.EBUSY, "a cpuset below needs what would be taken away"},
		{"io.max", unix.ENODEV, "there is no such device, or it is a partition"},
	} {
		if w.file == r.file && errors.Is(err, r.errno) {
			return fmt.Errorf("%s: %w", r.why, err)
		}
	}
	return err
}

// tooLow says why v1 does not take a memory limit: it has given back what it
// could, several times over, before it says EBUSY (mem_cgroup_resize_max).
func tooLow(path, limit string, err error) error {
	number := func(file string) string {
		text, err := readFile(path + "/" + file)
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(text)
	}
	return fmt.Errorf("unable to set memory limit to %s (current usage: %s, peak usage: %s): %w",
		limit, number("memory.usage_in_bytes"), number("memory.max_usage_in_bytes"), err)
}
