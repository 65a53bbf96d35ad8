package cgroup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vial-run/vial/internal/sys"
	"golang.org/x/sys/unix"
)

// patience is how long Remove waits for processes that are about to be gone.
const patience = 10 * time.Second

// Remove removes the cgroups, and what the container has made below them. It
// ends nothing: who calls it has killed the processes, and Remove waits a while
// until the kernel is done with them. What is missing is fine.
func Remove(paths map[string]string) error {
	return removeAll(distinct(paths))
}

// distinct are the directories, each once: v1 controllers can share one.
func distinct(paths map[string]string) []string {
	list := make([]string, 0, len(paths))
	for _, dir := range paths {
		if !slices.Contains(list, dir) {
			list = append(list, dir)
		}
	}
	return list
}

func removeAll(list []string) error {
	deadline := time.Now().Add(patience)
	var errs []error
	for _, dir := range list {
		if err := remove(dir, deadline); err != nil {
			errs = append(errs, fmt.Errorf("cgroup: %w", err))
		}
	}
	return errors.Join(errs...)
}

// remove removes one cgroup. The path comes from a record, so it is looked at
// first: nothing but a cgroup is ever removed, and no root of a hierarchy.
func remove(dir string, deadline time.Time) error {
	var st unix.Statfs_t
	switch err := unix.Statfs(dir, &st); {
	case err == unix.ENOENT:
		return nil
	case err != nil:
		return errorAt("statfs", dir, err)
	case st.Type != unix.CGROUP_SUPER_MAGIC && st.Type != unix.CGROUP2_SUPER_MAGIC:
		return fmt.Errorf("remove %s: it is no cgroup", dir)
	}
	if err := rmdir(dir); err != unix.EBUSY {
		if err != nil {
			return errorAt("rmdir", dir, err)
		}
		return nil
	}
	// Processes, or cgroups below it.
	if root, err := isMountpoint(dir); err != nil || root {
		if root {
			err = errors.New("it is the root of a hierarchy")
		}
		return fmt.Errorf("remove %s: %w", dir, err)
	}
	return removeBusy(dir, deadline)
}

func removeBusy(dir string, deadline time.Time) error {
	for {
		err := removeTree(dir)
		if err != unix.EBUSY {
			if err != nil {
				return errorAt("rmdir", dir, err)
			}
			return nil
		}
		if left := time.Until(deadline); left <= 0 {
			pids, _ := treePids(dir)
			return fmt.Errorf("rmdir %s: %w: %d process(es) still in it", dir, err, len(pids))
		} else if err := drain(dir, left); err != nil {
			return err
		}
	}
}

// removeTree removes a cgroup and those below it, deepest first, as far as no
// process is in the way.
func removeTree(dir string) error {
	err := rmdir(dir)
	if err != unix.EBUSY {
		return err
	}
	names, err := children(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := removeTree(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return rmdir(dir)
}

func rmdir(dir string) error {
	err := unix.Rmdir(dir)
	if err == unix.ENOENT {
		return nil
	}
	return err
}

// drain waits until a process has left the cgroup, or for a while.
func drain(dir string, limit time.Duration) error {
	events, err := openAt(unix.AT_FDCWD, dir+"/cgroup.events", unix.O_RDONLY)
	switch err {
	case nil:
		defer unix.Close(events)
		return drainUnified(events, limit)
	case unix.ENOENT, unix.ENODEV: // v1, or gone
		return drainV1(dir, limit)
	}
	return errorAt("open", dir+"/cgroup.events", err)
}

// drainUnified waits until nothing is in a cgroup2 or below it.
func drainUnified(events int, limit time.Duration) error {
	_, err := awaitEvent(events, "populated 0", limit)
	if errors.Is(err, unix.ENODEV) { // removed meanwhile
		return nil
	}
	return err
}

// awaitEvent waits until the cgroup.events of a cgroup2 has a line, and tells
// whether it came in time. The kernel holds back an event that follows another
// within 10 ms (cgroup_file_notify), and a container that lives for less is
// nothing rare: so the first looks do not wait for the event.
func awaitEvent(events int, line string, limit time.Duration) (bool, error) {
	deadline := time.Now().Add(limit)
	buf := make([]byte, 256)
	for wait := time.Millisecond; ; wait *= 2 {
		n, err := retry(func() (int, error) { return unix.Pread(events, buf, 0) })
		if err != nil {
			return false, fmt.Errorf("read cgroup.events: %w", err)
		}
		if strings.Contains(string(buf[:n]), line) {
			return true, nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return false, nil
		}
		poll := []unix.PollFd{{Fd: int32(events), Events: unix.POLLPRI}}
		if _, err := retry(func() (int, error) { return unix.Poll(poll, millis(min(wait, left))) }); err != nil {
			return false, fmt.Errorf("poll cgroup.events: %w", err)
		}
	}
}

// drainV1 waits until one of the processes in a v1 cgroup ends. v1 has no event
// for that, but the processes have. When there is none the kernel is still busy
// with the last of them, and all that is left is to look again.
func drainV1(dir string, limit time.Duration) error {
	pids, err := treePids(dir)
	if err != nil {
		return err
	}
	var poll []unix.PollFd
	for _, pid := range pids[:min(len(pids), batch)] {
		if fd, err := sys.PidfdOpen(pid, 0); err == nil {
			defer unix.Close(fd)
			poll = append(poll, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
		}
	}
	if len(poll) == 0 {
		limit = min(limit, time.Millisecond)
	}
	_, err = retry(func() (int, error) { return unix.Poll(poll, millis(limit)) })
	if err != nil {
		return fmt.Errorf("poll the processes of %s: %w", dir, err)
	}
	return nil
}

// millis rounds up: a poll of 0 would not wait.
func millis(d time.Duration) int { return int((d + time.Millisecond - 1) / time.Millisecond) }

func isMountpoint(dir string) (bool, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, dir, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &st); err != nil {
		return false, errorAt("statx", dir, err)
	}
	return st.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0, nil
}
