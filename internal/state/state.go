// Package state is the state store: one directory for each container.
//
// What comes in: the root of the store, ids, and records of containers. What
// goes out: locked directories (Dir), records read back, and errors in the
// words that callers of a runtime look for (`container does not exist`).
//
// Each container has <root>/<id>/ with state.json, the fifos of its program and
// nothing of anyone else. The directory's lock (flock) serialises the commands
// on one container; commands on different ones never meet. A record is replaced
// by rename, so a reader sees the old one or the new one. A directory is first
// made and locked, then recorded with Phase "creating", and with Phase "ready"
// when the container is whole: a directory that is neither locked nor ready is
// what a killed create left, and never blocks the id. Nor does one whose process
// died of that kill in the moment between the record and its leave to go on (Propose).
//
// Everything is done relative to directory descriptors that were opened without
// following links, so nothing that is put into the root can lead elsewhere.
// The package knows nothing of cgroups, namespaces or the bundle: it keeps what
// it is given. It reads /proc only to tell whether a recorded process is still
// the same one (process.go).
package state

import (
	"errors"
	"time"
)

// The errors that callers test for; their texts are part of the interface.
var (
	ErrExist    = errors.New("container with given ID already exists")
	ErrNotExist = errors.New("container does not exist")
	ErrID       = errors.New("invalid container ID format")
	ErrEmptyID  = errors.New("container id cannot be empty")
)

// RecordVersion is the newest form of a record that this vial reads, and the
// one it writes.
const RecordVersion = 1

// The phases of a Record.
const (
	PhaseCreating = "creating" // something may exist on the host: see Cgroup
	PhaseReady    = "ready"    // the container is whole, its Pid valid
)

// A Record is what is known of a container beyond the life of a command.
type Record struct {
	Version     int // set by Write
	ID          string
	OCIVersion  string
	Bundle      string
	Rootfs      string
	Exec        string // what start does, for its errors: `process.args[0]: exec: "sh"`
	Pid         int
	StartTime   uint64 // field 22 of /proc/<pid>/stat; with BootID the process's identity
	BootID      string
	Created     time.Time
	Phase       string
	Annotations map[string]string
	Cgroup      Cgroup
	OwnerUID    int  // who ran create
	OwnPIDNS    bool // it has a pid namespace of its own: killing init kills all
	OwnKeyring  bool // it has a session keyring of its own, which exec joins
	StartHooks  bool // its config has hooks that start runs
	StopHooks   bool // its config has hooks that delete runs
}

// Cgroup is what delete and kill need of the container's cgroups.
type Cgroup struct {
	Driver string            // "fs", "systemd" or "none"
	Unit   string            // of systemd's
	Paths  map[string]string // hierarchy to directory; "" is cgroup2
}
