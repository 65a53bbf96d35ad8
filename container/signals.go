package container

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vial-run/vial/internal/console"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/signals"
	"golang.org/x/sys/unix"
)

// Signals carry the signals that a program gets to what it makes of package
// container: while a container is made, SIGHUP, SIGINT and SIGTERM undo it; once
// its process runs, Run and ExecWait pass every signal on. They serve one call at a
// time. A program that gets its signals from package os/signal hands them over:
//
//	for s := range channel {
//		signals.Send(s.(syscall.Signal))
//	}
type Signals struct {
	read, write int           // a pipe of their numbers, a byte each
	later       []unix.Signal // still to be caught: only a process is to get them
}

// interrupts are the signals that undo a container that is being made.
var interrupts = [...]unix.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGTERM}

// NewSignals makes Signals that Send hands over.
func NewSignals() (*Signals, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		return nil, fmt.Errorf("make a pipe for signals: pipe2: %w", err)
	}
	return &Signals{read: ends[0], write: ends[1]}, nil
}

// CatchSignals makes Signals of those that the program gets, in place of package
// os/signal and for good: they are not to be closed. It is for programs that do
// nothing beside, and to which time matters. What the program's caller has it
// ignore (nohup(1)) stays ignored, by the container's process too.
func CatchSignals(list ...unix.Signal) (*Signals, error) {
	s, err := NewSignals()
	if err != nil {
		return nil, err
	}
	var now []unix.Signal
	for _, signal := range list {
		switch {
		case !slices.Contains(interrupts[:], signal):
			s.later = append(s.later, signal)
		case !signals.Ignored(signal):
			now = append(now, signal)
		}
	}
	return s, signals.Catch(s.write, now)
}

// catchAll catches the signals that undo nothing too. It is for as late as can be,
// when vial has to wait for a process anyway, but before that may be the user's.
func (s *Signals) catchAll() error {
	if s == nil || len(s.later) == 0 {
		return nil
	}
	err := signals.Catch(s.write, s.later)
	s.later = nil
	return err
}

// Send hands a signal over. It never blocks; beyond 65536 that nobody has taken yet
// they are lost.
func (s *Signals) Send(signal unix.Signal) { _, _ = unix.Write(s.write, []byte{byte(signal)}) }

// Close is for when no call uses them any more.
func (s *Signals) Close() {
	unix.Close(s.read)
	unix.Close(s.write)
}

// last is no signal: it ends who passes signals on.
const last unix.Signal = 0

// take is what has come.
func (s *Signals) take() []unix.Signal {
	var numbers [64]byte
	n, _ := unix.Read(s.read, numbers[:])
	var list []unix.Signal
	for _, b := range numbers[:max(n, 0)] {
		list = append(list, unix.Signal(b))
	}
	return list
}

// A guard takes the signals that come while a container is made. One that asks
// vial to end makes what vial waits for fail, so that what stands is undone.
// When the container stands nevertheless, they are for its process. The nil guard
// is that of who has no signals.
type guard struct {
	signals *Signals
	held    []unix.Signal // all that have come
	asked   unix.Signal   // the first of them that has asked vial to end, or 0
	passing bool          // the process may be the user's already, and gets them all
}

func newGuard(s *Signals) *guard {
	if s == nil {
		return nil
	}
	return &guard{signals: s}
}

// Descriptor is readable when signals have come. It is for poll(2), which passes
// over the number of none.
func (g *guard) Descriptor() int {
	if g == nil {
		return -1
	}
	return g.signals.read
}

// Asked takes the signals that have come, and tells whether one ever was to end vial.
func (g *guard) Asked() bool {
	if g == nil {
		return false
	}
	for _, s := range g.signals.take() {
		g.held = append(g.held, s)
		if g.asked == 0 && !g.passing && slices.Contains(interrupts[:], s) {
			g.asked = s
		}
	}
	return g.asked != 0
}

// pass tells whether from now on all signals are for the process.
func (g *guard) pass(on bool) {
	if g != nil {
		g.passing = on
	}
}

// begin is for when something is about to be made.
func (g *guard) begin() error {
	if g.Asked() {
		return g.cause(launch.ErrInterrupted)
	}
	return nil
}

// cause names the signal, if it is what an error is about.
func (g *guard) cause(err error) error {
	if g == nil || !errors.Is(err, launch.ErrInterrupted) {
		return err
	}
	return fmt.Errorf("%w by %s", err, unix.SignalName(g.asked))
}

// release passes on what has come while the container was made.
func (g *guard) release(l listener) {
	if g == nil {
		return
	}
	for _, s := range g.held {
		l.pass(s)
	}
	g.held = nil
}

// A listener is a process that gets the signals, or its terminal's session.
type listener struct {
	pidfd   int
	session *console.Session
}

// pass sends a signal on. Those that are about vial's own children and threads,
// and the process's terminal, stay here.
func (l listener) pass(s unix.Signal) {
	if s == unix.SIGCHLD || s == unix.SIGURG || s == unix.SIGPIPE || l.session.Signal(s) {
		return
	}
	if errors.Is(unix.PidfdSendSignal(l.pidfd, s, nil, 0), unix.ESRCH) {
		l.session.Leave() // it has ended: somebody does not want to wait for its output
	}
}

// await waits for the end of a process, and of its terminal's session, and passes
// signals on meanwhile.
func (s *Signals) await(child *launch.Child, session *console.Session) (unix.WaitStatus, error) {
	to := listener{child.PidFD, session}
	if s != nil && session == nil {
		if err := s.forward(to); err != nil {
			return 0, err
		}
		return child.Wait()
	}
	defer s.forwarding(to)()
	status, err := child.Wait()
	session.End()
	return status, err
}

// forward passes signals on until the process has ended.
func (s *Signals) forward(l listener) error {
	poll := []unix.PollFd{{Fd: int32(l.pidfd), Events: unix.POLLIN}, {Fd: int32(s.read), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(poll, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case poll[0].Revents != 0:
			return nil
		default:
			for _, signal := range s.take() {
				l.pass(signal)
			}
		}
	}
}

// forwarding passes signals on beside all else, until it is stopped.
func (s *Signals) forwarding(l listener) (stop func()) {
	if s == nil {
		return func() {}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		poll := []unix.PollFd{{Fd: int32(s.read), Events: unix.POLLIN}}
		for {
			_, _ = unix.Poll(poll, -1)
			for _, signal := range s.take() {
				if signal == last {
					return
				}
				l.pass(signal)
			}
		}
	}()
	return func() {
		s.Send(last)
		<-done
	}
}
