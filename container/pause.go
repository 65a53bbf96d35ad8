package container

import (
	"errors"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// ErrNotPaused says that a container that is to go on does so already, or never
// will.
var ErrNotPaused = errors.New("container not paused")

// Pause stops all processes of a container where they are, and returns once they
// stand still. It is ErrNotRunning for one that is paused or has stopped.
func (r *Runtime) Pause(id string) error { return within("pause", id, r.pause(id)) }

func (r *Runtime) pause(id string) error {
	dir, status, err := r.inspect(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	if status != Created && status != Running {
		return ErrNotRunning
	}
	err = cgroup.Freeze(dir.Record.Cgroup.Paths)
	if errors.Is(err, unix.ENOENT) {
		return ErrNotRunning // just now: its cgroup is gone
	}
	return err
}

// Resume lets a paused container go on. It is ErrNotPaused for any other.
func (r *Runtime) Resume(id string) error { return within("resume", id, r.resume(id)) }

func (r *Runtime) resume(id string) error {
	dir, status, err := r.inspect(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	if status != Paused {
		return ErrNotPaused
	}
	err = cgroup.Thaw(dir.Record.Cgroup.Paths)
	if errors.Is(err, unix.ENOENT) {
		return ErrNotPaused
	}
	return err
}

// checkPaused finds a container paused only if it is so with its directory
// locked: on cgroup v1 kill freezes all processes too, for the moment that it
// takes to signal them.
func (r *Runtime) checkPaused(id string, paths map[string]string) error {
	frozen, err := cgroup.Frozen(paths)
	if err != nil || !frozen {
		return err
	}
	dir, err := r.load(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	if frozen, err = cgroup.Frozen(paths); err == nil && frozen {
		err = errors.New("cannot exec in a paused container (use --ignore-paused to override)")
	}
	return err
}

// inspect locks a container's directory and finds its status.
func (r *Runtime) inspect(id string) (*state.Dir, Status, error) {
	dir, err := r.load(id)
	if err != nil {
		return nil, "", err
	}
	bootID, err := state.BootID()
	var status Status
	if err == nil {
		status, err = r.statusOf(dir.Record, bootID)
	}
	if err != nil {
		dir.Close()
		return nil, "", err
	}
	return dir, status, nil
}
