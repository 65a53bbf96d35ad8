package container

import (
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Scope is whom a signal is for.
type Scope uint8

const (
	// FirstProcess signals the container's first process.
	FirstProcess Scope = iota
	// AllProcesses signals every process of the container, and is content
	// if there are none.
	AllProcesses
)

// Kill sends a signal to a container. SIGKILL for one without a pid namespace
// of its own goes to all its processes, since they do not end with the first.
func (r *Runtime) Kill(id string, signal unix.Signal, scope Scope) error {
	return within("kill", id, r.kill(id, signal, scope))
}

func (r *Runtime) kill(id string, signal unix.Signal, scope Scope) error {
	dir, err := r.load(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	record := dir.Record
	r.debug().say("signal %d for the container whose first process is %d", signal, record.Pid)
	if scope == AllProcesses || signal == unix.SIGKILL && !record.OwnPIDNS {
		if len(record.Cgroup.Paths) > 0 {
			return killAll(record, signal, scope)
		}
		// Without cgroups only the kernel knows the others, and kills them with
		// the first if that has a pid namespace.
		if scope == AllProcesses && (signal != unix.SIGKILL || !record.OwnPIDNS) {
			return fmt.Errorf("unable to kill all processes: %w: leave --all out to signal the first", errNoCgroups)
		}
	}
	p, err := openProcess(record)
	if errors.Is(err, ErrNotRunning) && scope == AllProcesses {
		return nil
	}
	if err != nil {
		return err
	}
	defer p.close()
	if err := p.signal(signal); err != nil || signal != unix.SIGKILL {
		return err
	}
	return letDie(record)
}

// letDie lets a paused container go on, so that it can die: the freezer of
// cgroup v1 holds even what was killed.
func letDie(record state.Record) error {
	frozen, err := cgroup.Frozen(record.Cgroup.Paths)
	if err == nil && frozen {
		err = cgroup.Kill(record.Cgroup.Paths, unix.SIGKILL)
	}
	return err
}

// errNoCgroups says why a container's processes cannot be told from others.
var errNoCgroups = errors.New("the container was made without cgroups: which processes are its own is not known")

func killAll(record state.Record, signal unix.Signal, scope Scope) error {
	pids, err := cgroup.Pids(record.Cgroup.Paths)
	if err == nil && len(pids) == 0 && scope != AllProcesses {
		err = ErrNotRunning
	}
	if err == nil && len(pids) > 0 {
		err = cgroup.Kill(record.Cgroup.Paths, signal)
	}
	if err != nil {
		return fmt.Errorf("unable to kill all processes: %w", err)
	}
	return nil
}

// A process is a container's first process, held by a descriptor, so that
// what is done to it cannot hit another that got its number.
type process struct{ fd int }

// openProcess is ErrNotRunning if the container's first process has ended.
func openProcess(record state.Record) (process, error) {
	bootID, err := state.BootID()
	if err != nil {
		return process{}, err
	}
	fd, err := record.Pidfd(bootID)
	return process{fd}, err
}

func (p process) signal(signal unix.Signal) error {
	err := unix.PidfdSendSignal(p.fd, signal, nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return ErrNotRunning
	}
	if err != nil {
		return fmt.Errorf("send %s: pidfd_send_signal: %w", unix.SignalName(signal), err)
	}
	return nil
}

// wait waits until the process has ended, for so many milliseconds at most.
func (p process) wait(milliseconds int) (ended bool, err error) {
	fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(fds, milliseconds)
		if err != unix.EINTR {
			return n > 0, err
		}
	}
}

func (p process) close() { unix.Close(p.fd) }
