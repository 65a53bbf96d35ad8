// Package compile turns a checked config into the program that makes its
// container.
//
// What comes in: a config.Config, facts about the host, and what the caller
// chose (Input). What goes out: the program and the table of descriptors that
// it expects to inherit (Output). The package is pure: the same input gives the
// same program on every host and for every CPU, nothing is touched, no
// privilege is needed. Whatever depends on the host is in the facts.
//
// There is one pass for each concern, in a file named for it, and one list of
// passes (order.go) with the reason for each place. A pass opens a step (which
// field of config.json it serves, and what it does in words) and emits the
// step's calls under it. Nothing that the rootfs's author controls is looked up
// as a path twice: a path becomes a descriptor, and the descriptor is used.
package compile

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/program"
)

// Input is all that a program depends on.
type Input struct {
	Config  *config.Config
	Facts   host.Facts
	ID      string
	Bundle  string // absolute; relative sources of bind mounts start here
	Rootfs  string // absolute
	Start   StartMode
	Stdio   [3]Stdio
	Keyring Keyring

	// CgroupDirs are the container's own cgroups on the host, one for each
	// hierarchy; one without controllers is in cgroup v2.
	CgroupDirs []host.CgroupDir

	// SymlinkSources holds, for a mount with the option copy-symlink whose
	// source is a symbolic link, what that link says; by index of the mount.
	SymlinkSources map[int]string

	// RootfsMountpoint is where the mount that holds the rootfs is mounted.
	// It is needed only if linux.rootfsPropagation is shared.
	RootfsMountpoint string
}

// StartMode is how the program learns that it may execute the user's process.
type StartMode uint8

const (
	// StartOnRequest: `vial start` writes a byte into a fifo (create).
	StartOnRequest StartMode = iota
	// StartAtOnce: as soon as the parent has answered that all is ready (run).
	StartAtOnce
)

// Stdio is what one of descriptors 0, 1 and 2 is.
type Stdio struct {
	Null bool   // the null device of the host
	UID  uint32 // its owner
}

// A Role is what an inherited descriptor is for.
type Role uint8

const (
	RoleChannel Role = iota // socket to the parent
	RoleStart               // fifo that `vial start` writes a byte to
	RoleResult              // fifo that a failure after start is written to
	RoleCgroup              // directory of the cgroup v2 to be born in
	RoleTasks               // file tasks of a cgroup v1; one for each of CgroupDirs that is in v1
)

// Output is a program and what it expects of who launches it.
type Output struct {
	Program *program.Program
	// Inherited are the descriptors that the program expects from number
	// FirstInherited on, in this order.
	Inherited      []Role
	FirstInherited int
	// Exec is what the program does once it was started, in words, for an
	// error that `vial start` reports without the program at hand.
	Exec string
}

// Compile makes the program for a container. An error names the field of
// config.json that cannot be served.
func Compile(in Input) (*Output, error) {
	c := newCompiler(in)
	for _, pass := range order() {
		pass.emit(c)
		if c.err != nil {
			return nil, c.err
		}
	}
	p, err := c.Finish()
	if err != nil {
		return nil, err
	}
	c.out.Program = p
	return &c.out, nil
}

// compiler is what the passes share.
type compiler struct {
	*program.Builder
	in   Input
	cfg  *config.Config
	spec *specs.Spec
	out  Output
	err  error // the first field that cannot be served

	// Where calls lead: a failure before and after start, and the death of
	// the parent.
	setupFailed, startFailed, orphaned program.Target

	// Descriptors that more than one pass uses.
	root   program.Slot // the rootfs, on top of everything mounted there
	under  program.Slot // the directory that the rootfs is mounted on
	hidden program.Slot // tmpfs of the runtime's own, see hidden.go

	// Descriptors that live for one step.
	fs, mount, target, dir, dir2 program.Slot

	executable program.Slot // address of the path to execute, see args.go
	home       program.Arg  // the string HOME=…, or nothing
	cwd        program.Slot // 0 once it is entered
	pending    []pendingReadonly
}

func newCompiler(in Input) *compiler {
	b := program.NewBuilder()
	c := &compiler{
		Builder: b, in: in, cfg: in.Config, spec: in.Config.Spec,
		setupFailed: b.Label(), startFailed: b.Label(), orphaned: b.Label(),
		root: b.Slot("root"), under: b.Slot("under"), hidden: b.Slot("hidden"),
		fs: b.Slot("fs"), mount: b.Slot("mount"), target: b.Slot("target"),
		dir: b.Slot("dir"), dir2: b.Slot("dir2"), executable: b.Slot("executable"),
	}
	c.out.FirstInherited = 3
	c.out.Inherited = []Role{RoleChannel}
	if in.Start == StartOnRequest {
		c.out.Inherited = append(c.out.Inherited, RoleStart, RoleResult)
	}
	for _, dir := range in.CgroupDirs {
		role := RoleTasks
		if len(dir.Controllers) == 0 {
			role = RoleCgroup
		}
		c.out.Inherited = append(c.out.Inherited, role)
	}
	b.FailTo(c.setupFailed)
	return c
}

// inherited is the number of the descriptor with that role.
func (c *compiler) inherited(role Role) int {
	i := slices.Index(c.out.Inherited, role)
	if i < 0 {
		return -1
	}
	return c.out.FirstInherited + i
}

func (c *compiler) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}
