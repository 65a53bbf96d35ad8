package systemd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// Types of messages (D-Bus specification, "Message Format").
const (
	methodCall   = 1
	methodReturn = 2
	methodError  = 3
	signal       = 4
)

// Fields of a message's header.
const (
	fieldPath        = 1
	fieldInterface   = 2
	fieldMember      = 3
	fieldErrorName   = 4
	fieldReplySerial = 5
	fieldDestination = 6
	fieldSender      = 7
	fieldSignature   = 8
)

// largest bounds a message that is read. Those of systemd that vial asks for
// have some hundred bytes, but that an error may hold what was sent to it.
const largest = 1 << 20

// A call is a method to call.
type call struct {
	destination, path, member, iface string
	body                             []Value
}

// encode is the call as a message, in little-endian order.
func (c call) encode(serial uint32) []byte {
	var body encoder
	signature := ""
	for _, v := range c.body {
		body.value(v)
		signature += v.signature
	}
	fields := []Value{
		field(fieldPath, Value{signature: "o", text: c.path}),
		field(fieldInterface, String(c.iface)),
		field(fieldMember, String(c.member)),
	}
	if c.destination != "" {
		fields = append(fields, field(fieldDestination, String(c.destination)))
	}
	if signature != "" {
		fields = append(fields, field(fieldSignature, Value{signature: "g", text: signature}))
	}
	var e encoder
	e.buf = append(e.buf, 'l', methodCall, 0, 1)
	e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(body.buf)))
	e.buf = binary.LittleEndian.AppendUint32(e.buf, serial)
	e.value(Array("(yv)", fields...))
	e.align(8)
	return append(e.buf, body.buf...)
}

func field(code uint64, v Value) Value {
	return Struct(Value{signature: "y", number: code}, Variant(v))
}

// An encoder writes values. What it writes begins where 8 divides the place in
// the message, so that its own places count.
type encoder struct{ buf []byte }

func (e *encoder) align(n int) {
	for len(e.buf)%n != 0 {
		e.buf = append(e.buf, 0)
	}
}

func (e *encoder) value(v Value) {
	e.align(alignment(v.signature))
	switch v.signature[0] {
	case 's', 'o':
		e.buf = binary.LittleEndian.AppendUint32(e.buf, uint32(len(v.text)))
		e.buf = append(append(e.buf, v.text...), 0)
	case 'g':
		e.signature(v.text)
	case 'v':
		e.signature(v.list[0].signature)
		e.value(v.list[0])
	case '(':
		e.values(v.list)
	case 'a':
		at := len(e.buf)
		e.buf = append(e.buf, 0, 0, 0, 0)
		e.align(alignment(v.signature[1:]))
		begin := len(e.buf) // the length does not count the padding before
		e.values(v.list)
		binary.LittleEndian.PutUint32(e.buf[at:], uint32(len(e.buf)-begin))
	default:
		var bits [8]byte
		binary.LittleEndian.PutUint64(bits[:], v.number)
		e.buf = append(e.buf, bits[:width(v.signature)]...)
	}
}

func (e *encoder) values(list []Value) {
	for _, v := range list {
		e.value(v)
	}
}

func (e *encoder) signature(s string) {
	e.buf = append(append(append(e.buf, byte(len(s))), s...), 0)
}

// A message is what has come: a reply, an error or a signal.
type message struct {
	kind                             byte
	reply                            uint32 // serial of the call that it answers
	sender, iface, member, errorname string
	signature                        string
	body                             decoder
}

var errMessage = errors.New("the bus says what is no D-Bus message")

// header is how many bytes the message has, of which the first 16 are given.
func header(b []byte) (int, error) {
	if b[0] != 'l' && b[0] != 'B' || b[3] != 1 {
		return 0, errMessage
	}
	order := byteOrder(b[0])
	body, fields := order.Uint32(b[4:]), order.Uint32(b[12:])
	if body > largest || fields > largest {
		return 0, fmt.Errorf("the bus says a message of more than %d bytes", largest)
	}
	return (16+int(fields)+7)&^7 + int(body), nil
}

func byteOrder(mark byte) binary.ByteOrder {
	if mark == 'B' {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// decode takes a whole message apart, but for its body.
func decode(b []byte) (message, error) {
	d := decoder{order: byteOrder(b[0]), buf: b, at: 12}
	m := message{kind: b[1]}
	end := d.uint32()
	for end += 16; d.err == nil && d.at < int(end); {
		d.align(8)
		code, what := d.byte(), d.signature()
		switch {
		case code == fieldReplySerial && what == "u":
			m.reply = d.uint32()
		case code == fieldSignature && what == "g":
			m.signature = d.signature()
		case what == "s" || what == "o":
			text := d.string()
			switch code {
			case fieldInterface:
				m.iface = text
			case fieldMember:
				m.member = text
			case fieldErrorName:
				m.errorname = text
			case fieldSender:
				m.sender = text
			}
		case what == "u":
			d.uint32() // the number of descriptors, of which vial takes none
		default:
			d.fail()
		}
	}
	if d.err == nil && d.at > int(end) {
		d.fail()
	}
	d.align(8)
	m.body = d
	return m, d.err
}

// A decoder reads values. Its first error sticks, and then it reads zeros.
type decoder struct {
	order binary.ByteOrder
	buf   []byte
	at    int
	err   error
}

func (d *decoder) fail() {
	if d.err == nil {
		d.err = errMessage
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil || n < 0 || n > len(d.buf)-d.at {
		d.fail()
		return nil
	}
	d.at += n
	return d.buf[d.at-n : d.at]
}

func (d *decoder) align(n int) { d.take((n - d.at%n) % n) }

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	d.align(4)
	if b := d.take(4); b != nil {
		return d.order.Uint32(b)
	}
	return 0
}

func (d *decoder) string() string { return d.text(int(d.uint32())) }

func (d *decoder) signature() string { return d.text(int(d.byte())) }

// text reads so many bytes and the NUL behind them.
func (d *decoder) text(n int) string {
	b := d.take(n + 1)
	if b == nil || b[n] != 0 || !utf8.Valid(b[:n]) {
		d.fail()
		return ""
	}
	return string(b[:n])
}

// first is the text that a body begins with, as that of an error does.
func (m *message) first() string {
	if m.signature == "" || m.signature[0] != 's' && m.signature[0] != 'o' {
		return ""
	}
	text := m.body.string()
	return text
}
