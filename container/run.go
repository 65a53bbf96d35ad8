package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
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

// RunOptions are those of Run.
type RunOptions struct {
	Options
	Afterlife Afterlife
	// Notify is called before the process runs, to have signals put into a
	// channel; they are sent on to it. signal.Notify will do. It is nil for
	// none.
	Notify func(chan<- os.Signal)
}

// Run creates and starts a container, waits for its end, and is the exit
// status of its process, 128 and the number of the signal if one killed it.
func (r *Runtime) Run(id string, o RunOptions) (int, error) {
	status, err := r.run(id, o)
	return status, within("run", id, err)
}

func (r *Runtime) run(id string, o RunOptions) (int, error) {
	signals := make(chan os.Signal, 32)
	if o.Notify != nil {
		// While the program is on its way on another CPU: it takes longer than
		// many a process lives. A signal that came before would end vial and
		// leave the process behind.
		o.launched = func() { o.Notify(signals) }
	}
	m, err := r.runDetached(id, o.Options)
	if err != nil {
		return 1, err
	}
	defer m.release()
	if err := m.dir.Release(); err != nil {
		return 1, err
	}
	if o.Notify != nil {
		go m.forward(signals)
	}
	ended, err := m.child.Wait()
	if err != nil {
		return 1, fmt.Errorf("wait for the container's process: %w", err)
	}
	status := ended.ExitStatus()
	if ended.Signaled() {
		status = 128 + int(ended.Signal())
	}
	if o.Afterlife == Keep {
		return status, nil
	}
	return status, m.finish()
}

// finish deletes the container of a process that has been waited for.
func (m *making) finish() error {
	err := m.dir.Retake()
	if errors.Is(err, state.ErrNotExist) {
		return nil // somebody else did
	}
	if err == nil && !m.record.OwnPIDNS {
		err = cgroup.Kill(m.record.Cgroup.Paths, unix.SIGKILL)
	}
	if err != nil {
		return err
	}
	return destroy(m.dir, m.record)
}

// RunDetached creates and starts a container and leaves it to itself.
func (r *Runtime) RunDetached(id string, o Options) error {
	m, err := r.runDetached(id, o)
	if err != nil {
		return within("run", id, err)
	}
	m.release()
	return nil
}

func (r *Runtime) runDetached(id string, o Options) (*making, error) {
	p, err := prepare(id, o, compile.StartAtOnce)
	if err != nil {
		return nil, err
	}
	return r.make(p)
}

// forward sends signals on, until the process has ended. Those that are about
// vial's own children and threads stay here.
func (m *making) forward(signals <-chan os.Signal) {
	for s := range signals {
		signal, ok := s.(unix.Signal)
		if !ok || signal == unix.SIGCHLD || signal == unix.SIGURG || signal == unix.SIGPIPE {
			continue
		}
		if errors.Is(unix.PidfdSendSignal(m.child.PidFD, signal, nil, 0), unix.ESRCH) {
			return
		}
	}
}
