package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/vial-run/vial/internal/compile"
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
	// Signals are sent on to the container's first process.
	Signals <-chan os.Signal
}

// Run creates and starts a container, waits for its end, and is the exit
// status of its process, 128 and the number of the signal if one killed it.
func (r *Runtime) Run(id string, o RunOptions) (int, error) {
	status, err := r.run(id, o)
	return status, within("run", id, err)
}

func (r *Runtime) run(id string, o RunOptions) (int, error) {
	m, err := r.runDetached(id, o.Options)
	if err != nil {
		return 1, err
	}
	m.dir.Close() // the lock: others may look and kill now
	done := make(chan struct{})
	go m.forward(o.Signals, done)
	ended, err := m.child.Wait()
	close(done)
	if err != nil {
		return 1, fmt.Errorf("wait for the container's process: %w", err)
	}
	m.release()
	status := ended.ExitStatus()
	if ended.Signaled() {
		status = 128 + int(ended.Signal())
	}
	if o.Afterlife == Keep {
		return status, nil
	}
	err = r.delete(id, Force)
	return status, err
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

// forward sends signals on. Those that are about vial's own children and
// threads stay here.
func (m *making) forward(signals <-chan os.Signal, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case s := <-signals:
			signal, ok := s.(unix.Signal)
			if !ok || signal == unix.SIGCHLD || signal == unix.SIGURG || signal == unix.SIGPIPE {
				continue
			}
			err := unix.PidfdSendSignal(m.child.PidFD, signal, nil, 0)
			if errors.Is(err, unix.ESRCH) {
				return
			}
		}
	}
}
