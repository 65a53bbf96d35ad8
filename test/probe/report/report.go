// Package report is what the probe says of the container that it runs in, and
// what the tests outside read: both sides share these types, as JSON.
//
// What comes in: nothing. What goes out: types. The package may import nothing,
// for the probe has to stay small.
package report

// A Report is all that one run of the probe prints.
type Report struct {
	Process *Process `json:"process,omitempty"` // of the act "report"
	Acts    []Act    `json:"acts,omitempty"`    // every other act, in order
}

// A Process is what the probe sees of itself and around it.
type Process struct {
	Args, Env    []string
	Cwd, Exe     string
	Pid, Ppid    int
	Session      int
	UID, GID     [3]uint32 // real, effective, saved
	Groups       []uint32
	Umask        int
	Hostname     string
	Domainname   string
	Rlimits      map[string][2]uint64 // soft, hard; by RLIMIT_* name
	Capabilities Capabilities
	NoNewPrivs   bool
	Securebits   int
	Terminal     bool   // has a controlling terminal
	Keyring      string // what the kernel says of the session keyring
	KeyringID    int
	OOMScoreAdj  string
	Descriptors  map[int]string // what each open descriptor leads to
	Namespaces   map[string]string
	Mountinfo    string // as the kernel prints it
	Cgroup       string
	Status       string
	Interfaces   []Interface
}

// Capabilities are the five sets, bit n for capability n.
type Capabilities struct {
	Inheritable, Permitted, Effective, Bounding, Ambient uint64
}

// An Interface is one network interface.
type Interface struct {
	Name    string
	Up      bool
	Address string
}

// An Act is one thing that the probe tried, and how it went.
type Act struct {
	Do    []string
	Errno string   `json:",omitempty"` // EROFS and so on; empty if it worked
	Text  string   `json:",omitempty"`
	Names []string `json:",omitempty"`
	File  *File    `json:",omitempty"`

	Terminal *Terminal `json:",omitempty"`
}

// A Terminal is what standard input is.
type Terminal struct {
	Is            [3]bool // whether descriptors 0, 1 and 2 are terminals
	Same          bool    // all three are the same
	Name          string
	Rows, Columns uint16
	Controls      bool // it controls our session
	Foreground    bool // our process group is the one that it listens to
	Console       bool // /dev/console is the same device of the same filesystem
}

// A File is what stat and statfs say.
type File struct {
	Type         string // file, directory, link, char, block, fifo, socket
	Mode         uint32 // permissions with setuid, setgid, sticky
	Major, Minor uint32 // of a device node
	UID, GID     uint32
	Size         int64
	Links        uint64
	Inode        uint64
	Device       uint64 // of the filesystem that it is on, as makedev(3) packs it
	Filesystem   int64  // magic number
	Flags        int64  // ST_RDONLY and so on
	Mount        uint64
}

// A Hook is what the probe saw as a hook.
type Hook struct {
	Word    string // by which the test knows it
	State   string // what was on standard input
	Process *Process
}
