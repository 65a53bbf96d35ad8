package container

import (
	"errors"

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
	return r.describe(record)
}

func (r *Runtime) describe(record state.Record) (*State, error) {
	status, err := statusOf(record, storedFifo{r.store(), record.ID})
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

// List describes all containers, in the order of their ids.
func (r *Runtime) List() ([]Listed, error) {
	entries, err := r.store().List()
	if err != nil {
		return nil, err
	}
	all := make([]Listed, 0, len(entries))
	for _, e := range entries {
		l := Listed{ID: e.ID, Err: e.Err}
		if l.Err == nil {
			l.State, l.Err = r.describe(e.Record)
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

// A fifoProbe tells whether somebody waits for the start byte.
type fifoProbe interface {
	Waits(fifo string) (bool, error)
}

type storedFifo struct {
	store state.Store
	id    string
}

func (s storedFifo) Waits(fifo string) (bool, error) { return s.store.Waits(s.id, fifo) }

// statusOf finds a container's status. Nothing of it is stored: whether the
// process lives is the kernel's word, and whether it was started too: as long
// as it waits for the start byte, the fifo has a reader.
func statusOf(record state.Record, fifo fifoProbe) (Status, error) {
	if record.Phase == state.PhaseCreating {
		return Creating, nil
	}
	alive, err := record.Alive()
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
	waits, err := fifo.Waits(startFifo)
	if err != nil {
		return "", err
	}
	if waits {
		return Created, nil
	}
	return Running, nil
}
