package container

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/config"
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
	m, err := r.begin(id, o, compile.StartOnRequest)
	if err != nil {
		return err
	}
	m.release()
	return nil
}

// begin makes a container of what the options say.
func (r *Runtime) begin(id string, o Options, start compile.StartMode) (*making, error) {
	p, err := r.read(id, o, start)
	if err != nil {
		return nil, err
	}
	var namespaces *launch.Namespaces
	if r.AnyThread {
		namespaces = launch.MakeNamespaces(uint64(p.config.Namespaces))
	}
	defer namespaces.Leave()
	if err := r.plan(p); err != nil {
		return nil, err
	}
	g := newGuard(o.Signals)
	if err := g.begin(); err != nil {
		return nil, err
	}
	return r.make(p, namespaces, g)
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
	runtime *Runtime
	dir     *state.Dir
	files   []*os.File // parallel to output.Inherited; nil for the channel
	birth   *os.File   // the cgroup v2 to be born in
	child   *launch.Child
	record  state.Record
	known   bool // the record of the process is prepared
	said    bool // the pid file has been written
	socket  int  // for the pidfd, or -1
	console *receiver
	notify  *notifier
	guard   *guard

	adoption error // by systemd
}

// make makes the container up to where its program waits to be started, or
// runs; on an error nothing stands.
func (r *Runtime) make(p *prepared, namespaces *launch.Namespaces, g *guard) (*making, error) {
	m := &making{prepared: p, runtime: r, guard: g, socket: -1}
	err := m.dial()
	defer func() { closeFD(m.socket) }()
	if err != nil {
		m.console.close()
		return nil, err
	}
	img, err := image.Build(p.output.Program)
	if err == nil {
		err = p.cgroups.Connect(systemBus())
		defer p.cgroups.Disconnect()
	}
	if err == nil {
		err = m.occupy(r.store())
	}
	if err == nil {
		p.debug.limits(p.cgroups)
	}
	if err == nil && p.options.Cgroups != CgroupSystemd && p.facts.Cgroup != host.V2 {
		// On v1 rules for devices are written one by one, after one that denies
		// all: the program, which makes devices, must not enter meanwhile.
		err = m.cgroups.Set()
	}
	if err == nil {
		err = m.launch(img, namespaces)
	}
	if err == nil {
		err = p.options.Signals.catchAll() // what is ignored until now, the process ignores too
	}
	if err == nil && p.options.Cgroups != CgroupSystemd && p.facts.Cgroup == host.V2 {
		// The program is on its way on another CPU meanwhile; it does not go
		// past RequestReady before the limits stand. One of memory may be too
		// small for execve, which would not say so.
		if m.cgroups.LimitsMemory() {
			m.child.AwaitExecve()
		}
		err = m.cgroups.Set()
	}
	if err == nil && m.child.Pid > 0 {
		// Now, so that the program need not wait for it.
		if err = m.identify(); errors.Is(err, launch.ErrGone) {
			err = nil // it says why
		}
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

// dial connects to who wants something of the container.
func (m *making) dial() (err error) {
	if m.socket, err = dialSocket("pidfd", m.options.PidfdSocket); err != nil {
		return err
	}
	m.console, err = m.options.receive(m.config.Spec.Process.Terminal, m.options.presence, m.stdio)
	return err
}

// keptConfig is the name of the copy of config.json in the state directory.
const keptConfig = "config.json"

// keepConfig keeps the config as it is now: whoever changes the bundle's later
// does not change the container (runtime.md, create).
func (m *making) keepConfig() (err error) {
	text := m.text
	if text == nil {
		if text, err = config.Encode(m.options.Spec); err != nil {
			return err
		}
	}
	return m.dir.Keep(keptConfig, text)
}

// occupy takes the id: the directory, its first record, the cgroup.
func (m *making) occupy(store state.Store) (err error) {
	if m.dir, err = store.Create(m.id); err != nil {
		return err
	}
	if m.dir.Stale {
		// A killed create left this. Its process ended with it.
		after := m.runtime.keptPoststop(m.dir.Record)
		if err := removeCgroups(m.dir.Record); err != nil {
			m.dir.Close() // with the record, which still says where they are
			m.dir = nil
			return fmt.Errorf("clean up after a create that was killed: %w", err)
		}
		if err := m.dir.Clear(); err != nil {
			return err
		}
		after()
	}
	spec, hooks := m.config.Spec, m.config.Hooks
	m.record = state.Record{
		Version: state.RecordVersion, ID: m.id, OCIVersion: spec.Version,
		Bundle: m.options.Bundle, Rootfs: m.rootfs, Exec: m.output.Exec,
		Created: time.Now().UTC(), Phase: state.PhaseCreating,
		Annotations: spec.Annotations,
		Cgroup:      state.Cgroup{Driver: m.options.Cgroups.String(), Unit: m.cgroups.Unit(), Paths: m.cgroups.Paths()},
		OwnerUID:    os.Geteuid(),
		OwnPIDNS:    m.config.Namespaces.Has(unix.CLONE_NEWPID),
		OwnKeyring:  m.options.Keyring == OwnKeyring,
		StartHooks:  len(hooks.StartContainer)+len(hooks.Poststart) > 0,
		StopHooks:   len(hooks.Poststop) > 0,
	}
	if err := m.dir.Write(m.record); err != nil {
		return err
	}
	m.debug.say("made the state directory %s", m.dir.Path)
	if err := m.makeNotify(); err != nil {
		return err
	}
	if err := m.cgroups.Create(); err != nil {
		return err
	}
	return m.open()
}

// makeNotify makes what the container says through that it is ready. In one that
// runs at once the socket has to be there before.
func (m *making) makeNotify() (err error) {
	if m.notifyDir == "" {
		return nil
	}
	if err = makeNotifyDir(m.dir); err == nil && m.start == compile.StartAtOnce {
		m.notify, err = m.runtime.listen(m.dir)
	}
	return err
}

// open opens what the program inherits.
func (m *making) open() error {
	var tasks []*os.File
	var err error
	if m.options.Cgroups != CgroupSystemd {
		tasks, err = m.cgroups.Tasks()
	}
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
	if err == nil && m.output.Program.Clone&unix.CLONE_INTO_CGROUP != 0 {
		m.birth, err = m.cgroups.Dir()
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

// launch starts the program, and does meanwhile what can be done without it.
func (m *making) launch(img []byte, namespaces *launch.Namespaces) (err error) {
	started := launch.StartIn(namespaces, m.launchPlan(img))
	kept := m.keepConfig()
	if m.child, err = started(); err != nil {
		return err
	}
	m.debug.say("started a program of %d calls, in an image of %d bytes", len(m.output.Program.Calls), len(img))
	return kept
}

func (m *making) launchPlan(img []byte) launch.Plan {
	plan := launch.Plan{
		Program: m.output.Program, Image: img,
		TmpDir: m.dir.Path,
		Stdio:  m.stdio, Preserve: m.options.preserved(), Interrupt: m.guard,
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
	}
	if m.birth != nil {
		plan.Cgroup = int(m.birth.Fd())
	}
	return plan
}

// converse serves the program until it waits to be started, or runs. Once it has
// leave to run, what interrupts vial is for the user's process, which may have said
// already that it is there.
func (m *making) converse() error {
	defer m.guard.pass(false)
	err := m.child.Serve(m.output.Program, m.debug.serving(m.child, m.answer))
	switch {
	case m.adoption != nil:
		return m.adoption // which names a field of its own
	case errors.Is(err, launch.ErrGone):
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
	cause = m.guard.cause(cause)
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
	if m.record.ID != "" {
		m.runtime.poststop(m.record, m.config)()
	}
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
	m.console.close()
	m.notify.close()
	for _, f := range m.files {
		if f != nil {
			f.Close()
		}
	}
	m.birth.Close()
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
	switch q.Kind {
	case program.RequestReadyHome:
		return homeAnswer(q.FDs[0], m.config.Spec.Process.User.UID), m.ready()
	case program.RequestCopyUp:
		return nil, copyUp(q.FDs[0], q.FDs[1])
	case program.RequestDirectory:
		return nil, makeTarget(q.FDs[0], q.UnsafePath, unix.S_IFDIR)
	case program.RequestTarget:
		return nil, makeTargetFor(q.FDs[1], q.FDs[0], q.UnsafePath)
	case program.RequestDevice:
		return nil, mayCover(q.FDs[0], q.FDs[1])
	case program.RequestMode:
		return modeAnswer(q.FDs[0])
	case program.RequestCgroup:
		m.adoption = m.cgroups.Adopt(m.child.Pid)
		return nil, m.adoption
	case program.RequestReady:
		return nil, m.ready()
	case program.RequestTerminals, program.RequestConsole:
		return nil, m.console.answer(q)
	case program.RequestCreateHooks:
		return nil, m.createHooks()
	case program.RequestStartHooks:
		err := m.startHooks()
		m.guard.pass(err == nil)
		return nil, err
	}
	return nil, fmt.Errorf("internal error: request %d", q.Kind)
}

// identify prepares the record of the container's process.
func (m *making) identify() (err error) {
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
	m.known = true
	return m.dir.Prepare(m.record)
}

// ready makes the container known before its program goes on.
func (m *making) ready() (err error) {
	if !m.known {
		err = m.identify()
	}
	if err == nil {
		err = m.dir.Propose()
	}
	if err != nil {
		return err
	}
	if err := sendPidfd(m.socket, m.child.PidFD, "standard"); err != nil {
		return err
	}
	m.guard.pass(m.start == compile.StartAtOnce && len(m.config.Hooks.StartContainer) == 0)
	if m.options.PidFile != "" {
		err = writePidFile(m.options.PidFile, m.child.Pid)
		m.said = err == nil
		m.debug.say("wrote the pid file %s", m.options.PidFile)
	}
	return err
}
