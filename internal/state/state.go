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
// when the container is whole: a directory that is not ready and not locked is
// what a killed create left, and never blocks the id.
//
// Everything is done relative to directory descriptors that were opened without
// following links, so nothing that is put into the root can lead elsewhere.
// The package knows nothing of cgroups, namespaces or the bundle: it keeps what
// it is given.
package state

import (
	"errors"
	"os"
	"time"
)

// The errors that callers test for; their texts are part of the interface.
var (
	ErrExist    = errors.New("container with given ID already exists")
	ErrNotExist = errors.New("container does not exist")
	ErrID       = errors.New("invalid container ID format")
	ErrEmptyID  = errors.New("container id cannot be empty")
)

// RecordVersion is the newest form of a record that this vial reads and writes.
const RecordVersion = 1

// The phases of a Record.
const (
	PhaseCreating = "creating" // something may exist on the host: see Cgroup
	PhaseReady    = "ready"    // the container is whole, its Pid valid
)

// A Record is what is known of a container beyond the life of a command.
type Record struct {
	Version     int
	ID          string
	OCIVersion  string
	Bundle      string
	Rootfs      string
	Pid         int
	StartTime   uint64 // field 22 of /proc/<pid>/stat, with BootID the process's identity
	BootID      string
	Created     time.Time
	Phase       string
	Annotations map[string]string
	Cgroup      Cgroup
	OwnerUID    int  // who ran create
	OwnPIDNS    bool // a pid namespace of its own: killing init kills all
	NoNewKey    bool // create was told not to make a session keyring
}

// Cgroup is what delete and kill need of the container's cgroups.
type Cgroup struct {
	Driver string            // "fs"
	Paths  map[string]string // hierarchy to directory; "" is cgroup2
}

// CheckID tells whether id can be a container's id.
func CheckID(id string) error { return nil }

// A Store is a root directory of containers.
type Store struct{ root string }

// Open is the store at root. It touches nothing.
func Open(root string) Store { return Store{root: root} }

// A Dir is the locked directory of one container.
type Dir struct {
	ID     string
	Path   string // for messages and for what must be named, such as a mount source
	Stale  bool   // Create found what a killed create had left
	Record Record // as loaded; with Stale the old one, which may be empty
	fd     int
}

// Create makes and locks the directory of a new container.
func (s Store) Create(id string) (*Dir, error) { return nil, nil }

// Load locks the directory of a container and reads its record.
func (s Store) Load(id string) (*Dir, error) { return nil, nil }

// Peek reads a container's record without its lock.
func (s Store) Peek(id string) (Record, error) { return Record{}, nil }

// An Entry is one container of List.
type Entry struct {
	ID     string
	Record Record
	Err    error // why the record could not be read
}

// List reads the records of all containers, in the order of their ids.
func (s Store) List() ([]Entry, error) { return nil, nil }

// Fd is the directory's descriptor; Close invalidates it.
func (d *Dir) Fd() int { return d.fd }

// Write replaces the record.
func (d *Dir) Write(r Record) error { return nil }

// Fifo makes a fifo and opens it for reading and writing.
func (d *Dir) Fifo(name string) (*os.File, error) { return nil, nil }

// OpenFifo opens a fifo with the given O_* flags.
func (d *Dir) OpenFifo(name string, flags int) (*os.File, error) { return nil, nil }

// Remove removes the directory and all that is in it.
func (d *Dir) Remove() error { return nil }

// Close gives up the lock.
func (d *Dir) Close() error { return nil }
