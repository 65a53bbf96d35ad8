// Package config turns config.json into a Config that is known to be good, or
// into every problem at once.
//
// What comes in: the bytes of config.json (Parse), or a Spec that was made in
// memory (FromSpec). What goes out: the Spec, and beside it what its strings
// mean: namespaces, mount options, capabilities, rlimits and devices as the
// numbers that the kernel takes. Who compiles the config never looks at those
// strings again.
//
// The decoder is written by hand, one function for each object of the runtime
// spec, because start-up is the product: reflection over the whole Spec costs
// more than the kernel needs to make the container's namespaces. It is stricter
// than encoding/json: a key must match exactly, may come only once, and a
// number must fit its field.
//
// The checks stand one concern to a file (process.go, mounts.go, sysctl.go …).
// A check knows the spec and the Linux ABI, but nothing of this host: whether a
// file exists, a kernel feature is there or a limit may be raised is asked
// elsewhere. The package is pure: no os, no net, no time, no environment.
// Of golang.org/x/sys/unix it takes the constants only.
//
// Nothing is ever ignored in silence. What the spec knows and vial does not do
// yet is refused by name (later.go); what the spec does not know is allowed, as
// the spec demands, with a warning when it looks like a slip of the pen.
package config

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// A Config is a Spec that has passed every check, and what it means.
type Config struct {
	Spec            *specs.Spec
	Warnings        []string     // one line each, for the log
	Namespaces      Namespaces   // the namespaces to make anew
	Mounts          []Mount      // parallel to Spec.Mounts
	Capabilities    Capabilities // of the container's process
	Rlimits         []Rlimit     // parallel to Spec.Process.Rlimits
	Devices         []Device     // parallel to Spec.Linux.Devices
	Sysctl          []Sysctl     // of linux.sysctl, sorted by key
	TimeOffsets     []TimeOffset // of linux.timeOffsets, sorted by clock
	Hooks           Hooks
	RootPropagation uint64 // MS_* flags of linux.rootfsPropagation, 0 when unset
}

// Namespaces is a set of CLONE_NEW* bits.
type Namespaces uint64

// Has tells whether every namespace of flag is in the set.
func (n Namespaces) Has(flag uint64) bool { return uint64(n)&flag == flag }

// Capabilities are the five sets as the kernel counts them: bit n is
// capability number n. A set that config.json leaves out is empty.
type Capabilities struct {
	Bounding, Effective, Permitted, Inheritable, Ambient uint64
}

// A TimeOffset is one entry of linux.timeOffsets.
type TimeOffset struct {
	Clock    string // monotonic or boottime
	Secs     int64
	Nanosecs uint32 // less than a second
}

// An Rlimit is one entry of process.rlimits.
type Rlimit struct {
	Resource   int // RLIMIT_*
	Name       string
	Soft, Hard uint64
}

// A Device is one entry of linux.devices.
type Device struct {
	Path         string // cleaned, absolute, not "/"
	Mode         uint32 // S_IFCHR, S_IFBLK or S_IFIFO, and the permissions
	Major, Minor uint32
	UID, GID     uint32
}

// MountKind sorts mounts by how they are made.
type MountKind uint8

// The kinds of mounts.
const (
	KindOther   MountKind = iota // fsopen(type)
	KindBind                     // open_tree(source)
	KindProc                     // procfs: also the one that hosts the runtime's own writes
	KindSysfs                    // sysfs: not mountable in every network namespace
	KindTmpfs                    // tmpfs: may copy up what it covers
	KindMqueue                   // mqueue
	KindDevpts                   // devpts
	KindCgroup                   // type cgroup or cgroup2: v1 or v2 as the host has it
	KindRemount                  // option remount: changes what is mounted already
)

// A KeyValue is one option for the filesystem itself.
type KeyValue struct {
	Key, Value string
	HasValue   bool // `key=` and `key` are different things to fsconfig(2)
}

// A Mount is one entry of mounts with its options understood.
type Mount struct {
	Kind        MountKind
	Source      string // as given
	Destination string // absolute and cleaned; `..` never leads above "/"
	Type        string // as given
	Recursive   bool   // a bind mount takes the mounts below its source along

	Set, Clear       uint64 // MOUNT_ATTR_* of this mount; an atime mode clears MOUNT_ATTR__ATIME
	RecSet, RecClear uint64 // the same, with AT_RECURSIVE (options rro, rnosuid …)

	SuperFlags  []string   // flags of the superblock, for fsconfig(FSCONFIG_SET_FLAG); of a remount also "rw", "async" …
	Data        []KeyValue // options of the filesystem, in order
	Propagation []uint64   // MS_SHARED, MS_SLAVE … with or without MS_REC, in order

	CopyUp       bool // tmpcopyup
	SrcNofollow  bool // src-nofollow: a symlink as bind source is mounted itself
	DestNofollow bool // dest-nofollow
	CopySymlink  bool // copy-symlink: a symlink as bind source is copied
}

// Parse reads, checks and understands config.json. Its error is an Errors.
func Parse(data []byte) (*Config, error) {
	s, warnings, err := decode(data, readSpec)
	if err != nil {
		return nil, err
	}
	return check(s, warnings)
}

// FromSpec checks and understands a Spec made in memory, as Parse does. The
// Config keeps s, which must not change any more.
func FromSpec(s *specs.Spec) (*Config, error) {
	if s == nil {
		return nil, Errors{&field.Error{Detail: "config cannot be null"}}
	}
	return check(s, nil)
}

// check runs every check, so that one error tells every problem. They do not
// depend on each other's order, but that namespaces come first.
func check(s *specs.Spec, warnings []string) (*Config, error) {
	c := &checker{spec: s, cfg: &Config{Spec: s, Warnings: warnings}}
	for _, look := range [...]func(*checker){
		checkNamespaces,
		checkVersion,
		checkRoot,
		checkRootPropagation,
		checkHostname,
		checkProcess,
		checkCapabilities,
		checkRlimits,
		checkMounts,
		checkDevices,
		checkPaths,
		checkSysctl,
		checkTime,
		checkPersonality,
		checkCgroups,
		checkHooks,
		checkLater,
	} {
		look(c)
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.cfg, nil
}
