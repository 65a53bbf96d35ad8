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
	served := false
	var pending Question
	for {
		first, second, fd, err := c.receive()
		if errors.Is(err, errEnd) {
			if served {
				return nil
			}
			return ErrGone
		}
		if err != nil {
			return err
		}
		switch {
		case first >= program.FirstCallOffset:
			return p.Explain(first, unix.Errno(second))
		case first == program.MessagePid:
			err = c.announced(int(second))
		case first == program.MessageRequest && second < uint64(len(p.Requests)):
			request := p.Requests[second]
			pending.Kind, pending.Step = request.Kind, p.Steps[request.Step]
			if fd >= 0 {
				pending.FDs = append(pending.FDs, fd)
			}
			if len(pending.FDs) < descriptorsOf(request.Kind) {
				continue
			}
			err = c.answer(pending, answer)
			served = request.Kind == program.RequestReady
			pending = Question{}
		default:
			err = fmt.Errorf("internal error: the program says %d, %d", first, second)
		}
		if err != nil {
			return err
		}
	}
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

// receive reads one message; fd is -1 if none came with it.
func (c *Child) receive() (first, second uint64, fd int, err error) {
	var message [program.MessageSize]byte
	control := make([]byte, unix.CmsgSpace(4))
	var n, oob int
	for {
		n, oob, _, _, err = unix.Recvmsg(c.channel, message[:], control, unix.MSG_CMSG_CLOEXEC)
		if err != unix.EINTR {
			break
		}
	}
	switch {
	case errors.Is(err, unix.ECONNRESET), err == nil && n == 0:
		return 0, 0, -1, errEnd
	case err != nil:
		return 0, 0, -1, fmt.Errorf("hear from the container's first process: recvmsg: %w", err)
	case n != len(message):
		return 0, 0, -1, fmt.Errorf("internal error: the program says %d bytes", n)
	}
	fd = -1
	if oob > 0 {
		if fd, err = onlyDescriptor(control[:oob]); err != nil {
			return 0, 0, -1, err
		}
	}
	return binary.LittleEndian.Uint64(message[:]), binary.LittleEndian.Uint64(message[8:]), fd, nil
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
