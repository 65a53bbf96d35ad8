package program

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// The bytes of a program, as the interpreters read them. All numbers are
// little-endian; addresses are absolute, targets are offsets from Base.
//
//	Base  0  failure: offset of the call that failed   ┐ the failure record
//	      8  failure: its errno                        ┘
//	     16  number of calls (4 bytes), size of a call (4 bytes)
//	     24  offset of the data (4), size of the whole (4)
//	     64  the calls
//	      …  the data: first what calls write, then what they only read
//
// A call:
//
//	 0  system call number; all ones: none, argument 0 is the result
//	 8  six arguments
//	56  address of the slot for the result, or 0
//	64  bit n: argument n is the address of a slot, pass the slot's content
//	68  EAGAIN may repeat the call so often
//	72  target on a result of zero, or 0
//	76  target of any other result, or 0: the call behind this one
//	80  errno to catch: 0 none, all ones every one
//	84  target on that errno
//	88  target on any other errno, after the failure record is written
//	92  0
const (
	// Base is the address the program is loaded at.
	Base = 0x600000
	// TerminatedAddress is where an image has code that ends the process with
	// status 143, for a handler of SIGTERM.
	TerminatedAddress = 0x4000f0
	// FirstCallOffset is where the calls begin.
	FirstCallOffset = 64
	// CallSize is the size of one call in bytes.
	CallSize = 96
)

// Offsets in a call. The interpreters are assembled with them.
const (
	OffNumber  = 0
	OffArgs    = 8
	OffResult  = 56
	OffContent = 64
	OffRetry   = 68
	OffZero    = 72
	OffNext    = 76
	OffErrno   = 80
	OffElse    = 84
	OffFail    = 88
)

// Encode turns the program into bytes for one CPU, to be loaded at Base.
func (p *Program) Encode(cpu CPU) []byte { return p.EncodeBehind(0, cpu) }

// EncodeBehind is Encode behind so many bytes of zero, which are the caller's.
func (p *Program) EncodeBehind(head int, cpu CPU) []byte {
	offsets, size := p.layout()
	all := make([]byte, head+size)
	out := all[head:]
	le := binary.LittleEndian
	le.PutUint32(out[16:], uint32(len(p.Calls)))
	le.PutUint32(out[20:], CallSize)
	le.PutUint32(out[24:], uint32(FirstCallOffset+CallSize*len(p.Calls)))
	le.PutUint32(out[28:], uint32(size))
	e := encoder{cpu: cpu, offsets: offsets}
	for i := range p.Calls {
		e.call(out[FirstCallOffset+CallSize*i:], &p.Calls[i])
	}
	for i := range p.Data {
		if d := &p.Data[i]; d.Kind != DatumRecord {
			e.datum(out[offsets[i]:], d)
		}
	}
	return all
}

// layout gives every datum its offset from Base. What calls write stands
// together, so that a running program dirties few pages.
func (p *Program) layout() (offsets []int, size int) {
	offsets = make([]int, len(p.Data))
	at := FirstCallOffset + CallSize*len(p.Calls)
	for _, written := range []bool{true, false} {
		for i := range p.Data {
			d := &p.Data[i]
			if d.Kind == DatumRecord || (d.Kind == DatumSlot || d.Kind == DatumBuffer) != written {
				continue
			}
			if d.Kind != DatumString {
				at = (at + 7) &^ 7
			}
			offsets[i] = at
			at += d.Size
		}
	}
	return offsets, (at + 7) &^ 7
}

type encoder struct {
	cpu     CPU
	offsets []int
}

func (e *encoder) call(out []byte, c *Call) {
	le := binary.LittleEndian
	le.PutUint64(out[OffNumber:], c.Sys.On(e.cpu))
	var contents uint32
	for n, a := range c.Args {
		le.PutUint64(out[OffArgs+8*n:], e.value(a))
		if a.kind == argContent {
			contents |= 1 << n
		}
	}
	if c.Result != (Ref{}) {
		le.PutUint64(out[OffResult:], e.address(c.Result))
	}
	le.PutUint32(out[OffContent:], contents)
	le.PutUint32(out[OffRetry:], c.Retry)
	le.PutUint32(out[OffZero:], target(c.Zero))
	le.PutUint32(out[OffNext:], target(c.Next))
	le.PutUint32(out[OffErrno:], uint32(c.Errno))
	le.PutUint32(out[OffElse:], target(c.Else))
	le.PutUint32(out[OffFail:], target(c.Fail))
}

func target(t Target) uint32 {
	if t == 0 {
		return 0
	}
	return uint32(FirstCallOffset + CallSize*int(t))
}

func (e *encoder) address(r Ref) uint64 { return uint64(Base + e.offsets[r.Datum] + int(r.Off)) }

func (e *encoder) value(a Arg) uint64 {
	switch a.kind {
	case argOpenFlags:
		return OpenFlags(a.value).On(e.cpu)
	case argAddress, argContent:
		return e.address(a.ref)
	}
	return a.value
}

func (e *encoder) datum(out []byte, d *Datum) {
	copy(out, d.Text)
	for _, f := range d.Fields {
		v := e.value(f.Value)
		switch f.Width {
		case 2:
			binary.LittleEndian.PutUint16(out[f.Off:], uint16(v))
		case 4:
			binary.LittleEndian.PutUint32(out[f.Off:], uint32(v))
		case 8:
			binary.LittleEndian.PutUint64(out[f.Off:], v)
		}
	}
}

// A Decoded is an encoded program read back: what an interpreter sees.
type Decoded struct {
	Calls []DecodedCall
	Bytes []byte // the whole program, loaded at Base
}

// SysOf is the system call that has the given number on one CPU.
func SysOf(cpu CPU, number uint64) (Sys, bool) {
	for s := range sysCount {
		if s.On(cpu) == number {
			return s, true
		}
	}
	return 0, false
}

// A DecodedCall is one call in numbers. Targets are offsets from Base.
type DecodedCall struct {
	Number                 uint64
	Args                   [6]uint64
	Content                uint32 // bit n: argument n is the address of a slot
	Result                 uint64
	Retry                  uint32
	Zero, Next, Else, Fail uint32
	Errno                  unix.Errno
}

// Decode reads an encoded program and refuses one that an interpreter could
// not run: jumps that are not forward onto a call, slots outside the data.
func Decode(b []byte) (*Decoded, error) {
	le := binary.LittleEndian
	if len(b) < FirstCallOffset {
		return nil, fmt.Errorf("encoded program: %d bytes are less than its header", len(b))
	}
	n, size := le.Uint32(b[16:]), le.Uint32(b[20:])
	data, whole := le.Uint32(b[24:]), le.Uint32(b[28:])
	if size != CallSize || int64(whole) != int64(len(b)) || int64(data) != FirstCallOffset+int64(CallSize)*int64(n) || int64(data) > int64(whole) || n == 0 {
		return nil, fmt.Errorf("encoded program: its header does not fit its %d bytes", len(b))
	}
	d := &Decoded{Calls: make([]DecodedCall, n), Bytes: b}
	for i := range d.Calls {
		at := uint32(FirstCallOffset + CallSize*i)
		c := decodeCall(b[at:])
		for _, t := range []uint32{c.Zero, c.Next, c.Else, c.Fail} {
			if t != 0 && (t <= at || t >= data || (t-FirstCallOffset)%CallSize != 0) {
				return nil, fmt.Errorf("encoded program: call %d jumps to offset %d", i, t)
			}
		}
		for k, a := range append(c.Args[:], c.Result) {
			slot := k == 6 && a != 0 || k < 6 && c.Content&(1<<k) != 0
			if slot && (a < uint64(Base+data) || a > uint64(Base+whole-8)) {
				return nil, fmt.Errorf("encoded program: call %d uses a slot at %#x", i, a)
			}
		}
		d.Calls[i] = c
	}
	return d, nil
}

func decodeCall(b []byte) DecodedCall {
	le := binary.LittleEndian
	c := DecodedCall{
		Number:  le.Uint64(b[OffNumber:]),
		Result:  le.Uint64(b[OffResult:]),
		Content: le.Uint32(b[OffContent:]),
		Retry:   le.Uint32(b[OffRetry:]),
		Zero:    le.Uint32(b[OffZero:]),
		Next:    le.Uint32(b[OffNext:]),
		Errno:   unix.Errno(le.Uint32(b[OffErrno:])),
		Else:    le.Uint32(b[OffElse:]),
		Fail:    le.Uint32(b[OffFail:]),
	}
	for n := range c.Args {
		c.Args[n] = le.Uint64(b[OffArgs+8*n:])
	}
	return c
}
