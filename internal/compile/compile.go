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
	"golang.org/x/sys/unix"
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
	Root    RootSwitch

	// Hook is the hook that a program is for, if it is for one.
	Hook *config.Hook

	// Unattended says that nobody has anything to do between the end of the set-up
	// and execve, so that the program need not wait.
	Unattended bool

	// Preserve is how many descriptors from number 3 on the user's process
	// gets beside the standard ones.
	Preserve int

	// NotifyDir is the directory on the host to be mounted for the socket
	// NotifySocket, or empty.
	NotifyDir string

	// CgroupDirs are the container's own cgroups on the host, one for each
	// hierarchy; one without controllers is in cgroup v2.
	CgroupDirs []host.CgroupDir

	// Unit is the unit that systemd makes for those cgroups, around the
	// container's first process; empty if they are there before it.
	Unit string

	// SymlinkSources holds, for a mount with the option copy-symlink whose
	// source is a symbolic link, what that link says; by index of the mount.
	SymlinkSources map[int]string

	// HostMounts is where the mounts are that stand on the host's root, to be
	// unmounted in this order. They are needed only for MoveRoot.
	HostMounts []string

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
	Own  bool   // the null device of the container, which stays as it is
	UID  uint32 // its owner
}

// A Role is what an inherited descriptor is for.
type Role uint8

const (
	RoleChannel Role = iota // socket to the parent
	RoleStart               // fifo that `vial start` writes a byte to
	RoleResult              // fifo that a failure after start is written to
	RoleCgroup              // directory of the cgroup v2 to clone the first process into
	RoleTasks               // file tasks of a cgroup v1; one for each of CgroupDirs that is in v1
	RoleInit                // pidfd of the first process of the container that an exec joins
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
	roles := []Role{RoleChannel}
	if in.Start == StartOnRequest {
		roles = append(roles, RoleStart, RoleResult)
	}
	if in.Unit == "" {
		for _, role := range cgroupRoles(in.CgroupDirs) {
			if role != RoleCgroup || in.staged() {
				roles = append(roles, role)
			}
		}
	}
	return compile(in, order(), roles)
}

// staged tells whether the program has to make the container's first process: a
// time namespace takes in nobody but children. Else who launches it makes it that
// (program.Program.Clone), which saves a process.
func (in *Input) staged() bool { return in.Config.Namespaces.Has(unix.CLONE_NEWTIME) }

// Exec makes the program for one more process in a container that runs: that
// of in.Config.Spec.Process, in the namespaces of the process that RoleInit is.
// Who launches it starts it in the container's cgroup v2; CgroupDirs are those
// of v1.
func Exec(in Input) (*Output, error) {
	in.Start = StartAtOnce
	return compile(in, execOrder(), append([]Role{RoleChannel, RoleInit}, cgroupRoles(in.CgroupDirs)...))
}

// CreateContainerHook makes the program for in.Hook, a createContainer hook of
// the container whose first process RoleInit is and waits before pivot_root.
func CreateContainerHook(in Input) (*Output, error) {
	in.Start = StartAtOnce
	return compile(in, createContainerOrder(), append([]Role{RoleChannel, RoleInit}, cgroupRoles(in.CgroupDirs)...))
}

// StartContainerHook makes the program for in.Hook, a startContainer hook. Its
// path is looked up in the container, so who made the image decides what it is:
// it gets what Exec would give the container's process and nothing more.
func StartContainerHook(in Input) (*Output, error) { return Exec(in) }

func cgroupRoles(dirs []host.CgroupDir) []Role {
	var roles []Role
	for _, dir := range dirs {
		role := RoleTasks
		if len(dir.Controllers) == 0 {
			role = RoleCgroup
		}
		roles = append(roles, role)
	}
	return roles
}

func compile(in Input, passes []pass, inherited []Role) (*Output, error) {
	c := newCompiler(in, inherited)
	for _, pass := range passes {
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
	asks                               bool // and so may find that the parent is dead

	// Descriptors that more than one pass uses.
	root   program.Slot // the rootfs, on top of everything mounted there
	under  program.Slot // the directory that the rootfs is mounted on
	hidden program.Slot // tmpfs of the runtime's own, see hidden.go

	// Descriptors that live for one step.
	fs, mount, target, dir, dir2 program.Slot

	executable program.Slot // address of the path to execute, see args.go
	home       program.Arg  // the string HOME=…, or nothing
	passwd     program.Slot // open on the container's /etc/passwd if there is a home, or 0
	cwd        program.Slot // 0 once it is entered
	pending    []pendingReadonly
	remounted  map[int]program.Slot // mounts that later entries remount, by index
}

func newCompiler(in Input, inherited []Role) *compiler {
	b := program.NewBuilder()
	if user := &in.Config.Spec.Process.User; terminal(&in) {
		// The terminal takes the places of the three, and is the user's.
		in.Stdio = [3]Stdio{{UID: user.UID}, {UID: user.UID}, {UID: user.UID}}
	}
	c := &compiler{
		Builder: b, in: in, cfg: in.Config, spec: in.Config.Spec,
		setupFailed: b.Label(), startFailed: b.Label(), orphaned: b.Label(),
		root: b.Slot("root"), under: b.Slot("under"), hidden: b.Slot("hidden"),
		fs: b.Slot("fs"), mount: b.Slot("mount"), target: b.Slot("target"),
		dir: b.Slot("dir"), dir2: b.Slot("dir2"), executable: b.Slot("executable"),
	}
	c.out.FirstInherited = 3 + in.Preserve
	c.out.Inherited = inherited
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
