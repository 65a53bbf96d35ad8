package container

import (
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
	"github.com/vial-run/vial/internal/image"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// ExecOptions say what process to start in a container that exists. Without
// Process and ProcessFile it is the container's own, as config.json had it at
// create, with Args in place of its arguments and the other fields added.
type ExecOptions struct {
	Process     *specs.Process // used alone
	ProcessFile string         // the same, as JSON; used if Process is nil

	Args            []string
	Env             []string // NAME=value, appended
	Cwd             string   // if not empty
	UID, GID        *uint32  // if not nil
	AdditionalGIDs  []uint32 // appended
	Capabilities    []string // added; never to the inheritable ones
	NoNewPrivileges *bool    // if not nil
	Terminal        bool     // it gets one

	// PidFile receives the pid of the process, if not empty. It is gone again
	// if the process does not come to run.
	PidFile string
	// PidfdSocket is a unix socket that a pidfd of the process is sent to, if
	// not empty.
	PidfdSocket string
	ConsoleOptions
	// PreserveFDs is how many of the caller's descriptors from 3 on the
	// process gets, under the same numbers.
	PreserveFDs int
	// Cgroups are cgroups below the container's to start in: PATH, or on
	// cgroup v1 CONTROLLER[,CONTROLLER]:PATH too.
	Cgroups []string
	// Paused is what becomes of it in a paused container.
	Paused PausedRule
	// Stdin, Stdout and Stderr are the caller's own if they are nil.
	Stdin, Stdout, Stderr *os.File
	// Signals are those that the caller gets, which ExecWait passes on; nil for none.
	Signals *Signals
	// Warn is that of Options.
	Warn func(string)
}

// PausedRule is what Exec does in a paused container.
type PausedRule uint8

const (
	// RefusePaused makes it an error.
	RefusePaused PausedRule = iota
	// AwaitResume blocks until the container is resumed.
	AwaitResume
)

// An Execution is a process that Exec has started: a child of the caller's.
type Execution struct {
	child   *launch.Child
	console *receiver
}

// Pid is the process's.
func (e *Execution) Pid() int { return e.child.Pid }

// Signal sends it a signal; ErrNotRunning says that it has ended.
func (e *Execution) Signal(signal unix.Signal) error { return process{e.child.PidFD}.signal(signal) }

// Wait waits for its end and is its exit status, 128 and the number of the
// signal if one killed it. It is to be called once, or Release instead.
func (e *Execution) Wait() (int, error) {
	ended, err := e.child.Wait()
	e.child.Release()
	if err != nil {
		return execFailed, fmt.Errorf("wait for the process: %w", err)
	}
	return statusAfter(ended), nil
}

// Release leaves the process to itself. It stays a child of the caller's, whose
// subreaper gets it when the caller ends.
func (e *Execution) Release() { e.child.Release() }

// execFailed is the exit status of an exec whose process did not come to run.
const execFailed = 255

// Exec starts one more process in a container. It returns once that is
// executed, or with the reason why it is not. It takes no lock: any number may
// start in a container at once.
func (r *Runtime) Exec(id string, o ExecOptions) (*Execution, error) {
	e, err := r.exec(id, o, detached)
	if err != nil {
		return nil, within("exec", id, err)
	}
	return e, nil
}

// ExecWait is Exec, then waits for the end of the process and is its exit status.
func (r *Runtime) ExecWait(id string, o ExecOptions) (int, error) {
	e, err := r.exec(id, o, foreground)
	if err != nil {
		return execFailed, within("exec", id, err)
	}
	session, err := e.console.session(e.child.PidFD)
	if err != nil {
		e.child.Kill()
		e.Release()
		return execFailed, within("exec", id, err)
	}
	defer session.End()
	ended, err := o.Signals.await(e.child, session)
	e.Release()
	if err != nil {
		return execFailed, within("exec", id, fmt.Errorf("wait for the process: %w", err))
	}
	return statusAfter(ended), nil
}

var errExecStopped = errors.New("cannot exec in a stopped container")

// A joining is a process on its way into a container.
type joining struct {
	options  ExecOptions
	record   state.Record
	init     int // pidfd of the container's first process
	stdio    [3]int
	null     int // the container's own null device, or -1
	config   *config.Config
	facts    host.Facts
	entrance *cgroup.Entrance
	output   *compile.Output
	child    *launch.Child
	said     bool // the pid file has been written
	debug    debugger
	socket   int // for the pidfd, or -1
	console  *receiver

	program compiler
	stopped error // what is wrong if the container has stopped

	// Of a process that is a hook.
	hook   *config.Hook
	rootfs string
}

func (r *Runtime) exec(id string, o ExecOptions, p presence) (*Execution, error) {
	j, err := r.join(id, o, p)
	if err != nil {
		return nil, err
	}
	defer j.close()
	if err := j.begin(r.store().Path(id)); err != nil {
		return nil, err
	}
	e := &Execution{child: j.child, console: j.console}
	if j.console != nil && j.console.master >= 0 {
		j.console = nil // it is needed until the session begins
	}
	return e, nil
}

// begin starts the program and serves it until it is the user's process. dir is
// the container's state directory.
func (j *joining) begin(dir string) error {
	img, err := image.Build(j.output.Program)
	if err == nil {
		err = j.options.Signals.catchAll() // before a process that may not wait
	}
	if err == nil {
		err = j.launch(img, dir)
	}
	if err == nil {
		err = j.child.Serve(j.output.Program, j.debug.serving(j.child, j.answer))
	}
	if err != nil {
		return j.undo(err)
	}
	return nil
}

// join reads and compiles all that is needed. It touches nothing.
func (r *Runtime) join(id string, o ExecOptions, p presence) (_ *joining, err error) {
	if err := state.CheckID(id); err != nil {
		return nil, err
	}
	j := &joining{options: o.withDefaults(), init: -1, null: -1, socket: -1, debug: r.debug(), program: compile.Exec, stopped: errExecStopped}
	defer func() {
		if err != nil {
			j.close()
		}
	}()
	if err := checkPreserved(o.PreserveFDs); err != nil {
		return nil, err
	}
	if j.record, err = r.store().Peek(id); err != nil {
		return nil, err
	}
	if err := j.hold(); err != nil {
		return nil, err
	}
	if o.Paused != AwaitResume {
		if err := r.checkPaused(id, j.record.Cgroup.Paths); err != nil {
			return nil, err
		}
	}
	if j.config, err = r.kept(id, config.ParseForExec); err == nil {
		err = j.process()
	}
	if err == nil {
		j.facts, err = gather.Facts()
	}
	if err == nil {
		for _, w := range notGranted(j.config, &j.facts) {
			o.Warn(w)
		}
	}
	if err == nil {
		if err = j.enter(); err != nil && j.ended(err) {
			err = errExecStopped
		}
	}
	if err != nil {
		return nil, err
	}
	if err = j.compile(); err != nil {
		return nil, err
	}
	if j.socket, err = dialSocket("pidfd", o.PidfdSocket); err != nil {
		return nil, err
	}
	j.console, err = o.receive(j.config.Spec.Process.Terminal, p, j.stdio)
	return j, err
}

func (o ExecOptions) withDefaults() ExecOptions {
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	return o
}

// hold opens the container's first process, if the container may be joined.
func (j *joining) hold() error {
	if j.record.Phase == state.PhaseCreating {
		return errors.New("cannot exec in a container that is still being created")
	}
	bootID, err := state.BootID()
	if err != nil {
		return err
	}
	j.init, err = j.record.Pidfd(bootID)
	if errors.Is(err, ErrNotRunning) {
		return errExecStopped
	}
	return err
}

// process finds the process to run, and checks it.
func (j *joining) process() error {
	o := &j.options
	p := o.Process
	switch {
	case p != nil:
	case o.ProcessFile != "":
		text, err := readPiped(o.ProcessFile)
		if err == nil {
			p, err = config.ParseProcess(text)
		}
		if err != nil {
			return err
		}
	default:
		if len(o.Args) == 0 {
			return errors.New("exec args cannot be empty")
		}
		for _, name := range o.Capabilities {
			if _, ok := config.CapabilityNumber(name); !ok {
				return fmt.Errorf("%q: no such capability", name)
			}
		}
		p = o.change(*j.config.Spec.Process)
	}
	var err error
	j.config, err = j.config.WithProcess(p)
	if err == nil {
		for _, w := range j.config.Warnings {
			o.Warn(w)
		}
	}
	return err
}

// change is the container's own process with the options' changes.
func (o *ExecOptions) change(p specs.Process) *specs.Process {
	p.Args, p.Terminal, p.ConsoleSize = o.Args, o.Terminal, nil
	p.Env = slices.Concat(p.Env, o.Env)
	if o.Cwd != "" {
		p.Cwd = o.Cwd
	}
	if o.UID != nil {
		p.User.UID = *o.UID
	}
	if o.GID != nil {
		p.User.GID = *o.GID
	}
	p.User.AdditionalGids = slices.Concat(p.User.AdditionalGids, o.AdditionalGIDs)
	if o.NoNewPrivileges != nil {
		p.NoNewPrivileges = *o.NoNewPrivileges
	}
	config.AddCapabilities(&p, o.Capabilities)
	return &p
}

// enter opens the cgroups that the process goes to.
func (j *joining) enter() error {
	paths := j.record.Cgroup.Paths
	below, err := cgroup.ParseBelow(j.options.Cgroups, paths)
	if err == nil {
		j.entrance, err = cgroup.Enter(paths, below)
	}
	return err
}

func (j *joining) compile() (err error) {
	if j.stdio, err = stdio(j.options.Stdin, j.options.Stdout, j.options.Stderr); err != nil {
		return err
	}
	in := compile.Input{
		Config: j.config, Facts: j.facts, ID: j.record.ID,
		Unattended: j.options.PidFile == "" && j.options.PidfdSocket == "",
		CgroupDirs: j.entrance.Dirs, Preserve: j.options.PreserveFDs, Hook: j.hook, Rootfs: j.rootfs,
	}
	if !j.record.OwnKeyring {
		in.Keyring = CallersKeyring
	}
	for i, fd := range j.stdio {
		in.Stdio[i] = stdioOf(fd)
		if j.hook != nil {
			// What is vial's caller's stays so: a hook comes and goes.
			in.Stdio[i].UID = j.config.Spec.Process.User.UID
		}
	}
	if j.hook == nil {
		j.avoidHostNull(&in)
	}
	if j.output, err = j.program(in); err == nil {
		j.debug.compiled(j.output.Program)
	}
	return err
}

// launch starts the program. A cgroup2 that has come to give controllers to
// cgroups below it takes no processes any more (cgroups(7), "no internal
// processes"): the process goes where the container's first one has gone then,
// unless the caller has said where.
func (j *joining) launch(img []byte, dir string) error {
	err := j.start(img, dir)
	if errors.Is(err, unix.EBUSY) && j.facts.Cgroup == host.V2 && len(j.options.Cgroups) == 0 {
		elsewhere, openErr := cgroup.UnifiedOf(j.record.Pid, j.facts.Unified)
		if openErr != nil {
			return fmt.Errorf("%w; and where the container's first process is: %w", err, openErr)
		}
		j.entrance.Unified.Close()
		j.entrance.Unified = elsewhere
		err = j.start(img, dir)
	}
	return err
}

func (j *joining) start(img []byte, dir string) (err error) {
	plan := launch.Plan{
		Program: j.output.Program, Image: img, TmpDir: dir, Stdio: j.stdio, Preserve: j.options.PreserveFDs,
		Inherits: func(channel int) []int {
			fds := []int{channel, j.init}
			for _, f := range j.entrance.Tasks {
				fds = append(fds, int(f.Fd()))
			}
			return fds
		},
	}
	if j.entrance.Unified != nil {
		plan.Cgroup = int(j.entrance.Unified.Fd())
	}
	j.child, err = launch.Start(plan)
	return err
}

// answer serves one request of the program.
func (j *joining) answer(q launch.Question) ([]byte, error) {
	switch q.Kind {
	case program.RequestReadyHome:
		return homeAnswer(q.FDs[0], j.config.Spec.Process.User.UID), j.ready()
	case program.RequestTerminals, program.RequestConsole:
		return nil, j.console.answer(q)
	case program.RequestReady:
		return nil, j.ready()
	case program.NoticeReady:
		return nil, nil
	}
	return nil, fmt.Errorf("internal error: request %d", q.Kind)
}

// ready makes the process known before its program goes on.
func (j *joining) ready() error {
	err := sendPidfd(j.socket, j.child.PidFD, "setns")
	if err != nil || j.options.PidFile == "" {
		return err
	}
	err = writePidFile(j.options.PidFile, j.child.Pid)
	j.said = err == nil
	return err
}

// undo takes back what stands, and finds words for what went wrong.
func (j *joining) undo(cause error) error {
	if j.child != nil {
		if errors.Is(cause, launch.ErrGone) {
			cause = j.whyGone()
		}
		j.child.Kill()
		j.child.Release()
	}
	if j.ended(cause) {
		cause = j.stopped
	}
	errs := []error{cause}
	if j.said {
		errs = append(errs, os.Remove(j.options.PidFile))
	}
	return joined(errs)
}

// dyingPatience is how long the first process may take to see that it was killed
// after another one of its cgroup has, in milliseconds.
const dyingPatience = 200

// ended tells whether cause came of it that the container is no more. The
// kernel kills what is in a pid namespace, and lets nothing new in, before its
// first process counts as ended.
func (j *joining) ended(cause error) bool {
	patience := 0
	switch {
	case errors.Is(cause, unix.ESRCH):
		return true // it can be joined no more
	case errors.Is(cause, unix.ENOMEM): // what clone3 says of a namespace that ends
	case errors.Is(cause, errKilled):
		patience = dyingPatience
	}
	ended, err := process{j.init}.wait(patience)
	if err != nil || ended {
		return err == nil
	}
	// It had not ended just now, so that the number is its own.
	exiting, err := state.Exiting(j.record.Pid)
	return err == nil && exiting
}

var errKilled = errors.New("the process was killed before it was the user's (possibly OOM-killed)")

func (j *joining) whyGone() error {
	ended, err := j.child.Wait()
	switch {
	case err != nil || !ended.Signaled():
		return errors.New("the process ended before it was the user's, and gave no reason")
	case ended.Signal() == unix.SIGKILL:
		return errKilled
	}
	return fmt.Errorf("the process was killed by signal %s before it was the user's", unix.SignalName(ended.Signal()))
}

func (j *joining) close() {
	closeFD(j.socket)
	j.console.close()
	closeFD(j.init)
	closeFD(j.null)
	if j.entrance != nil {
		j.entrance.Close()
	}
}
