// Package vm runs encoded programs without a kernel: it is package image's
// interpreter written in Go, over a kernel that the caller supplies.
//
// What comes in: the bytes that program.Encode made, and a Kernel. What goes
// out: a Trace, which tells for each process what it called, what it told its
// parent and how it ended. The bytes are what runs, never the Program they
// came from, so that encoding is tested with it.
//
// Fake is the kernel of the tests. It keeps a table of descriptors and holds
// every call to what the real kernel would demand of it: pointers and strings
// within the program, structs of the right size, descriptors that are open and
// of the right kind. Whatever breaks that is no errno but an error: a program
// that vial compiles has no such bug.
//
// Check runs a program clean, then makes it fail at every call with every
// errno that matters, and looks at what is reported, what runs afterwards, and
// what reaches the user's process.
//
// The package is for tests and links into nothing. It is pure: no call of it
// reaches the host.
package vm

import (
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// maxErrno is the largest errno: results above -4096 are errors on every CPU
// (include/linux/err.h).
const maxErrno = 4095

// Bounds of a run. Jumps go forward only, but calls may repeat on EAGAIN and
// every clone runs the rest of the program twice.
const (
	maxCalls     = 1 << 16
	maxProcesses = 64
)

// A Kernel answers system calls.
type Kernel interface {
	// Call does one system call of p; a negative result is an errno. An
	// error means that the program did what no program may, and ends the run.
	Call(p *Process, number uint64, args [6]uint64) (Answer, error)
}

// An Answer is what a system call leads to.
type Answer struct {
	Result int64
	Effect Effect
}

// An Effect is what a system call does beside returning a result.
type Effect uint8

const (
	Return Effect = iota // nothing
	Clone                // the call returns in a new process too, with 0
	Exec                 // it does not return: another program runs
	Exit                 // it does not return: the process is gone
)

// A Trace is what a run did, the first process first, then the processes that
// it made, in that order.
type Trace struct {
	Processes []*Process
}

// A Process is one process of a run.
type Process struct {
	ID          int // 0 for the first one
	Memory      Memory
	Descriptors Descriptors
	Calls       []Executed // what it called
	Failures    []Failure  // the calls that failed and were not caught
	Messages    []Message  // what it told its parent
	End         Effect     // Exec or Exit; Return while it runs
	Status      int        // after Exit
	Execution   Execution  // after Exec

	at      int    // index of the next call
	repeats uint32 // how often EAGAIN has repeated it
	born    int    // processes that it has made
	home    string // the answer to RequestReadyHome
	started bool   // it has closed the Channel or read from the StartFifo
	leader  bool   // it leads its session
}

// An Executed is one call that a process made.
type Executed struct {
	Index  int // of the call in the program
	Number uint64
	Args   [6]uint64 // with slots already replaced by what they held
	Result int64
}

// A Failure is a call that led to its Fail target.
type Failure struct {
	Index int
	Errno unix.Errno
	After int // how many calls the process had made, with this one
}

// A Message is a record of MessageSize bytes sent to the parent.
type Message struct {
	Kind          Kind // of the descriptor it went through
	Index         int  // of the call that sent it
	First, Second uint64
	Attached      string // the descriptor that was sent with it, if any
}

// An Execution is what execve was given and what it leaves open.
type Execution struct {
	Path       string
	Argv, Envp []string
	Kept       []int    // descriptors that the new program gets
	Closed     []string // descriptors that only close-on-exec has closed
}

// Run executes an encoded program in a process that has descriptors 0, 1, 2
// and the inherited ones. After a clone the old process runs on to its end,
// then the new one does.
func Run(encoded []byte, inherited []Descriptor, k Kernel) (*Trace, error) {
	m, p, err := load(encoded, inherited)
	if err != nil {
		return nil, err
	}
	t := &Trace{Processes: []*Process{p}}
	for i, calls := 0, 0; i < len(t.Processes); i++ {
		for p := t.Processes[i]; p.End == Return; calls++ {
			if calls == maxCalls {
				return t, errors.New("the program makes too many calls")
			}
			child, err := m.step(p, k)
			if err != nil {
				return t, err
			}
			if child != nil {
				if child.ID = len(t.Processes); child.ID == maxProcesses {
					return t, errors.New("the program makes too many processes")
				}
				t.Processes = append(t.Processes, child)
			}
		}
	}
	return t, nil
}

// A machine is a loaded program. It has no state: that is all in the process.
type machine struct {
	calls []program.DecodedCall
}

func load(encoded []byte, inherited []Descriptor) (*machine, *Process, error) {
	d, err := program.Decode(encoded)
	if err != nil {
		return nil, nil, err
	}
	p := &Process{
		Memory:      newMemory(d.Bytes, len(d.Calls)),
		Descriptors: newDescriptors(inherited),
	}
	return &machine{calls: d.Calls}, p, nil
}

// step makes one call of p, and is the process that the call made, if any.
func (m *machine) step(p *Process, k Kernel) (child *Process, err error) {
	if p.at >= len(m.calls) {
		return nil, fmt.Errorf("the program runs past its last call")
	}
	index, c := p.at, &m.calls[p.at]
	args := c.Args
	for n := range args {
		if c.Content&(1<<n) == 0 {
			continue
		}
		if args[n], err = p.Memory.Word(args[n]); err != nil {
			return nil, fmt.Errorf("call %d: argument %d: %w", index, n, err)
		}
	}
	answer := Answer{Result: int64(args[0])}
	if c.Number != program.SysSet.On(program.AMD64) {
		if answer, err = k.Call(p, c.Number, args); err != nil {
			return nil, fmt.Errorf("call %d: %w", index, err)
		}
	}
	p.Calls = append(p.Calls, Executed{Index: index, Number: c.Number, Args: args, Result: answer.Result})
	if answer.Effect == Clone {
		child = p.clone()
		p.born++
		child.born, child.Messages, child.Calls, child.Failures, child.leader = 0, nil, nil, nil, false
		if err := m.finish(child, c, 0); err != nil {
			return nil, err
		}
	}
	if answer.Effect == Exec || answer.Effect == Exit {
		p.End = answer.Effect
		return nil, nil
	}
	return child, m.finish(p, c, answer.Result)
}

// finish keeps the result of call c and finds the call that comes next.
func (m *machine) finish(p *Process, c *program.DecodedCall, result int64) error {
	index := p.at
	if c.Result != 0 {
		if err := p.Memory.SetWord(c.Result, uint64(result)); err != nil {
			return fmt.Errorf("call %d: result: %w", index, err)
		}
	}
	next := c.Next
	switch {
	case result < 0 && result >= -maxErrno:
		errno := unix.Errno(-result)
		if errno == unix.EAGAIN && p.repeats < c.Retry {
			p.repeats++
			return nil
		}
		next = c.Else
		if c.Errno != program.AnyErrno && c.Errno != errno {
			p.Memory.record(program.FirstCallOffset+uint64(index)*program.CallSize, uint64(errno))
			p.Failures = append(p.Failures, Failure{Index: index, Errno: errno, After: len(p.Calls)})
			next = c.Fail
		}
		if next == 0 {
			return fmt.Errorf("call %d: %s leads nowhere", index, unix.ErrnoName(errno))
		}
	case result == 0 && c.Zero != 0:
		next = c.Zero
	}
	p.repeats = 0
	p.at = index + 1
	if next != 0 {
		p.at = int(next-program.FirstCallOffset) / program.CallSize
	}
	return nil
}

// clone is a copy of p that shares nothing with it.
func (p *Process) clone() *Process {
	q := *p
	q.Memory = p.Memory.clone()
	q.Descriptors = append(Descriptors(nil), p.Descriptors...)
	// Appending to either copy has to leave the other one alone.
	q.Calls = p.Calls[:len(p.Calls):len(p.Calls)]
	q.Messages = p.Messages[:len(p.Messages):len(p.Messages)]
	q.Failures = p.Failures[:len(p.Failures):len(p.Failures)]
	return &q
}
