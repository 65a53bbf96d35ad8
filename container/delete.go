package container

import (
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Mode is what Delete may do to a container that has not stopped.
type Mode uint8

const (
	// Gentle refuses a container that runs.
	Gentle Mode = iota
	// Force kills it first, and is content if there is none.
	Force
)

// killPatience is how long a killed process may take to end, in milliseconds.
const killPatience = 10_000

// Delete removes a container and all that is left of it.
func (r *Runtime) Delete(id string, mode Mode) error {
	return within("delete", id, r.delete(id, mode))
}

func (r *Runtime) delete(id string, mode Mode) error {
	dir, err := r.store().LoadAny(id)
	if mode == Force && errors.Is(err, state.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	switch {
	case dir.Stale:
		// What a killed create left goes either way, but only a container
		// that has existed can be deleted.
		if err := destroy(dir, dir.Record); err != nil || mode == Force {
			return err
		}
		return state.ErrNotExist
	case dir.Damage != nil:
		if mode != Force {
			return dir.Damage
		}
		return dir.Remove()
	}
	if err := r.endProcess(dir, mode); err != nil {
		return err
	}
	return destroy(dir, dir.Record)
}

// endProcess sees to it that no process of the container is left.
func (r *Runtime) endProcess(dir *state.Dir, mode Mode) error {
	record := dir.Record
	bootID, err := state.BootID()
	if err != nil {
		return err
	}
	status, err := r.statusOf(record, bootID)
	if err != nil {
		return err
	}
	if mode != Force && (status == Running || status == Paused) {
		return fmt.Errorf("cannot delete container %s that is not stopped: %s", record.ID, status)
	}
	p, err := openProcess(record)
	if err == nil {
		err = endOpened(p, record)
		p.close()
	}
	if err != nil && !errors.Is(err, ErrNotRunning) {
		return err
	}
	if mode == Force || !record.OwnPIDNS {
		if err := cgroup.Kill(record.Cgroup.Paths, unix.SIGKILL); err != nil && !errors.Is(err, unix.ENOENT) {
			return err
		}
	}
	return nil
}

func endOpened(p process, record state.Record) error {
	if err := p.signal(unix.SIGKILL); err != nil {
		return err
	}
	if err := letDie(record); err != nil {
		return err
	}
	ended, err := p.wait(killPatience)
	if err == nil && !ended {
		err = errors.New("container init still running")
	}
	return err
}

// destroy removes what a container without processes has left, and the
// directory last: as long as it stands, a delete can be tried again.
func destroy(dir *state.Dir, record state.Record) error {
	if err := cgroup.Remove(record.Cgroup.Paths); err != nil {
		return fmt.Errorf("unable to remove container's cgroup: %w", err)
	}
	if err := dir.Remove(); err != nil {
		return fmt.Errorf("unable to remove container state dir: %w", err)
	}
	return nil
}
