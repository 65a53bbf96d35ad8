package vm

import (
	"encoding/binary"
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Calls on sockets, and what the program tells its parent through them.

func socket(c *call) Answer {
	c.zero(2)
	kind := c.args[1] &^ (unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK)
	if kind < unix.SOCK_STREAM || kind > unix.SOCK_SEQPACKET {
		c.wrong("unknown type %#x", c.args[1])
	}
	return c.opens(Descriptor{Kind: Socket, Name: "socket", Cloexec: c.args[1]&unix.SOCK_CLOEXEC != 0})
}

func ioctl(c *call) Answer {
	c.zero(3)
	switch c.args[1] {
	case unix.SIOCSIFFLAGS:
		return setInterfaceFlags(c)
	case unix.TIOCSPTLCK:
		return unlockTerminal(c)
	case unix.TIOCGPTPEER:
		return openPeer(c)
	case unix.TIOCSWINSZ:
		return setWindowSize(c)
	case unix.TIOCSCTTY:
		return controlTerminal(c)
	}
	c.wrong("unknown request %#x", c.args[1])
	return c.done(0)
}

func setInterfaceFlags(c *call) Answer {
	c.descriptor(0, Socket)
	request := c.bytes(2, 40) // sizeof(struct ifreq)
	if name := string(request[:unix.IFNAMSIZ]); name[0] == 0 || !strings.HasSuffix(name, "\x00") {
		c.wrong("the interface name %q is empty or has no end", name)
	}
	return c.done(0)
}

func sendto(c *call) Answer {
	c.zero(4)
	d := c.descriptor(0, Channel)
	c.is(3, unix.MSG_NOSIGNAL)
	b := c.bytes(1, c.args[2])
	c.message(d.Kind, b, "")
	return c.done(int64(len(b)))
}

// sendmsg demands one message and one descriptor with it, as program's
// SendWithFD lays them out (struct msghdr, iovec and cmsghdr of 64-bit CPUs).
func sendmsg(c *call) Answer {
	c.zero(3)
	d := c.descriptor(0, Channel)
	c.is(2, unix.MSG_NOSIGNAL)
	le := binary.LittleEndian
	header := c.bytes(1, 56)
	iov, control := c.bytesAt(le.Uint64(header[16:]), 16), c.bytesAt(le.Uint64(header[32:]), 24)
	if le.Uint64(header) != 0 || le.Uint64(header[8:]) != 0 || le.Uint64(header[24:]) != 1 || le.Uint64(header[40:]) != 24 || le.Uint64(header[48:]) != 0 {
		c.wrong("struct msghdr does not describe one message and one descriptor")
	}
	if le.Uint64(control) != 20 || le.Uint32(control[8:]) != unix.SOL_SOCKET || le.Uint32(control[12:]) != unix.SCM_RIGHTS {
		c.wrong("struct cmsghdr does not describe one descriptor")
	}
	attached := c.p.Descriptors.lookup(uint64(le.Uint32(control[16:])))
	if attached == nil {
		c.wrong("descriptor %d, to be sent, is not open", int32(le.Uint32(control[16:])))
		return Answer{}
	}
	b := c.bytesAt(le.Uint64(iov), le.Uint64(iov[8:]))
	c.message(d.Kind, b, attached.String())
	return c.done(int64(len(b)))
}

// message keeps what goes to the parent.
func (c *call) message(kind Kind, b []byte, attached string) {
	if len(b) != program.MessageSize {
		c.wrong("a message of %d bytes", len(b))
	}
	if c.refused() {
		return
	}
	c.p.Messages = append(c.p.Messages, Message{
		Kind: kind, Index: c.p.at, Attached: attached,
		First: binary.LittleEndian.Uint64(b), Second: binary.LittleEndian.Uint64(b[8:]),
	})
}

// recvfrom gives the answer to the last request: a home directory as long as
// it may be, so that a program which forgets its end is found out, or else
// eight bytes that mean nothing.
func recvfrom(c *call) Answer {
	c.zero(3)
	c.descriptor(0, Channel)
	buffer := c.buffer(1, c.args[2])
	if len(buffer) == 0 {
		c.wrong("no room for an answer")
	}
	n := len(c.p.Messages)
	if n == 0 || c.p.Messages[n-1].First != program.MessageRequest {
		c.wrong("it waits for an answer that it did not ask for")
	} else if i := c.p.Messages[n-1].Second; i < uint64(len(c.fake.Requests)) && c.fake.Requests[i].Kind == program.RequestReadyHome {
		c.p.home = ("/" + strings.Repeat("h", len(buffer)))[:len(buffer)]
		return c.fill(buffer, c.p.home)
	}
	return c.fill(buffer, "answered")
}
