package cgroup

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The files that say whether a cgroup itself was told to freeze, whatever those
// above it were told.
const (
	freezeFile       = "cgroup.freeze"
	selfFreezingFile = "freezer.self_freezing"
)

// Frozen tells whether the container is paused.
func Frozen(paths map[string]string) (bool, error) {
	if dir, ok := paths["freezer"]; ok {
		return frozenBy(dir, selfFreezingFile)
	}
	if dir, ok := paths[""]; ok {
		return frozenBy(dir, freezeFile)
	}
	return false, nil
}

func frozenBy(dir, file string) (bool, error) {
	text, err := readFile(dir + "/" + file)
	if gone(err) {
		return false, nil
	}
	return strings.TrimSpace(text) == "1", err
}

// Freeze stops the container and returns once all of it stands still, those
// included whom it forks on the way. When that takes too long everything goes on
// again. unix.ENOENT says that the cgroup is gone.
func Freeze(paths map[string]string) error {
	if dir, ok := paths["freezer"]; ok {
		return freezeV1(dir, time.Now().Add(patience))
	}
	dir, ok := paths[""]
	if !ok {
		return errNoFreezer
	}
	return freezeUnified(dir, patience)
}

// Thaw lets a container that was stopped go on.
func Thaw(paths map[string]string) error {
	if dir, ok := paths["freezer"]; ok {
		return tellFreezer(dir, "THAWED")
	}
	dir, ok := paths[""]
	if !ok {
		return errNoFreezer
	}
	return present(writeFile(dir+"/"+freezeFile, "0"))
}

var errNoFreezer = errors.New("the container has no cgroup that can be frozen: it was made without cgroups, or the host has neither cgroup2 nor a v1 hierarchy with the controller freezer")

// present makes one error of those that say that the cgroup is gone.
func present(err error) error {
	if gone(err) {
		return unix.ENOENT
	}
	return err
}

func freezeUnified(dir string, limit time.Duration) error {
	file := dir + "/cgroup.events"
	events, err := openAt(unix.AT_FDCWD, file, unix.O_RDONLY)
	if err != nil {
		return present(errorAt("open", file, err))
	}
	defer unix.Close(events)
	if err := writeFile(dir+"/"+freezeFile, "1"); err != nil {
		return present(err)
	}
	frozen, err := awaitEvent(events, "frozen 1", limit)
	if frozen && err == nil {
		return nil
	}
	if err == nil {
		err = stillMoving(limit)
	}
	if thaw := writeFile(dir+"/"+freezeFile, "0"); thaw != nil && !gone(thaw) {
		err = errors.Join(err, thaw)
	}
	return present(err)
}

func stillMoving(limit time.Duration) error {
	return fmt.Errorf("timeout of %v reached waiting for the cgroup to freeze", limit)
}

// shake is how many times freezeV1 asks before it lets everything go on for a
// moment: a process may wait for one that stands already.
const shake = 8

// freezeV1 asks a v1 freezer until all is frozen. There is no event: the kernel
// looks at the processes when freezer.state is read, and what stays FREEZING is
// to be asked again, or thawed and asked anew (freezer-subsystem.rst).
func freezeV1(dir string, deadline time.Time) error {
	limit := time.Until(deadline)
	for n, wait := 1, time.Millisecond; ; n++ {
		if err := tellFreezer(dir, "FROZEN"); err != nil {
			return err
		}
		state, err := readFile(dir + "/freezer.state")
		if err != nil {
			return present(err)
		}
		if strings.TrimSpace(state) == "FROZEN" {
			return nil
		}
		late := time.Now().After(deadline)
		if late || n%shake == 0 {
			if err := tellFreezer(dir, "THAWED"); err != nil {
				return err
			}
		}
		if late {
			return stillMoving(limit.Round(time.Second))
		}
		time.Sleep(wait)
		wait = min(2*wait, 50*time.Millisecond)
	}
}

// tellFreezer writes to a v1 freezer and does not wait. What still runs when it
// is told to freeze may fork until it gets there, but its children are told to
// freeze too, so it comes to an end.
func tellFreezer(dir, state string) error {
	return present(writeFile(dir+"/freezer.state", state))
}
