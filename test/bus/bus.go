// Package bus is a D-Bus with a systemd on it that does as a test says: it
// refuses, it is slow, it goes away.
//
// What comes in: a place for its socket, and what it is to answer (Answer). What
// goes out: an address, and all that was asked (Calls). Its messages are written
// and read by another implementation of D-Bus than vial's. It knows nothing of
// vial.
package bus

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

// A Call is a method that was called on systemd.
type Call struct {
	Member      string
	Destination string // "" if it has none
	Body        []any
}

// Properties are those that a call sets, by name.
func (c Call) Properties() map[string]dbus.Variant {
	all := map[string]dbus.Variant{}
	for _, part := range c.Body {
		list, _ := part.([][]any)
		for _, pair := range list {
			name, _ := pair[0].(string)
			all[name], _ = pair[1].(dbus.Variant)
		}
	}
	return all
}

// Answer is what becomes of a call. The zero Answer is a job that is done.
type Answer struct {
	Error, Text string // a refusal
	Result      string // of the job; "done" if empty
	Body        []any  // a reply without a job
	Forged      string // the result of the job as somebody else tells it, before it ends
	Silent      bool   // no answer
	Hangup      bool   // the connection ends
	Hold        bool   // a job that does not end
}

// A Bus is one that listens.
type Bus struct {
	Address string
	answer  func(Call) Answer
	mu      sync.Mutex
	calls   []Call
	auth    string
	greeted bool
	open    []net.Conn
}

// New listens until the test is over. answer may be nil: then all is done.
func New(t testing.TB, answer func(Call) Answer) *Bus {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal("the test itself: ", err)
	}
	if answer == nil {
		answer = func(Call) Answer { return Answer{} }
	}
	b := &Bus{Address: "unix:path=" + path, answer: answer, auth: "OK 0123456789abcdef0123456789abcdef"}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			b.mu.Lock()
			b.open = append(b.open, conn)
			b.mu.Unlock()
			serving.Go(func() { defer conn.Close(); b.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		b.mu.Lock()
		for _, conn := range b.open {
			conn.Close()
		}
		b.mu.Unlock()
		serving.Wait()
	})
	return b
}

// Rejecting makes the bus answer a line to who wants in.
func (b *Bus) Rejecting(line string) *Bus { b.auth = line; return b }

// Greeted tells whether somebody has taken it for a bus.
func (b *Bus) Greeted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.greeted
}

// Calls is what was asked so far, in order.
func (b *Bus) Calls() []Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.calls)
}

// Members are the names of what was asked so far, separated by spaces.
func (b *Bus) Members() string {
	var names []string
	for _, c := range b.Calls() {
		names = append(names, c.Member)
	}
	return strings.Join(names, " ")
}

// serve is one connection.
func (b *Bus) serve(conn net.Conn) {
	in := bufio.NewReader(conn)
	hello, err := in.ReadString('\n')
	if err != nil || !strings.HasPrefix(hello, "\x00AUTH EXTERNAL ") {
		return
	}
	fmt.Fprint(conn, b.auth+"\r\n")
	if begin, err := in.ReadString('\n'); err != nil || begin != "BEGIN\r\n" || in.Buffered() > 0 {
		return // what comes with BEGIN is lost, as it is on systemd's own socket
	}
	for serial := uint32(1); ; serial += 10 {
		m, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		member, _ := m.Headers[dbus.FieldMember].Value().(string)
		iface, _ := m.Headers[dbus.FieldInterface].Value().(string)
		if iface == "org.freedesktop.DBus" {
			b.mu.Lock()
			b.greeted = true
			b.mu.Unlock()
			send(conn, reply(m, serial, "org.freedesktop.DBus", member))
			continue
		}
		destination, _ := m.Headers[dbus.FieldDestination].Value().(string)
		call := Call{member, destination, m.Body}
		b.mu.Lock()
		b.calls = append(b.calls, call)
		b.mu.Unlock()
		a := b.answer(call)
		if a.Hangup {
			return
		}
		b.react(conn, m, serial, a)
	}
}

const sender, job = ":1.7", dbus.ObjectPath("/org/freedesktop/systemd1/job/4711")

func (b *Bus) react(conn net.Conn, m *dbus.Message, serial uint32, a Answer) {
	// A job of somebody else's ends meanwhile.
	send(conn, removed(serial+1, sender, "/org/freedesktop/systemd1/job/1", "failed"))
	switch {
	case a.Silent:
	case a.Error != "":
		e := reply(m, serial+2, sender, a.Text)
		e.Type = dbus.TypeError
		e.Headers[dbus.FieldErrorName] = dbus.MakeVariant(a.Error)
		send(conn, e)
	case a.Body != nil:
		send(conn, reply(m, serial+2, sender, a.Body...))
	default:
		send(conn, reply(m, serial+2, sender, job))
		if a.Forged != "" {
			send(conn, removed(serial+3, ":1.99", job, a.Forged))
		}
		if a.Result == "" {
			a.Result = "done"
		}
		if !a.Hold {
			send(conn, removed(serial+4, sender, job, a.Result))
		}
	}
}

func reply(to *dbus.Message, serial uint32, from string, body ...any) message {
	m := &dbus.Message{Type: dbus.TypeMethodReply, Body: body, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldReplySerial: dbus.MakeVariant(to.Serial()), dbus.FieldSender: dbus.MakeVariant(from),
	}}
	return message{m, serial}
}

func removed(serial uint32, from string, path dbus.ObjectPath, result string) message {
	m := &dbus.Message{Type: dbus.TypeSignal, Body: []any{uint32(4711), path, "x.scope", result}, Headers: map[dbus.HeaderField]dbus.Variant{
		dbus.FieldPath:      dbus.MakeVariant(dbus.ObjectPath("/org/freedesktop/systemd1")),
		dbus.FieldInterface: dbus.MakeVariant("org.freedesktop.systemd1.Manager"),
		dbus.FieldMember:    dbus.MakeVariant("JobRemoved"), dbus.FieldSender: dbus.MakeVariant(from),
	}}
	return message{m, serial}
}

// A message is one with its number, which the library keeps to itself.
type message struct {
	*dbus.Message
	serial uint32
}

func send(conn net.Conn, m message) {
	if len(m.Body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(m.Body...))
	}
	var b bytes.Buffer
	if err := m.EncodeTo(&b, binary.LittleEndian); err != nil {
		panic(fmt.Sprintf("the test itself: %v: %v", m.Message, err))
	}
	binary.LittleEndian.PutUint32(b.Bytes()[8:], m.serial)
	_, _ = conn.Write(b.Bytes()) // whoever has gone need not hear it
}
