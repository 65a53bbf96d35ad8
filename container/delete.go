package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"github.com/vial-run/vial/internal/systemd"
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

// Delete removes a container and all that is left of it. It waits for a first
// process that is this program's child, if nobody else does.
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
		if err := destroy(dir, dir.Record, r.keptPoststop(dir.Record)); err != nil || mode == Force {
			return err
		}
		return state.ErrNotExist
	case dir.Damage != nil:
		if mode != Force {
			return dir.Damage
		}
		return r.deleteDamaged(dir)
	}
	if err := r.endProcess(dir, mode); err != nil {
		return err
	}
	r.debug().say("removes the cgroups and %s", dir.Path)
	return destroy(dir, dir.Record, r.keptPoststop(dir.Record))
}

// deleteDamaged removes a container by its first record, which knows the cgroups:
// every process in them is the container's. A container without cgroups has
// nothing by which its process could be known.
func (r *Runtime) deleteDamaged(dir *state.Dir) error {
	record := dir.Record
	if len(record.Cgroup.Paths) == 0 {
		r.warn("the record of container " + dir.ID + " does not tell of any cgroups: if it has a process or cgroups, they stay")
	}
	if err := cgroup.Kill(record.Cgroup.Paths, unix.SIGKILL); err != nil && !errors.Is(err, unix.ENOENT) {
		return err
	}
	return destroy(dir, record, r.keptPoststop(record))
}

// endProcess sees to it that no process of the container is left.
func (r *Runtime) endProcess(dir *state.Dir, mode Mode) error {
	record := dir.Record
	bootID, err := state.BootID()
	if err != nil {
		return err
	}
	status, err := r.statusOf(record, bootID)
	if err != nil && mode != Force { // by force, it does not matter
		return err
	}
	r.debug().say("the container is %s, its first process is %d", status, record.Pid)
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
	r.bury(record)
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
// directory last: as long as it stands, a delete can be tried again. When all
// is gone comes what is after.
func destroy(dir *state.Dir, record state.Record, after epilogue) error {
	if err := removeCgroups(record); err != nil {
		return fmt.Errorf("unable to remove container's cgroup: %w", err)
	}
	if err := dir.Remove(); err != nil {
		return fmt.Errorf("unable to remove container state dir: %w", err)
	}
	after()
	return nil
}

// removeCgroups removes a container's cgroups, whoever has made them.
func removeCgroups(record state.Record) error {
	return cgroup.RemoveUnit(systemBus(), record.Cgroup.Unit, record.Cgroup.Paths)
}

// systemBus is where systemd is reached: the variable is D-Bus's own, for all
// programs.
func systemBus() systemd.Bus { return systemd.Bus{Address: os.Getenv("DBUS_SYSTEM_BUS_ADDRESS")} }
