package vm

import (
	"encoding/binary"
	"fmt"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Kind is what a descriptor is open on.
type Kind uint8

const (
	Closed     Kind = iota
	File            // something to read or write
	Path            // O_PATH: a place only
	FsContext       // fsopen
	Superblock      // fsopen, after FSCONFIG_CMD_CREATE
	Mount           // fsmount, open_tree
	Socket          // socket
	Channel         // the socket to the parent
	StartFifo       // the fifo that `vial start` writes to
	ResultFifo      // the fifo that a failure after start is written to
	CgroupDir       // the cgroup v2 directory to be born in
	PidFD           // a process whose namespaces are joined
	Master          // the ptmx of a new terminal
	Peer            // the terminal itself
)

var kindNames = [...]string{
	"closed", "file", "path", "filesystem context", "superblock", "mount", "socket",
	"channel", "start fifo", "result fifo", "cgroup directory", "pidfd", "terminal's master", "terminal",
}

func (k Kind) String() string { return kindNames[k] }

// A Descriptor is an open descriptor of a process.
type Descriptor struct {
	Number   int
	Kind     Kind
	Name     string // what it was opened as, for messages
	Cloexec  bool
	Readable bool
	Writable bool
	Own      bool // a mount that the program made empty: nobody else has been in it
	Unlocked bool // a Master whose peer may be opened
}

func (d Descriptor) String() string {
	if d.Name == "" {
		return fmt.Sprintf("%d (%s)", d.Number, d.Kind)
	}
	return fmt.Sprintf("%d (%s %q)", d.Number, d.Kind, d.Name)
}

// Inherited are the descriptors that a program inherits beside 0, 1 and 2, as
// far as its calls tell: it knows those by number and all others by slot, and
// what is done with each tells its kind.
func Inherited(p *program.Program) []Descriptor {
	d, err := program.Decode(p.Encode(program.AMD64))
	if err != nil {
		return nil
	}
	memory := newMemory(d.Bytes, len(d.Calls))
	var found Descriptors
	for _, c := range d.Calls {
		sys, _ := program.SysOf(program.AMD64, c.Number)
		number, kind := c.Args[0], Closed
		switch sys {
		case program.SysSendto, program.SysSendmsg, program.SysRecvfrom:
			kind = Channel
		case program.SysRead:
			kind = StartFifo
		case program.SysWrite:
			kind = File // where the process enters a cgroup
			if c.Args[2] == program.MessageSize {
				kind = ResultFifo
			}
		case program.SysSetns:
			kind = PidFD
		case program.SysClone3:
			args, err := memory.Bytes(number, 88)
			if err == nil && binary.LittleEndian.Uint64(args)&unix.CLONE_INTO_CGROUP != 0 {
				number, kind = binary.LittleEndian.Uint64(args[80:]), CgroupDir
			}
		}
		if kind != Closed && c.Content&1 == 0 && number > 2 && number < 1<<16 && found.lookup(number) == nil {
			found.set(Descriptor{Number: int(number), Kind: kind})
		}
	}
	var inherited []Descriptor
	for _, d := range found {
		if d.Kind != Closed {
			inherited = append(inherited, d)
		}
	}
	return inherited
}

// Descriptors is a table of descriptors, indexed by their numbers.
type Descriptors []Descriptor

func newDescriptors(inherited []Descriptor) Descriptors {
	var t Descriptors
	for n, name := range []string{"stdin", "stdout", "stderr"} {
		t.set(Descriptor{Number: n, Kind: File, Name: name, Readable: true, Writable: true})
	}
	for _, d := range inherited {
		d.Readable, d.Writable = true, true
		t.set(d)
	}
	return t
}

// lookup is the open descriptor of that number, or nil.
func (t Descriptors) lookup(number uint64) *Descriptor {
	if number >= uint64(len(t)) || t[number].Kind == Closed {
		return nil
	}
	return &t[number]
}

// open gives d the lowest free number, as every call does that makes one.
func (t *Descriptors) open(d Descriptor) int {
	d.Number = len(*t)
	for n, old := range *t {
		if old.Kind == Closed {
			d.Number = n
			break
		}
	}
	t.set(d)
	return d.Number
}

func (t *Descriptors) set(d Descriptor) {
	for len(*t) <= d.Number {
		*t = append(*t, Descriptor{Number: len(*t)})
	}
	(*t)[d.Number] = d
}

func (t Descriptors) close(number int) { t[number] = Descriptor{Number: number} }

// exec says what execve keeps open and what it closes.
func (t Descriptors) exec() (kept []int, closed []string) {
	for _, d := range t {
		switch {
		case d.Kind == Closed:
		case d.Cloexec:
			closed = append(closed, d.String())
		default:
			kept = append(kept, d.Number)
		}
	}
	return kept, closed
}
