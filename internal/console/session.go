package console

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// A Session copies between a master and its caller. The nil Session is that of a
// process without a terminal, and does nothing.
type Session struct {
	caller Caller
	shown  chan struct{} // closed once the last of the output is written
	typed  chan struct{} // closed once nothing is read any more
	left   func()        // closes away: somebody does not want to wait for the output
	away   chan struct{}

	mu     sync.Mutex // over what follows; no call that may block is made under it
	master int        // -1 once it is closed
	hungUp int        // eventfd, to tell who reads the keys that the master is closed; -1 once that has ended
	typing bool       // the caller has a keyboard, and modes are those of its terminal
	modes  unix.Termios
}

// Begin starts a session between the caller and the terminal of a process,
// whose pidfd stays the caller's. master is the session's, also if there is an error.
func Begin(caller Caller, master, process int) (*Session, error) {
	s := &Session{
		caller: caller, master: master, hungUp: -1,
		shown: make(chan struct{}), typed: make(chan struct{}), away: make(chan struct{}),
	}
	s.left = sync.OnceFunc(func() { close(s.away) })
	from, until, err := s.open(process)
	if err == nil {
		err = s.begin()
	}
	if err != nil {
		from.close()
		until.close()
		unix.Close(master)
		return nil, fmt.Errorf("copy between the container's terminal and the caller's: %w", err)
	}
	// Each closes what it waits for: a number that somebody else has closed may
	// mean something else by the time it is waited for.
	go s.show(from)
	go s.enter(s.typing, until)
	return s, nil
}

// open makes what both directions wait for.
func (s *Session) open(process int) (from source, until ends, err error) {
	from, until = source{-1, -1}, ends{-1, -1}
	for _, p := range [...]*int{&from.process, &until.process} {
		if *p, err = unix.FcntlInt(uintptr(process), unix.F_DUPFD_CLOEXEC, 3); err != nil {
			return from, until, fmt.Errorf("fcntl: %w", err)
		}
	}
	if until.hungUp, err = unix.Eventfd(0, unix.EFD_CLOEXEC); err != nil {
		return from, until, fmt.Errorf("eventfd2: %w", err)
	}
	s.hungUp = until.hungUp
	if err = unix.SetNonblock(s.master, true); err != nil {
		return from, until, fmt.Errorf("fcntl: %w", err)
	}
	if from.events, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return from, until, fmt.Errorf("epoll_create1: %w", err)
	}
	// The master is waited for edge by edge: a terminal that nobody has open any
	// more, and somebody may have again, would else be reported without end.
	for _, e := range [...]unix.EpollEvent{
		{Fd: int32(s.master), Events: unix.EPOLLIN | unix.EPOLLET}, {Fd: int32(from.process), Events: unix.EPOLLIN},
	} {
		if err = unix.EpollCtl(from.events, unix.EPOLL_CTL_ADD, int(e.Fd), &e); err != nil {
			return from, until, fmt.Errorf("epoll_ctl: %w", err)
		}
	}
	return from, until, nil
}

// begin puts the caller's terminal into raw mode, if keys are typed there.
func (s *Session) begin() error {
	modes, err := unix.IoctlGetTermios(s.caller.Stdin, unix.TCGETS)
	if err != nil {
		return nil
	}
	s.modes, s.typing = *modes, true
	if err := s.setRaw(); err != nil {
		return fmt.Errorf("set raw mode: %w", err)
	}
	return nil
}

func (s *Session) setRaw() error {
	raw := rawModes(s.modes, isTerminal(s.caller.Stdout))
	return unix.IoctlSetTermios(s.caller.Stdin, unix.TCSETS, &raw)
}

// Signal acts on a signal that vial has got, and tells whether it was meant for
// nobody else.
func (s *Session) Signal(signal unix.Signal) bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master < 0 || signal != unix.SIGWINCH && signal != unix.SIGCONT {
		return false
	}
	if signal == unix.SIGCONT && s.typing {
		_ = s.setRaw() // whoever had the terminal meanwhile has set its modes
	}
	s.caller.fit(s.master)
	return signal == unix.SIGWINCH
}

// Leave has End not wait until the caller has taken all of the output.
func (s *Session) Leave() {
	if s != nil {
		s.left()
	}
}

// lastKey is how long End waits for the end of a read that it has made needless.
const lastKey = time.Second

// End waits until the output of the process, which has ended, is written, and
// gives the caller its terminal back.
func (s *Session) End() {
	if s == nil {
		return
	}
	select {
	case <-s.shown:
	case <-s.away:
	}
	s.hangUp()
	select {
	case <-s.typed:
	case <-time.After(lastKey):
		// Somebody else reads the caller's terminal too, and has taken the key
		// that the read was for. It ends with the next one, and nothing comes of it.
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.typing {
		_ = unix.IoctlSetTermios(s.caller.Stdin, unix.TCSETS, &s.modes)
		s.typing = false
	}
}

// hangUp closes the master: for the process the terminal is gone, as if its
// window were closed.
func (s *Session) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.master < 0 {
		return
	}
	unix.Close(s.master)
	s.master = -1
	if s.hungUp >= 0 {
		_, _ = unix.Write(s.hungUp, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	}
}
