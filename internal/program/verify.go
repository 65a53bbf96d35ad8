package program

import (
	"fmt"
	"math"
)

// Verify proves that every jump lands on a later call, every address and slot
// lies inside the data, every failure is sent somewhere, and no way leads past
// the last call. An error is a bug of a compile pass, never of a config.
func (p *Program) Verify() error {
	if len(p.Calls) == 0 {
		return fmt.Errorf("internal error: the program is empty")
	}
	if last := p.Calls[len(p.Calls)-1]; last.Sys != SysExitGroup {
		return fmt.Errorf("internal error: the program ends with %s, not exit_group", last.Sys)
	}
	for i := range p.Calls {
		if err := p.verifyCall(i); err != nil {
			return fmt.Errorf("internal error: call %d (%s): %w", i, p.Calls[i].Sys, err)
		}
	}
	for i := range p.Data {
		if err := p.verifyDatum(i); err != nil {
			return fmt.Errorf("internal error: datum %d (%s): %w", i, p.Data[i].Name, err)
		}
	}
	if len(p.Steps) == 0 || p.Steps[0].First != 0 {
		return fmt.Errorf("internal error: call 0 belongs to no step")
	}
	for i, s := range p.Steps {
		if s.First < 0 || s.First > len(p.Calls) || i > 0 && s.First < p.Steps[i-1].First {
			return fmt.Errorf("internal error: step %d is out of order", i)
		}
		if s.Origin == "" || s.Phrase == "" {
			return fmt.Errorf("internal error: step %d has no origin or phrase", i)
		}
	}
	for i, r := range p.Requests {
		if r.Step < 0 || r.Step >= len(p.Steps) {
			return fmt.Errorf("internal error: request %d belongs to no step", i)
		}
	}
	return nil
}

func (p *Program) verifyCall(i int) error {
	c := &p.Calls[i]
	if c.Sys >= sysCount || c.N < 0 || c.N > len(c.Args) {
		return fmt.Errorf("no such system call or too many arguments")
	}
	for _, t := range []Target{c.Else, c.Zero, c.Next, c.Fail} {
		if t != 0 && (int(t) <= i || int(t) >= len(p.Calls)) {
			return fmt.Errorf("jump to call %d", t)
		}
	}
	if c.Errno != 0 && c.Else == 0 {
		return fmt.Errorf("an errno is caught but leads nowhere")
	}
	if c.Fail == 0 && c.Errno != AnyErrno && c.Sys != SysExitGroup {
		return fmt.Errorf("a failure leads nowhere")
	}
	for n, a := range c.Args {
		size := 1
		if a.kind == argContent {
			size = 8
		}
		if n >= c.N && a != (Arg{}) {
			return fmt.Errorf("argument %d of %d", n, c.N)
		}
		if err := p.verifyRef(a, size); err != nil {
			return err
		}
		if c.Retry > 0 && a.kind == argContent && a.ref == c.Result {
			return fmt.Errorf("it keeps its errno in argument %d, then repeats with it", n)
		}
	}
	if err := p.verifyLength(c); err != nil {
		return err
	}
	if c.Result == (Ref{}) {
		return nil
	}
	if err := p.verifyRef(Arg{kind: argContent, ref: c.Result}, 8); err != nil {
		return err
	}
	if kind := p.Data[c.Result.Datum].Kind; kind == DatumString || kind == DatumRecord {
		return fmt.Errorf("the result goes into no slot")
	}
	return nil
}

// verifyLength proves that what a call reads or writes, by an address and a
// length, lies within one datum: the kernel would go on into the next.
func (p *Program) verifyLength(c *Call) error {
	var address, length Arg
	switch c.Sys {
	case SysRead, SysRecvfrom, SysSendto, SysWrite:
		address, length = c.Args[1], c.Args[2]
	case SysSethostname, SysSetdomainname, SysClone3:
		address, length = c.Args[0], c.Args[1]
	case SysOpenat2:
		address, length = c.Args[2], c.Args[3]
	case SysMountSetattr:
		address, length = c.Args[3], c.Args[4]
	}
	if length.kind != argImmediate || length.value > math.MaxInt32 {
		return fmt.Errorf("a length that is no number")
	}
	return p.verifyRef(address, int(length.value))
}

// verifyDatum proves that a datum's content lies inside it: Encode puts the
// next one right behind.
func (p *Program) verifyDatum(i int) error {
	d := &p.Data[i]
	if (d.Kind == DatumRecord) != (i == 0) {
		return fmt.Errorf("datum 0, and no other, is the failure record")
	}
	room := d.Size
	for _, f := range d.Fields {
		if f.Off < 0 || f.Off+f.Width > d.Size {
			return fmt.Errorf("field %s lies outside", f.Name)
		}
		if err := p.verifyField(f); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
		room = min(room, f.Off)
	}
	if len(d.Text) > room || d.Kind == DatumString && len(d.Text) == room {
		return fmt.Errorf("%d bytes of text in %d", len(d.Text), room)
	}
	return nil
}

func (p *Program) verifyField(f Field) error {
	v := f.Value
	bits := 8 * f.Width
	switch {
	case f.Width != 2 && f.Width != 4 && f.Width != 8:
		return fmt.Errorf("it is %d bytes wide", f.Width)
	case v.kind == argContent:
		return fmt.Errorf("the content of a slot is not known yet")
	case v.kind == argAddress && f.Width != 8:
		return fmt.Errorf("an address in %d bytes", f.Width)
	case v.kind == argImmediate && v.value>>(bits-1)>>1 != 0:
		return fmt.Errorf("%#x in %d bytes", v.value, f.Width)
	}
	return p.verifyRef(v, 1)
}

func (p *Program) verifyRef(a Arg, size int) error {
	if a.kind != argAddress && a.kind != argContent {
		return nil
	}
	r := a.ref
	if r.Datum < 0 || int(r.Datum) >= len(p.Data) || r.Off < 0 || int(r.Off)+size > p.Data[r.Datum].Size {
		return fmt.Errorf("%d bytes at %d+%d lie outside the data", size, r.Datum, r.Off)
	}
	return nil
}
