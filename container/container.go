// Package container makes, starts, ends and describes OCI containers. It is
// what the vial command calls, and what any Go program may call instead:
//
//	runtime := &container.Runtime{Root: "/run/mine"}
//	err := runtime.Create("web", container.Options{Bundle: "/srv/web"})
//	err = runtime.Start("web")
//	status, err := runtime.Wait(ctx, "web")
//	err = runtime.Delete("web", container.Gentle)
//
// What comes in: a bundle (a rootfs and a config.json) or a Spec made in
// memory, and the id of the container. What goes out: a container, kept as a
// directory below a root, so that any later process can go on with it.
//
// All of it works in the calling process, which is never executed again and
// needs no call at the start of main. Any number of goroutines may call at
// once, for one container too. It needs root. Nothing of it changes the
// process: no signal handler, no working directory, no limit, no environment.
// What it starts are children of the caller's, so do not wait for all children
// (wait4(-1)): Run, ExecWait, Wait and Delete wait for theirs. To have orphans of
// a container without a pid namespace as well, be a child subreaper.
//
// A create runs in this order. Up to the line, nothing is touched:
//
//	config.json → config.Config → compile.Output (the program)
//	───────────────────────────────────────────────────────────
//	state directory → record "creating" → cgroup → image, fork
//	→ the program's requests are answered → limits are in place
//	→ record "ready" → pid file → the program may go on
//
// Whatever fails undoes what stands, in the other order. The record comes
// before the cgroup, so that even a killed create can be cleaned up after.
package container

import (
	"os"
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/state"
)

// DefaultRoot is where the states of containers are kept, if nothing else is asked for.
const DefaultRoot = "/run/vial"

// Errors that callers test for. Their texts are read by engines.
var (
	ErrExist      = state.ErrExist
	ErrNotExist   = state.ErrNotExist
	ErrNotRunning = state.ErrNotRunning
)

// A Runtime keeps containers below one root. A program has one for each root,
// and does not copy it.
type Runtime struct {
	// Root is an absolute directory; it is made when it is needed.
	Root string
	// Warn is told what goes wrong without changing the outcome, such as a
	// poststop hook that fails; nil is for nobody.
	Warn func(string)
	// Debug is told what is done, in words, for who looks for a fault; nil is
	// for nobody. It is a format and its arguments, so that nothing is put into
	// words in vain.
	Debug func(format string, args ...any)
	// NotifySocket is the socket of a service manager (NOTIFY_SOCKET of
	// sd_notify(3)), or empty. A container that is made with it gets one of its
	// own, and who starts it waits until it is ready, or has ended, and tells
	// the manager.
	NotifySocket string
	// AnyThread lets another thread than the caller's start what Create and Run
	// make, which saves the time of making a network namespace. It is for programs
	// whose threads are all alike: a process has from its thread what a thread may
	// have of its own, such as a mount namespace, a nice value or a CPU affinity.
	AnyThread bool

	awaited awaited
}

func (r *Runtime) debug() debugger { return r.Debug }

func (r *Runtime) store() state.Store { return state.Open(r.Root) }

// Options say what container to make.
type Options struct {
	// Bundle is the directory that relative paths of the config start from.
	Bundle string
	// ConfigFile is the config's file, relative to the bundle; config.json if empty.
	ConfigFile string
	// Spec is used instead of a file if it is not nil.
	Spec *specs.Spec
	// PidFile receives the pid of the container's first process, if not empty.
	PidFile string
	// PidfdSocket is a unix socket that a pidfd of the first process is sent to,
	// if not empty.
	PidfdSocket string
	ConsoleOptions
	// PreserveFDs is how many of the caller's descriptors from 3 on the process
	// gets, under the same numbers.
	PreserveFDs int
	// ListenFDs is how many descriptors from 3 on are for socket activation
	// (sd_listen_fds(3)): they come before those of PreserveFDs, and the process
	// is told in its environment.
	ListenFDs int
	// Stdin, Stdout and Stderr are the container's; the caller's own if they are
	// nil. They need to be open until the container is made.
	Stdin, Stdout, Stderr *os.File
	// Root is how the rootfs becomes the root of the container.
	Root RootSwitch
	// Keyring is whose session keyring the container has.
	Keyring Keyring
	// Cgroups is who manages the container's cgroups.
	Cgroups CgroupDriver
	// Warn is told what the config holds that is allowed but looks wrong.
	Warn func(string)
	// Signals are those that the caller gets, nil for none: one of SIGHUP, SIGINT and
	// SIGTERM that comes while the container is made undoes it. Run sends the others
	// on to the process, and all that come later.
	Signals *Signals

	// presence is whether whoever makes the container stays with it.
	presence presence

	// testOnlyPlant may change the program before it is encoded.
	testOnlyPlant func(*program.Program)
}

// RootSwitch is how the rootfs becomes the root of a container.
type RootSwitch = compile.RootSwitch

// The ways to switch roots. MoveRoot is for hosts whose root cannot be swapped,
// since it is the ramfs that the kernel has begun with; it is weaker, see
// SECURITY.md.
const (
	PivotRoot = compile.PivotRoot
	MoveRoot  = compile.MoveRoot
)

// Keyring is whose session keyring a container has.
type Keyring = compile.Keyring

// The keyrings that a container can have.
const (
	OwnKeyring     = compile.OwnKeyring
	CallersKeyring = compile.CallersKeyring
)

// CgroupDriver is who manages a container's cgroups. Later commands find it in
// the container's record.
type CgroupDriver = cgroup.Driver

// The drivers.
const (
	CgroupFilesystem = cgroup.Filesystem // vial, through the cgroup filesystems
	CgroupSystemd    = cgroup.Systemd    // systemd, as a transient scope
	CgroupDisabled   = cgroup.Disabled   // nobody: there are none
)

func (o Options) absolute() (Options, error) {
	var err error
	if o.Bundle, err = filepath.Abs(o.Bundle); err != nil {
		return o, err
	}
	if o.PidFile != "" {
		if o.PidFile, err = filepath.Abs(o.PidFile); err != nil {
			return o, err
		}
	}
	if o.ConfigFile == "" {
		o.ConfigFile = "config.json"
	}
	if !filepath.IsAbs(o.ConfigFile) {
		o.ConfigFile = filepath.Join(o.Bundle, o.ConfigFile)
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	return o, nil
}

// Status is where a container is in its life (runtime.md, state).
type Status string

// The statuses.
const (
	Creating Status = "creating"
	Created  Status = "created"
	Running  Status = "running"
	Paused   Status = "paused"
	Stopped  Status = "stopped"
)

// State describes a container (runtime.md, state, and what runc adds to it).
type State struct {
	OCIVersion  string            `json:"ociVersion"`
	ID          string            `json:"id"`
	Pid         int               `json:"pid"` // 0 once it has stopped
	Status      Status            `json:"status"`
	Bundle      string            `json:"bundle"`
	Rootfs      string            `json:"rootfs"`
	Created     time.Time         `json:"created"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Owner       string            `json:"owner"`
	OwnerUID    int               `json:"-"`
}
