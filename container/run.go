package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/console"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Afterlife is what Run does with a container that has ended.
type Afterlife uint8

const (
	// Remove deletes the container.
	Remove Afterlife = iota
	// Keep leaves its state and its cgroup.
	Keep
)

// Orphans is who gets the processes of a container without a pid namespace of
// its own whose parents have ended.
type Orphans uint8

const (
	// LeaveOrphans leaves them to the init of the host, or whoever is subreaper.
	LeaveOrphans Orphans = iota
	// ReapOrphans makes the calling program their parent as long as Run waits
	// (PR_SET_CHILD_SUBREAPER). It reaps every child of the program then, so
	// it is for programs that do nothing else.
	ReapOrphans
)

// RunOptions are those of Run.
type RunOptions struct {
	Options
	Afterlife Afterlife
	Orphans   Orphans
}

// Run creates and starts a container, waits for its end, and is the exit
// status of its process, 128 and the number of the signal if one killed it.
// Meanwhile the container is like any other: Exec, Kill and State take its id.
func (r *Runtime) Run(id string, o RunOptions) (int, error) {
	status, err := r.run(id, o)
	return status, within("run", id, err)
}

func (r *Runtime) run(id string, o RunOptions) (int, error) {
	if o.Orphans == ReapOrphans {
		// Before there is a process that could leave any.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return 1, fmt.Errorf("become a subreaper: prctl: %w", err)
		}
	}
	o.presence = foreground
	m, err := r.begin(id, o.Options, compile.StartAtOnce)
	if err != nil {
		return 1, err
	}
	session, err := m.console.session(m.child.PidFD)
	defer session.End()
	if err == nil {
		err = m.poststart()
	}
	if err != nil {
		return 1, m.abandon(err)
	}
	defer m.release()
	defer r.awaited.add(id)() // before anybody else may delete it
	if err := m.dir.Release(); err != nil {
		return 1, err
	}
	notified := m.serveNotify()
	ended, err := m.wait(o.Orphans, session)
	notified()
	if err != nil {
		return 1, fmt.Errorf("wait for the container's process: %w", err)
	}
	status := statusAfter(ended)
	if o.Afterlife == Keep {
		return status, nil
	}
	return status, m.finish(o.Orphans)
}

// wait waits for the end of the container's process, and of its terminal's session.
// In a pid namespace of its own orphans are its children, and not vial's.
func (m *making) wait(orphans Orphans, session *console.Session) (unix.WaitStatus, error) {
	to := listener{m.child.PidFD, session}
	m.guard.release(to)
	if orphans == ReapOrphans && !m.record.OwnPIDNS {
		defer m.options.Signals.forwarding(to)()
		status, err := m.child.WaitForAll()
		session.End()
		return status, err
	}
	return m.options.Signals.await(m.child, session)
}

// serveNotify serves the container's socket beside all else, until the process
// is ready or has ended. The result waits for that.
func (m *making) serveNotify() (wait func()) {
	if m.notify == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		m.notify.serve(m.child.PidFD, os.Getpid(), nil)
	}()
	return func() { <-done }
}

// statusAfter is a process's exit status, 128 and the number of the signal if
// one killed it.
func statusAfter(ended unix.WaitStatus) int {
	if ended.Signaled() {
		return 128 + int(ended.Signal())
	}
	return ended.ExitStatus()
}

// finish deletes the container of a process that has been waited for.
func (m *making) finish(orphans Orphans) error {
	err := m.dir.Retake()
	if errors.Is(err, state.ErrNotExist) {
		return nil // somebody else did
	}
	if err == nil && !m.record.OwnPIDNS {
		if orphans == ReapOrphans {
			pids, _ := cgroup.Pids(m.record.Cgroup.Paths)
			defer launch.Reap(pids)
		}
		err = cgroup.Kill(m.record.Cgroup.Paths, unix.SIGKILL)
	}
	if err != nil {
		return err
	}
	return destroy(m.dir, m.record, m.runtime.poststop(m.record, m.config))
}

// RunDetached creates and starts a container and leaves it to itself: to Wait,
// Kill and Delete. Its process is a child of the caller's, whose subreaper gets
// it when the caller ends.
func (r *Runtime) RunDetached(id string, o Options) error {
	m, err := r.runDetached(id, o)
	if err != nil {
		return within("run", id, err)
	}
	defer m.release()
	if m.notify == nil {
		return nil
	}
	if err := m.dir.Release(); err != nil {
		return within("run", id, err)
	}
	m.notify.serve(m.child.PidFD, m.child.Pid, m.guard)
	return nil
}

func (r *Runtime) runDetached(id string, o Options) (*making, error) {
	m, err := r.begin(id, o, compile.StartAtOnce)
	if err != nil {
		return nil, err
	}
	if err := m.poststart(); err != nil {
		return nil, m.abandon(err)
	}
	return m, nil
}

func (m *making) poststart() error {
	return m.runtime.poststart(m.dir, m.config, m.record.BootID, m.guard)
}

// abandon ends a container that runs, since a hook has failed.
func (m *making) abandon(cause error) error {
	err := m.dir.Retake()
	if errors.Is(err, state.ErrNotExist) {
		m.child.Kill() // only to bury it: somebody has deleted the container
		m.release()
		return cause
	}
	if err == nil {
		err = cgroup.Kill(m.record.Cgroup.Paths, unix.SIGKILL)
	}
	if err != nil {
		cause = joined([]error{cause, err})
	}
	return m.undo(cause)
}
