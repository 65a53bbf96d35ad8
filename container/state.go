package container

import (
	"errors"
	"io/fs"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// State describes a container.
func (r *Runtime) State(id string) (*State, error) {
	s, err := r.state(id)
	return s, within("state", id, err)
}

func (r *Runtime) state(id string) (*State, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	record, err := r.store().Peek(id)
	if err != nil {
		return nil, err
	}
	bootID, err := state.BootID()
	if err != nil {
		return nil, err
	}
	return r.describe(record, bootID)
}

func (r *Runtime) describe(record state.Record, bootID string) (*State, error) {
	status, err := r.statusOf(record, bootID)
	if err != nil {
		return nil, err
	}
	s := &State{
		OCIVersion: record.OCIVersion, ID: record.ID, Pid: record.Pid, Status: status,
		Bundle: record.Bundle, Rootfs: record.Rootfs, Created: record.Created,
		Annotations: record.Annotations, OwnerUID: record.OwnerUID,
	}
	if status == Stopped {
		s.Pid = 0
	}
	return s, nil
}

// A Listed container is one of List.
type Listed struct {
	ID    string
	State *State
	Err   error // why it cannot be described
}

// List describes all containers, in the order of their ids. There are none
// before the first one has made the root.
func (r *Runtime) List() ([]Listed, error) {
	entries, err := r.store().List()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	bootID, err := state.BootID()
	if err != nil {
		return nil, err
	}
	all := make([]Listed, 0, len(entries))
	for _, e := range entries {
		l := Listed{ID: e.ID, Err: e.Err}
		if l.Err == nil {
			l.State, l.Err = r.describe(e.Record, bootID)
		}
		if errors.Is(l.Err, state.ErrNotExist) {
			continue // deleted meanwhile
		}
		all = append(all, l)
	}
	return all, nil
}

// load locks a container's directory.
func (r *Runtime) load(id string) (*state.Dir, error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	return r.store().Load(id)
}

// statusOf finds a container's status. Nothing of it is stored: whether the
// process lives is the kernel's word, and whether it was started too: as long
// as it waits for the start byte, the fifo has a reader.
func (r *Runtime) statusOf(record state.Record, bootID string) (Status, error) {
	if record.Phase == state.PhaseCreating {
		return Creating, nil
	}
	alive, err := record.Alive(bootID)
	if err != nil {
		return "", err
	}
	if !alive {
		return Stopped, nil
	}
	frozen, err := cgroup.Frozen(record.Cgroup.Paths)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return "", err
	}
	if frozen {
		return Paused, nil
	}
	waits, err := waitsForStart(r.store(), record.ID)
	if err != nil {
		return "", err
	}
	if waits {
		return Created, nil
	}
	return Running, nil
}

// waitsForStart tells whether somebody reads the start fifo: then writing to
// it is not ENXIO. A container made by run has no fifo.
func waitsForStart(store state.Store, id string) (bool, error) {
	fd, err := store.OpenFifo(id, startFifo, unix.O_WRONLY|unix.O_NONBLOCK)
	if errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, unix.Close(fd)
}
