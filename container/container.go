// Package container makes, starts, ends and describes OCI containers. It is
// what the vial command calls, and what a Go program may call instead: all of
// it works in the calling process, which is never executed again.
//
// What comes in: a bundle (a rootfs and a config.json) or a Spec made in
// memory, and the id of the container. What goes out: a container, kept as a
// directory below a root, so that any later process can go on with it.
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
	"path/filepath"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
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

// A Runtime keeps containers below one root.
type Runtime struct {
	// Root is an absolute directory; it is made when it is needed.
	Root string
}

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
	// Keyring is whose session keyring the container has.
	Keyring Keyring
	// Warn is told what the config holds that is allowed but looks wrong.
	Warn func(string)
	// Debug is told what is done, in words, for who looks for a fault. It is
	// a format and its arguments, so that nothing is put into words in vain.
	Debug func(format string, args ...any)

	// launched is called once the first process is on its way, and before it may
	// become the user's.
	launched func()

	// testOnlyPlant may change the program before it is encoded.
	testOnlyPlant func(*program.Program)
}

// Keyring is whose session keyring a container has.
type Keyring = compile.Keyring

// The keyrings that a container can have.
const (
	OwnKeyring     = compile.OwnKeyring
	CallersKeyring = compile.CallersKeyring
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
	if o.Debug == nil {
		o.Debug = func(string, ...any) {}
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
