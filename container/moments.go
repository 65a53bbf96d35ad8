package container

import (
	"errors"
	"os"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// The moments of a container's life at which hooks run (runtime.md, lifecycle).

// createHooks runs the hooks that are part of create: the container's process
// waits before pivot_root.
func (m *making) createHooks() error {
	known, debug, guard := m.config.Hooks, m.debug, m.guard
	outside := m.record.Describe(string(Creating), m.child.Pid)
	err := hooks{name: "prestart", list: known.Prestart, state: outside, debug: debug, guard: guard}.run()
	if err == nil {
		err = hooks{name: "createRuntime", list: known.CreateRuntime, state: outside, debug: debug, guard: guard}.run()
	}
	if err == nil {
		err = m.inside(compile.CreateContainerHook).run("createContainer", known.CreateContainer, Creating)
	}
	return err
}

// startHooks runs the hooks that come right before the process of a container
// that does not wait for start.
func (m *making) startHooks() error {
	return m.inside(compile.StartContainerHook).run("startContainer", m.config.Hooks.StartContainer, Created)
}

func (m *making) inside(program compiler) *insider {
	x := &insider{
		record: m.record, init: m.child.PidFD, config: m.config, facts: m.facts,
		rootfs: m.rootfs, dir: m.dir.Path, debug: m.debug, program: program, guard: m.guard,
	}
	x.record.Pid = m.child.Pid
	return x
}

// startContainer runs the hooks that come right before the process of a
// container that has waited for start.
func (r *Runtime) startContainer(dir *state.Dir, cfg *config.Config, bootID string) error {
	if len(cfg.Hooks.StartContainer) == 0 {
		return nil
	}
	facts, err := gather.Facts()
	if err != nil {
		return err
	}
	init, err := dir.Record.Pidfd(bootID)
	if err != nil {
		return err
	}
	defer unix.Close(init)
	x := &insider{record: dir.Record, init: init, config: cfg, facts: facts, dir: dir.Path, debug: r.debug(), program: compile.StartContainerHook}
	return x.run("startContainer", cfg.Hooks.StartContainer, Created)
}

// poststart runs the hooks that follow the start of the process. Others may go
// on with the container meanwhile: such a hook may well call vial.
func (r *Runtime) poststart(dir *state.Dir, cfg *config.Config, bootID string, g *guard) error {
	if len(cfg.Hooks.Poststart) == 0 {
		return nil
	}
	record := dir.Record
	status, err := r.statusOf(record, bootID)
	if err == nil {
		err = dir.Release()
	}
	if err != nil {
		return err
	}
	if status == Stopped {
		record.Pid = 0
	}
	return hooks{
		name: "poststart", list: cfg.Hooks.Poststart, debug: r.debug(), guard: g,
		state: record.Describe(string(status), record.Pid),
	}.run()
}

// abandon is the end of a container one of whose hooks has failed: it is
// stopped and destroyed (runtime.md, lifecycle, steps 7 and 9).
func (r *Runtime) abandon(dir *state.Dir, cfg *config.Config, cause error) error {
	err := dir.Retake()
	if errors.Is(err, state.ErrNotExist) {
		return cause // somebody has deleted it
	}
	if err == nil {
		err = r.endProcess(dir, Force)
	}
	if err == nil {
		err = destroy(dir, dir.Record, r.poststop(dir.Record, cfg))
	}
	return joined([]error{cause, err})
}

// An epilogue is what is left to do once nothing of the container is.
type epilogue func()

// poststop is to run the hooks that follow the end of everything. Each gets its
// turn: one that fails changes nothing any more.
func (r *Runtime) poststop(record state.Record, cfg *config.Config) epilogue {
	return func() {
		h := hooks{name: "poststop", list: cfg.Hooks.Poststop, state: record.Describe(string(Stopped), 0), debug: r.debug()}
		h.all(r.warn)
	}
}

// keptPoststop is poststop by the config that is kept in the container's directory,
// to be called as long as it is there.
func (r *Runtime) keptPoststop(record state.Record) epilogue {
	if !record.StopHooks {
		return func() {}
	}
	cfg, err := r.keptConfig(record.ID)
	switch {
	case err == nil:
		return r.poststop(record, cfg)
	case errors.Is(err, state.ErrNotExist):
		return func() {} // a create that was killed before it came to any hook
	}
	return func() { r.warn("poststop hooks cannot be run: " + err.Error()) }
}

// keptConfig is a container's config as create has found it.
func (r *Runtime) keptConfig(id string) (*config.Config, error) {
	return r.kept(id, config.Parse)
}

func (r *Runtime) kept(id string, parse func([]byte) (*config.Config, error)) (*config.Config, error) {
	text, err := r.store().Kept(id, keptConfig, configLimit)
	if err != nil {
		return nil, err
	}
	return parse(text)
}

func (r *Runtime) warn(text string) {
	if r.Warn != nil {
		r.Warn(text)
	}
}

// compiler makes a program of the kind that is wanted.
type compiler func(compile.Input) (*compile.Output, error)

// An insider runs hooks in the container's namespaces: each is a process that
// joins them, as exec does, so that no code of vial's is in there.
type insider struct {
	record  state.Record
	init    int // pidfd of the container's first process
	config  *config.Config
	facts   host.Facts
	rootfs  string
	dir     string // the container's state directory
	debug   debugger
	program compiler
	guard   *guard
}

func (x *insider) run(name string, list []config.Hook, status Status) error {
	if len(list) == 0 {
		return nil
	}
	pid, err := state.InnerPid(x.record.Pid)
	if err != nil {
		return err
	}
	return hooks{
		name: name, list: list, debug: x.debug, start: x.start, guard: x.guard,
		state: x.record.Describe(string(status), pid),
	}.run()
}

// errHookStopped says that there is nothing to join any more. Whoever serves
// that process hears from it why.
var errHookStopped = hookStopped{}

type hookStopped struct{}

func (hookStopped) Error() string {
	return "the container has stopped meanwhile: " + launch.ErrGone.Error()
}
func (hookStopped) Unwrap() error { return launch.ErrGone }

func (x *insider) start(hook *config.Hook, stdin *os.File) (*launch.Child, error) {
	j := &joining{
		options: ExecOptions{Stdin: stdin}.withDefaults(), record: x.record, init: x.init,
		config: x.config, facts: x.facts, null: -1, socket: -1, hook: hook, rootfs: x.rootfs, debug: x.debug, program: x.program, stopped: errHookStopped,
	}
	var err error
	if j.entrance, err = cgroup.Enter(x.record.Cgroup.Paths, nil); err != nil {
		return nil, err
	}
	defer j.entrance.Close()
	if err := j.compile(); err != nil {
		return nil, err
	}
	return j.child, j.begin(x.dir)
}
