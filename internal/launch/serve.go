package launch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A Question is a request of the program, as its server sees it.
type Question struct {
	Kind program.RequestKind
	Step program.Step // that asks
	FDs  []int        // that came with it; they are closed when it is answered

	UnsafePath string // that it is about, beneath the container's root
}

// ErrGone is the end of a program that reported nothing: it was killed.
var ErrGone = errors.New("the container's first process was killed")

// ErrInterrupted is the end of a wait that Plan.Interrupt has ended.
var ErrInterrupted = errors.New("interrupted")

// descriptorsOf is how many descriptors come with a request, one to a message.
func descriptorsOf(kind program.RequestKind) int {
	switch kind {
	case program.RequestReadyHome, program.RequestDirectory, program.RequestMode, program.RequestTerminals, program.RequestConsole:
		return 1
	case program.RequestCopyUp, program.RequestTarget, program.RequestDevice:
		return 2
	}
	return 0
}

// Serve answers the program's requests until it has closed its end of the
// channel, which execve does, or the server says so by an error. It is nil on
// an end of file after program.RequestReady, or RequestReadyHome, was answered, or
// NoticeReady heard. A server that finds
// the process gone says ErrGone; what it said last is the error then.
func (c *Child) Serve(p *program.Program, answer func(Question) ([]byte, error)) error {
	conv := conversation{Child: c, program: p, server: answer}
	defer conv.drop()
	for {
		err := c.await()
		if err != nil {
			return err
		}
		m, err := c.receive()
		if errors.Is(err, errEnd) {
			if conv.ready {
				return nil
			}
			return ErrGone
		}
		if err == nil {
			err = conv.hear(m)
		}
		if err != nil {
			return err
		}
	}
}

// await waits for a message, if something may end the wait.
func (c *Child) await() error {
	if c.interrupt == nil || c.interrupt.Descriptor() < 0 {
		return nil
	}
	poll := []unix.PollFd{{Fd: int32(c.channel), Events: unix.POLLIN}, {Fd: int32(c.interrupt.Descriptor()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(poll, -1)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("hear from the container's first process: poll: %w", err)
		case poll[1].Revents != 0 && c.interrupt.Asked():
			return ErrInterrupted
		case poll[0].Revents != 0:
			return nil
		}
	}
}

// A conversation is what Serve keeps in mind.
type conversation struct {
	*Child
	program *program.Program
	server  func(Question) ([]byte, error)
	fds     []int // that have come with a request
	ready   bool  // what is still to come is the end of file, or a failure
}

// hear takes one message. A request may overtake the pid, which another
// process sends; so whoever is not stage 0 is known by its first message too.
func (v *conversation) hear(m message) error {
	var err error
	if v.Pid == 0 && m.sender != v.stage0 {
		err = v.announced(m.sender)
	}
	if m.fd >= 0 {
		v.fds = append(v.fds, m.fd)
	}
	switch {
	case err != nil:
		return err
	case m.first >= program.FirstCallOffset:
		return v.program.Explain(m.first, unix.Errno(m.second))
	case m.first == program.MessagePid:
		return v.announced(int(m.second))
	case m.first == program.MessageRequest && m.second < uint64(len(v.program.Requests)):
		request := v.program.Requests[m.second]
		if len(v.fds) < descriptorsOf(request.Kind) {
			return nil
		}
		return v.answer(Question{Kind: request.Kind, Step: v.program.Steps[request.Step], FDs: v.fds, UnsafePath: request.UnsafePath})
	}
	return fmt.Errorf("internal error: the program says %d, %d", m.first, m.second)
}

func (v *conversation) answer(q Question) error {
	reply, err := v.server(q)
	v.drop()
	if errors.Is(err, ErrGone) {
		v.ready = false
		return nil // why, is still to be read
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", q.Step.Origin, q.Step.Phrase, err)
	}
	if q.Kind == program.NoticeReady {
		v.ready = true
		return nil
	}
	if len(reply) == 0 {
		reply = []byte{1, 0, 0, 0, 0, 0, 0, 0}
	}
	err = unix.Sendto(v.channel, reply, unix.MSG_NOSIGNAL, nil)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return nil // it is gone; what it said last is still to be read
	}
	v.ready = v.ready || err == nil && (q.Kind == program.RequestReady || q.Kind == program.RequestReadyHome)
	return err
}

// drop closes the descriptors that have come.
func (v *conversation) drop() {
	for _, fd := range v.fds {
		unix.Close(fd)
	}
	v.fds = nil
}

// announced takes note of the container's first process, and reaps the one
// that made it. That the pid still means the same process is sure: it is
// vial's own child, and not reaped yet.
func (c *Child) announced(pid int) error {
	if c.Pid != 0 {
		return nil
	}
	c.Pid = pid
	_, _ = wait(c.stage0)
	c.stage0 = 0
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return fmt.Errorf("open the container's first process: pidfd_open: %w", err)
	}
	c.PidFD = fd
	return nil
}

// unannounced is the pid of the container's first process if stage 0 ended
// before it could tell: the process asks or complains sooner or later, or it
// ends, and with it the channel. Then, and if it takes too long, it is 0.
func (c *Child) unannounced() int {
	_ = unix.SetsockoptTimeval(c.channel, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 10})
	for {
		m, err := c.receive()
		if err != nil {
			return 0
		}
		if m.fd >= 0 {
			unix.Close(m.fd)
		}
		switch {
		case m.sender != c.stage0:
			return m.sender
		case m.first == program.MessagePid:
			return int(m.second)
		}
	}
}

var errEnd = errors.New("end of file")

// A message of the program.
type message struct {
	first, second uint64
	fd            int // that came with it, or -1
	sender        int // pid of the process that sent it
}

func (c *Child) receive() (message, error) {
	var bytes [program.MessageSize]byte
	var control [24 + 32]byte // CMSG_SPACE of one descriptor, and of credentials
	n, oob, flags, err, reset := 0, 0, 0, error(nil), false
	for {
		n, oob, flags, _, err = unix.Recvmsg(c.channel, bytes[:], control[:], unix.MSG_CMSG_CLOEXEC)
		if err == unix.ECONNRESET && !reset {
			// The other end closed before it had read all. The error comes
			// once, and before what the other end said last (unix(7)).
			reset = true
			continue
		}
		if err != unix.EINTR {
			break
		}
	}
	switch {
	case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
		return message{}, errEnd
	case err != nil:
		return message{}, fmt.Errorf("hear from the container's first process: recvmsg: %w", err)
	case flags&unix.MSG_CTRUNC != 0:
		// A descriptor that finds no free number is dropped in silence.
		return message{}, fmt.Errorf("hear from the container's first process: recvmsg: %w", unix.EMFILE)
	}
	m := message{first: binary.LittleEndian.Uint64(bytes[:]), second: binary.LittleEndian.Uint64(bytes[8:]), fd: -1}
	err = m.accompany(control[:oob])
	if err == nil && n != len(bytes) {
		err = fmt.Errorf("internal error: the program says %d bytes", n)
	}
	if err != nil && m.fd >= 0 {
		unix.Close(m.fd)
	}
	return m, err
}

// accompany takes what came beside a message: who sent it (the channel to a program
// with a stage 0 has SO_PASSCRED, and the kernel writes that), and at most one descriptor.
func (m *message) accompany(control []byte) error {
	parts, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return fmt.Errorf("internal error: the program's control messages: %w", err)
	}
	for i := range parts {
		if sender, err := unix.ParseUnixCredentials(&parts[i]); err == nil {
			m.sender = int(sender.Pid)
			continue
		}
		fds, err := unix.ParseUnixRights(&parts[i])
		if err != nil || len(fds) != 1 {
			return fmt.Errorf("internal error: the program sends %d descriptors", len(fds))
		}
		m.fd = fds[0]
	}
	return nil
}
