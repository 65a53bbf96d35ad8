package cgroup

import (
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/sys"
	"golang.org/x/sys/unix"
)

// batch is how many processes are held at once: descriptors are few by default.
const batch = 128

// rounds bounds how often Kill looks for processes that have come meanwhile.
const rounds = 100

// Kill sends a signal to every process in the cgroups and below them. With
// SIGKILL a paused container goes on, so that it can die.
func Kill(paths map[string]string, signal unix.Signal) error {
	if dir, ok := paths[""]; ok && signal == unix.SIGKILL {
		// The whole tree at once, and no fork escapes (Linux 5.14).
		err := writeFile(dir+"/cgroup.kill", "1")
		if err != nil && !gone(err) {
			return fmt.Errorf("kill all processes: %w", err)
		}
		if len(paths) == 1 {
			return nil
		}
	}
	if dir, ok := paths["freezer"]; ok {
		return killFrozen(paths, dir, signal)
	}
	return killEach(paths, signal)
}

// killFrozen stops the container meanwhile, so that it cannot fork away.
func killFrozen(paths map[string]string, freezer string, signal unix.Signal) error {
	paused, err := frozenBy(freezer, selfFreezingFile)
	if err != nil {
		return err
	}
	if !paused {
		if err := tellFreezer(freezer, "FROZEN"); err == unix.ENOENT {
			return nil
		} else if err != nil {
			return err
		}
	}
	err = killEach(paths, signal)
	if !paused || signal == unix.SIGKILL {
		if thaw := tellFreezer(freezer, "THAWED"); thaw != unix.ENOENT {
			err = errors.Join(err, thaw)
		}
	}
	return err
}

// killEach signals one process after the other, each once, until no new one
// shows up.
func killEach(paths map[string]string, signal unix.Signal) error {
	dir, ok := principal(paths)
	if !ok {
		return nil
	}
	done := make(map[int]bool)
	for range rounds {
		var fresh []int
		pids, err := treePids(dir)
		if err != nil {
			return err
		}
		for _, pid := range pids {
			if !done[pid] {
				fresh = append(fresh, pid)
				done[pid] = true
			}
		}
		if len(fresh) == 0 {
			return nil
		}
		for len(fresh) > 0 {
			n := min(len(fresh), batch)
			if err := killBatch(dir, fresh[:n], signal); err != nil {
				return err
			}
			fresh = fresh[n:]
		}
	}
	return fmt.Errorf("kill all processes of %s: there are new ones after %d rounds", dir, rounds)
}

// killBatch signals processes that were in the cgroup a moment ago. Their
// numbers may be somebody else's by now: so each is held by a descriptor first,
// and signalled only if the cgroup still has the number after that.
func killBatch(dir string, pids []int, signal unix.Signal) error {
	fds := make(map[int]int, len(pids))
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := sys.PidfdOpen(pid, 0)
		if err == unix.ESRCH {
			continue
		}
		if err != nil {
			return fmt.Errorf("pidfd_open %d: %w", pid, err)
		}
		fds[pid] = fd
	}
	still, err := treePids(dir)
	if err != nil {
		return err
	}
	for _, pid := range still {
		fd, ok := fds[pid]
		if !ok {
			continue
		}
		if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && err != unix.ESRCH {
			return fmt.Errorf("signal process %d: %w", pid, err)
		}
	}
	return nil
}
