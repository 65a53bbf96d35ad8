package container

import (
	"errors"
	"fmt"
	"os"

	"github.com/vial-run/vial/internal/console"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// ConsoleOptions say who gets the terminal of a process that has one
// (process.terminal): its master, the end that reads what is printed and writes
// what is typed. Run and ExecWait keep it if nobody is named: they copy between it
// and the standard descriptors, and have the caller's terminal, if those are
// one, in raw mode meanwhile. Whoever returns before the process ends needs
// somebody.
type ConsoleOptions struct {
	// ConsoleSocket is a unix socket that the master is sent to, if not empty.
	ConsoleSocket string
	// Console is called with the master, if not nil, before the process runs.
	// The file is its own from then on. It does not block, so that it can be
	// closed while it is read from.
	Console func(master *os.File) error
}

// presence is whether somebody stays with a process until it ends.
type presence uint8

const (
	detached presence = iota
	foreground
)

// A receiver gets the terminal of a process.
type receiver struct {
	ConsoleOptions
	socket int // -1 without ConsoleSocket
	caller console.Caller
	place  console.Place
	master int // kept for a session, or -1
}

// receive finds who gets the terminal of a process, before anything is made. It is
// nil for a process without one.
func (o ConsoleOptions) receive(terminal bool, p presence, stdio [3]int) (*receiver, error) {
	switch {
	case o.ConsoleSocket != "" && (!terminal || p == foreground):
		return nil, errors.New("cannot use console socket if vial will not detach or allocate tty: leave --console-socket out, or set process.terminal and detach")
	case !terminal:
		return nil, nil
	case o.ConsoleSocket != "" && o.Console != nil:
		return nil, errors.New("process.terminal: there is one terminal, and both ConsoleSocket and Console are to get it")
	case o.ConsoleSocket == "" && o.Console == nil && p == detached:
		return nil, errors.New("process.terminal: cannot allocate tty if vial will detach without setting console socket: name one with --console-socket, or stay in the foreground (vial run, exec without --detach), or set it to false (vial spec -- COMMAND does)")
	}
	r := &receiver{ConsoleOptions: o, master: -1, caller: console.Caller{Stdin: stdio[0], Stdout: stdio[1], Stderr: stdio[2]}}
	var err error
	r.socket, err = dialSocket("console", o.ConsoleSocket)
	return r, err
}

// consoleText goes to a console socket with the master: where that was opened,
// as runc says it.
const consoleText = "/dev/pts/ptmx"

// answer serves the two requests that a terminal takes.
func (r *receiver) answer(q launch.Question) (err error) {
	if q.Kind == program.RequestTerminals {
		r.place, err = console.CheckPlace(q.FDs[0])
		return err
	}
	master := q.FDs[0] // which is closed behind this
	if err := r.place.CheckMaster(master); err != nil {
		return err
	}
	if r.socket >= 0 {
		if err := sendDescriptor(r.socket, master, consoleText); err != nil {
			return fmt.Errorf("send it to the console socket %s: %w", r.ConsoleSocket, err)
		}
		return nil
	}
	if master, err = unix.FcntlInt(uintptr(master), unix.F_DUPFD_CLOEXEC, 3); err != nil {
		return fmt.Errorf("fcntl: %w", err)
	}
	if r.Console == nil {
		r.master = master
		return r.caller.Prepare(master)
	}
	if err := unix.SetNonblock(master, true); err != nil {
		unix.Close(master)
		return fmt.Errorf("fcntl: %w", err)
	}
	return r.Console(os.NewFile(uintptr(master), consoleText))
}

// session begins to copy between the terminal and the caller. It is nil if the
// terminal is somebody else's, or there is none.
func (r *receiver) session(process int) (*console.Session, error) {
	if r == nil || r.master < 0 {
		return nil, nil
	}
	master := r.master
	r.master = -1
	return console.Begin(r.caller, master, process)
}

// close lets go of what is left.
func (r *receiver) close() {
	if r == nil {
		return
	}
	closeFD(r.socket)
	closeFD(r.master)
	r.socket, r.master = -1, -1
}
