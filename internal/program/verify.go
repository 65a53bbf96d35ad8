package program

import "fmt"

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
	for i, d := range p.Data {
		for _, f := range d.Fields {
			if f.Off < 0 || f.Off+f.Width > d.Size {
				return fmt.Errorf("internal error: datum %d (%s): field %s lies outside", i, d.Name, f.Name)
			}
			if err := p.verifyRef(f.Value, 1); err != nil {
				return fmt.Errorf("internal error: datum %d (%s): field %s: %w", i, d.Name, f.Name, err)
			}
		}
	}
	for i, s := range p.Steps {
		if s.First < 0 || s.First > len(p.Calls) || i > 0 && s.First < p.Steps[i-1].First {
			return fmt.Errorf("internal error: step %d is out of order", i)
		}
		if s.Origin == "" || s.Phrase == "" {
			return fmt.Errorf("internal error: step %d has no origin or phrase", i)
		}
	}
	return nil
}

func (p *Program) verifyCall(i int) error {
	c := &p.Calls[i]
	if c.Sys >= sysCount || c.N > len(c.Args) {
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
	for _, a := range c.Args {
		size := int32(1)
		if a.kind == argContent {
			size = 8
		}
		if err := p.verifyRef(a, size); err != nil {
			return err
		}
	}
	if c.Result == (Ref{}) {
		return nil
	}
	d := p.Data
	if int(c.Result.Datum) >= len(d) || d[c.Result.Datum].Kind == DatumString {
		return fmt.Errorf("the result goes into no slot")
	}
	return p.verifyRef(Arg{kind: argContent, ref: c.Result}, 8)
}

func (p *Program) verifyRef(a Arg, size int32) error {
	if a.kind != argAddress && a.kind != argContent {
		return nil
	}
	r := a.ref
	if r.Datum < 0 || int(r.Datum) >= len(p.Data) || r.Off < 0 || int(r.Off+size) > p.Data[r.Datum].Size {
		return fmt.Errorf("address %d+%d lies outside the data", r.Datum, r.Off)
	}
	return nil
}
