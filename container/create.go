package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/image"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Names of the fifos in the state directory.
const (
	startFifo  = "start"
	resultFifo = "result"
)

// Create makes a container and leaves its first process waiting for Start.
func (r *Runtime) Create(id string, o Options) error {
	return within("create", id, r.create(id, o))
}

func (r *Runtime) create(id string, o Options) error {
	p, err := prepare(id, o, compile.StartOnRequest)
	if err != nil {
		return err
	}
	m, err := r.make(p)
	if err != nil {
		return err
	}
	m.release()
	return nil
}

// within puts the command and the container before an error.
func within(command, id string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s %s: %w", command, printable(id), err)
}

// printable is an id that may be anything, fit for one line.
func printable(id string) string {
	if state.CheckID(id) == nil {
		return id
	}
	if len(id) > 64 {
		id = id[:64] + "…"
	}
	return strconv.Quote(id)
}

// A making is a container on its way, and what stands of it so far.
type making struct {
	*prepared
	dir    *state.Dir
	files  []*os.File // parallel to output.Inherited; nil for the channel
	child  *launch.Child
	record state.Record
	said   bool // the pid file has been written
}

// make makes the container up to where its program waits to be started, or
// runs; on an error nothing stands.
func (r *Runtime) make(p *prepared) (*making, error) {
	m := &making{prepared: p}
	p.options.Debug("compiled %s: %d steps, %d calls", p.id, len(p.output.Program.Steps), len(p.output.Program.Calls))
	img, err := image.Build(p.output.Program.Encode(image.Native()))
	if err == nil {
		err = m.occupy(r.store())
	}
	if err == nil && p.facts.Cgroup != host.V2 {
		// On v1 rules for devices are written one by one, after one that denies
		// all: the program, which makes devices, must not enter meanwhile.
		err = m.cgroups.Set()
	}
	if err == nil {
		err = m.launch(img)
	}
	if err == nil && p.options.launched != nil {
		p.options.launched()
	}
	if err == nil && p.facts.Cgroup == host.V2 {
		// The program is on its way on another CPU meanwhile; it does not go
		// past RequestReady before the limits stand.
		err = m.cgroups.Set()
	}
	if err == nil {
		err = m.converse()
	}
	if err == nil {
		err = m.dir.Confirm()
	}
	if err != nil {
		return nil, m.undo(err)
	}
	return m, nil
}

// occupy takes the id: the directory, its first record, the cgroup.
func (m *making) occupy(store state.Store) (err error) {
	if m.dir, err = store.Create(m.id); err != nil {
		return err
	}
	if m.dir.Stale {
		// A killed create left this. Its process ended with it.
		if err := cgroup.Remove(m.dir.Record.Cgroup.Paths); err != nil {
			m.dir.Close() // with the record, which still says where they are
			m.dir = nil
			return fmt.Errorf("clean up after a create that was killed: %w", err)
		}
		if err := m.dir.Clear(); err != nil {
			return err
		}
	}
	spec := m.config.Spec
	m.record = state.Record{
		Version: state.RecordVersion, ID: m.id, OCIVersion: spec.Version,
		Bundle: m.options.Bundle, Rootfs: m.rootfs, Exec: m.output.Exec,
		Created: time.Now().UTC(), Phase: state.PhaseCreating,
		Annotations: spec.Annotations,
		Cgroup:      state.Cgroup{Driver: "fs", Paths: m.cgroups.Paths()},
		OwnerUID:    os.Geteuid(),
		OwnPIDNS:    m.config.Namespaces.Has(unix.CLONE_NEWPID),
	}
	if err := m.dir.Write(m.record); err != nil {
		return err
	}
	if err := m.cgroups.Create(); err != nil {
		return err
	}
	return m.open()
}

// open opens what the program inherits.
func (m *making) open() error {
	tasks, err := m.cgroups.Tasks()
	for _, role := range m.output.Inherited {
		var f *os.File
		switch role {
		case compile.RoleStart:
			f, err = orFile(err, func() (*os.File, error) { return m.dir.Fifo(startFifo) })
		case compile.RoleResult:
			f, err = orFile(err, func() (*os.File, error) { return m.dir.Fifo(resultFifo) })
		case compile.RoleCgroup:
			f, err = orFile(err, m.cgroups.Dir)
		case compile.RoleTasks:
			if len(tasks) > 0 {
				f, tasks = tasks[0], tasks[1:]
			}
		}
		m.files = append(m.files, f)
	}
	return err
}

// orFile opens a file if nothing has failed yet.
func orFile(err error, open func() (*os.File, error)) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	return open()
}

func (m *making) launch(img []byte) (err error) {
	m.child, err = launch.Start(launch.Plan{
		Image:  img,
		TmpDir: m.dir.Path,
		Stdio:  [3]int{0, 1, 2},
		Inherits: func(channel int) []int {
			fds := make([]int, len(m.files))
			for i, f := range m.files {
				fds[i] = channel
				if f != nil {
					fds[i] = int(f.Fd())
				}
			}
			return fds
		},
	})
	return err
}

// converse serves the program until it waits to be started, or runs.
func (m *making) converse() error {
	err := m.child.Serve(m.output.Program, m.answer)
	if errors.Is(err, launch.ErrGone) {
		return m.whyGone()
	}
	return err
}

// whyGone finds words for a program that was killed.
func (m *making) whyGone() error {
	status, err := m.child.Wait()
	if kills, oomErr := cgroup.OOMKills(m.record.Cgroup.Paths); oomErr == nil && kills > 0 {
		return errors.New("linux.resources.memory.limit: container init was OOM-killed (memory limit too low?)")
	}
	switch {
	case err != nil:
		return launch.ErrGone
	case status.Signaled():
		return fmt.Errorf("%w by signal %s", launch.ErrGone, unix.SignalName(status.Signal()))
	}
	return fmt.Errorf("the container's first process ended with status %d and gave no reason", status.ExitStatus())
}

// undo takes back what stands. The error that led here leads.
func (m *making) undo(cause error) error {
	if m.child != nil {
		m.child.Kill()
		m.child.Release()
	}
	errs := []error{cause}
	if m.said {
		errs = append(errs, os.Remove(m.options.PidFile))
	}
	if m.dir != nil && !errors.Is(cause, state.ErrExist) {
		errs = append(errs, m.cgroups.Undo())
		errs = append(errs, m.dir.Remove())
	}
	m.close()
	return joined(errs)
}

// joined is the first error, with what went wrong after it behind it.
func joined(errs []error) error {
	first := errs[0]
	for _, err := range errs[1:] {
		if err != nil {
			first = fmt.Errorf("%w; then, cleaning up: %v", first, err)
		}
	}
	return first
}

// close closes the files of the making, and gives up the lock.
func (m *making) close() {
	for _, f := range m.files {
		if f != nil {
			f.Close()
		}
	}
	if m.dir != nil {
		m.dir.Close()
	}
}

// release lets the container go its own way.
func (m *making) release() {
	m.child.Release()
	m.close()
}

// answer serves one request of the program.
func (m *making) answer(q launch.Question) ([]byte, error) {
	m.options.Debug("process %d: %s: %s: asks for: %s", m.child.Pid, q.Step.Origin, q.Step.Phrase, q.Kind)
	switch q.Kind {
	case program.RequestHome:
		return homeAnswer(q.FDs[0], m.config.Spec.Process.User.UID), nil
	case program.RequestCopyUp:
		return nil, copyUp(q.FDs[0], q.FDs[1])
	case program.RequestReady:
		return nil, m.ready()
	}
	return nil, fmt.Errorf("internal error: request %d", q.Kind)
}

// ready makes the container known before its program goes on.
func (m *making) ready() (err error) {
	m.record.Pid = m.child.Pid
	m.record.Phase = state.PhaseReady
	m.record.StartTime, err = state.StartTime(m.child.Pid)
	if errors.Is(err, state.ErrNotRunning) {
		return launch.ErrGone
	}
	if err != nil {
		return err
	}
	if m.record.BootID, err = state.BootID(); err != nil {
		return err
	}
	if err := m.dir.Propose(m.record); err != nil {
		return err
	}
	if m.options.PidFile != "" {
		err = writePidFile(m.options.PidFile, m.child.Pid)
		m.said = err == nil
	}
	return err
}
