package systemd

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A Bus is where systemd can be reached.
type Bus struct {
	// Address is that of a bus (D-Bus specification, "Server Addresses"); empty
	// is that of the system's own.
	Address string
	// Patience bounds every wait; 0 is 30 seconds.
	Patience time.Duration
}

// systemBus is the socket of the system's bus, by the specification.
const systemBus = "/run/dbus/system_bus_socket"

// private is systemd's own socket: the way where the system has no bus.
const private = "/run/systemd/private"

// A Conn is a connection to systemd that is about one unit.
type Conn struct {
	unit     string
	patience time.Duration
	fd       int
	direct   bool // to systemd itself, with no bus between
	serial   uint32
	begun    bool
	in       []byte // has come and is not used yet
	ended    []ended
}

// An ended job.
type ended struct{ sender, job, result string }

// Connect connects to systemd, to say something about a unit.
func Connect(b Bus, unit string) (*Conn, error) {
	c := &Conn{unit: unit, patience: b.Patience, fd: -1}
	if c.patience == 0 {
		c.patience = 30 * time.Second
	}
	if err := c.connect(b.Address); err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	// The lines with which one introduces oneself. The answer is read when there
	// is something to say: only then, for systemd itself (sd-bus of version 257)
	// forgets a message that it reads together with BEGIN, until more comes.
	if err := c.send(fmt.Appendf(nil, "\x00AUTH EXTERNAL %x\r\nBEGIN\r\n", strconv.Itoa(unix.Geteuid()))); err != nil {
		c.Close()
		return nil, fmt.Errorf("connect to systemd: %w", err)
	}
	return c, nil
}

// Close ends the connection.
func (c *Conn) Close() {
	if c.fd >= 0 {
		unix.Close(c.fd)
		c.fd = -1
	}
}

func (c *Conn) connect(address string) error {
	if address != "" {
		name, err := socketOf(address)
		if err != nil {
			return err
		}
		return c.dial(name)
	}
	err := c.dial(systemBus)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ECONNREFUSED) {
		if c.dial(private) == nil {
			c.direct = true
			return nil
		}
	}
	return err
}

// socketOf is the name of the first unix socket in a list of addresses, with an
// @ before an abstract one.
func socketOf(addresses string) (string, error) {
	for one := range strings.SplitSeq(addresses, ";") {
		keys, ok := strings.CutPrefix(one, "unix:")
		if !ok {
			continue
		}
		for pair := range strings.SplitSeq(keys, ",") {
			key, value, _ := strings.Cut(pair, "=")
			name, err := unescape(value)
			switch {
			case key != "path" && key != "abstract":
			case err != nil:
				return "", fmt.Errorf("the bus address %q: %w", addresses, err)
			case name == "":
			case key == "abstract":
				return "@" + name, nil
			default:
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("the bus address %q names no unix socket", addresses)
}

// unescape undoes the escapes of addresses: %2f is a slash.
func unescape(s string) (string, error) {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			b = append(b, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", errors.New("it ends within an escape")
		}
		n, err := strconv.ParseUint(s[i+1:i+3], 16, 8)
		if err != nil {
			return "", fmt.Errorf("%q is no escape", s[i:i+3])
		}
		b = append(b, byte(n))
		i += 2
	}
	return string(b), nil
}

func (c *Conn) dial(name string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	// It bounds connect(2) as well, when the other side is behind (unix(7)).
	limit := unix.NsecToTimeval(int64(c.patience))
	if err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit); err == nil {
		for {
			if err = unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != unix.EINTR {
				break
			}
		}
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("connect %s: %w", name, err)
	}
	c.fd = fd
	return nil
}

func (c *Conn) send(b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(c.fd, b, nil, nil, unix.MSG_NOSIGNAL)
		switch {
		case err == unix.EINTR:
		case err == unix.EPIPE, err == unix.ECONNRESET:
			return errClosed
		case err != nil:
			return fmt.Errorf("write to the bus: %w", err)
		default:
			b = b[n:]
		}
	}
	return nil
}

var errClosed = errors.New("the bus has closed the connection")

// call calls a method and waits for its reply.
func (c *Conn) call(do call, deadline time.Time) (message, error) {
	var opening []byte
	if !c.begun {
		if err := c.authenticated(deadline); err != nil {
			return message{}, err
		}
		opening = c.hello()
		c.begun = true
	}
	c.serial++
	serial := c.serial
	if do.destination == managerName && c.direct {
		do.destination = ""
	}
	if err := c.send(append(opening, do.encode(serial)...)); err != nil {
		return message{}, err
	}
	for {
		m, err := c.receive(deadline)
		switch {
		case err != nil:
			return message{}, err
		case m.kind == methodError:
			// Or one to hello: without these the reply would help nothing.
			return message{}, &Refusal{Name: m.errorname, Text: m.first()}
		case m.kind == methodReturn && m.reply == serial:
			return m, nil
		}
	}
}

// authenticated waits until the bus has let vial in.
func (c *Conn) authenticated(deadline time.Time) error {
	for {
		line, rest, whole := bytes.Cut(c.in, []byte("\r\n"))
		switch {
		case whole && bytes.HasPrefix(line, []byte("OK ")):
			c.in = rest
			return nil
		case whole || len(c.in) > 1024:
			return fmt.Errorf("the bus lets user %d not in: it says %.64q", unix.Geteuid(), line)
		}
		if err := c.read(deadline); err != nil {
			return err
		}
	}
}

// hello is what a bus wants to hear first, and which signals it is to send.
func (c *Conn) hello() []byte {
	if c.direct {
		return nil
	}
	const bus = "org.freedesktop.DBus"
	rule := "type='signal',sender='" + managerName + "',path='" + managerPath + "',interface='" + managerIface +
		"',member='JobRemoved',arg2='" + c.unit + "'"
	text := call{bus, "/org/freedesktop/DBus", "Hello", bus, nil}.encode(1)
	c.serial = 2
	return append(text, call{bus, "/org/freedesktop/DBus", "AddMatch", bus, []Value{String(rule)}}.encode(2)...)
}

// receive waits for the next message, and takes note of jobs that have ended.
func (c *Conn) receive(deadline time.Time) (message, error) {
	size := 16
	for {
		if len(c.in) >= 16 {
			var err error
			if size, err = header(c.in); err != nil {
				return message{}, err
			}
		}
		if len(c.in) >= size {
			break
		}
		if err := c.read(deadline); err != nil {
			return message{}, err
		}
	}
	m, err := decode(c.in[:size:size])
	c.in = c.in[size:]
	if err != nil {
		return m, err
	}
	if m.kind == signal && m.iface == managerIface && m.member == "JobRemoved" && m.signature == "uoss" {
		m.body.uint32()
		e := ended{sender: m.sender, job: m.body.string()}
		m.body.string() // the unit
		e.result = m.body.string()
		if m.body.err != nil {
			return m, m.body.err
		}
		c.ended = append(c.ended, e)
	}
	return m, nil
}

// read waits for some bytes.
func (c *Conn) read(deadline time.Time) error {
	poll := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return fmt.Errorf("no answer within %v", c.patience)
		}
		n, err := unix.Poll(poll, int((left+time.Millisecond-1)/time.Millisecond))
		if err == unix.EINTR || err == nil && n == 0 {
			continue
		}
		if err != nil {
			return fmt.Errorf("poll the bus: %w", err)
		}
		buf := make([]byte, 4096)
		n, err = unix.Read(c.fd, buf)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.ECONNRESET, err == nil && n == 0:
			return errClosed
		case err != nil:
			return fmt.Errorf("read from the bus: %w", err)
		}
		c.in = append(c.in, buf[:n]...)
		return nil
	}
}
