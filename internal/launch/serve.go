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
}

// ErrGone is the end of a program that reported nothing: it was killed.
var ErrGone = errors.New("the container's first process was killed")

// descriptorsOf is how many descriptors come with a request, one to a message.
func descriptorsOf(kind program.RequestKind) int {
	switch kind {
	case program.RequestHome:
		return 1
	case program.RequestCopyUp:
		return 2
	}
	return 0
}

// Serve answers the program's requests until it has closed its end of the
// channel, which execve does, or the server says so by an error. It is nil on
// an end of file after program.RequestReady was answered.
func (c *Child) Serve(p *program.Program, answer func(Question) ([]byte, error)) error {
	conv := conversation{Child: c, program: p, server: answer}
	for {
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

// A conversation is what Serve keeps in mind.
type conversation struct {
	*Child
	program *program.Program
	server  func(Question) ([]byte, error)
	pending *Question // asked, and not answered yet
	ready   bool      // RequestReady has been answered
}

// hear takes one message. A request may overtake the pid, which another
// process sends: it is answered once both are there.
func (v *conversation) hear(m message) error {
	switch {
	case m.first >= program.FirstCallOffset:
		return v.program.Explain(m.first, unix.Errno(m.second))
	case m.first == program.MessagePid:
		if err := v.announced(int(m.second)); err != nil {
			return err
		}
	case m.first == program.MessageRequest && m.second < uint64(len(v.program.Requests)):
		request := v.program.Requests[m.second]
		if v.pending == nil {
			v.pending = &Question{Kind: request.Kind, Step: v.program.Steps[request.Step]}
		}
		if m.fd >= 0 {
			v.pending.FDs = append(v.pending.FDs, m.fd)
		}
	default:
		return fmt.Errorf("internal error: the program says %d, %d", m.first, m.second)
	}
	if v.pending == nil || v.Pid == 0 || len(v.pending.FDs) < descriptorsOf(v.pending.Kind) {
		return nil
	}
	q := *v.pending
	v.pending = nil
	v.ready = q.Kind == program.RequestReady
	return v.answer(q, v.server)
}

func (c *Child) answer(q Question, answer func(Question) ([]byte, error)) error {
	reply, err := answer(q)
	for _, fd := range q.FDs {
		unix.Close(fd)
	}
	if err != nil {
		return fmt.Errorf("%s: %s: %w", q.Step.Origin, q.Step.Phrase, err)
	}
	if len(reply) == 0 {
		reply = []byte{1, 0, 0, 0, 0, 0, 0, 0}
	}
	err = unix.Sendto(c.channel, reply, unix.MSG_NOSIGNAL, nil)
	if errors.Is(err, unix.EPIPE) || errors.Is(err, unix.ECONNRESET) {
		return ErrGone
	}
	return err
}

// announced takes note of the container's first process, and reaps the one
// that made it. That the pid still means the same process is sure: it is
// vial's own child, and not reaped yet.
func (c *Child) announced(pid int) error {
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

var errEnd = errors.New("end of file")

// A message of the program; fd is -1 if no descriptor came with it.
type message struct {
	first, second uint64
	fd            int
}

func (c *Child) receive() (message, error) {
	var bytes [program.MessageSize]byte
	var control [24]byte // CMSG_SPACE of one descriptor
	n, oob, err := 0, 0, error(nil)
	for {
		n, oob, _, _, err = unix.Recvmsg(c.channel, bytes[:], control[:], unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	switch {
	case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
		return message{}, errEnd
	case err != nil:
		return message{}, fmt.Errorf("hear from the container's first process: recvmsg: %w", err)
	case n != len(bytes):
		return message{}, fmt.Errorf("internal error: the program says %d bytes", n)
	}
	m := message{binary.LittleEndian.Uint64(bytes[:]), binary.LittleEndian.Uint64(bytes[8:]), -1}
	if oob > 0 {
		m.fd, err = onlyDescriptor(control[:oob])
	}
	return m, err
}

func onlyDescriptor(control []byte) (int, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) != 1 {
		return -1, fmt.Errorf("internal error: the program sends %d control messages", len(messages))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, fmt.Errorf("internal error: the program sends %d descriptors", len(fds))
	}
	return fds[0], nil
}
