package program

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Listing prints the program for people: every step as a heading (origin and
// phrase), under it its calls as strace(1) would write them, where a result is
// kept, and where a call leads that does not simply go on or fail:
//
//	mounts[1]: mount tmpfs on /dev
//	   14  fs = fsopen("tmpfs", FSOPEN_CLOEXEC)
//	   15  target = openat2(root, "dev", {…})                   ENOENT: goto 17
//
// It is the same on every host and for every CPU.
func (p *Program) Listing() string {
	var out strings.Builder
	step := 0
	for i := range p.Calls {
		for ; step < len(p.Steps) && p.Steps[step].First <= i; step++ {
			if step > 0 {
				out.WriteByte('\n')
			}
			fmt.Fprintf(&out, "%s: %s\n", p.Steps[step].Origin, p.Steps[step].Phrase)
			if step == 0 && p.Clone != 0 {
				fmt.Fprintf(&out, "       clone3({flags=%s}), and be the child\n", FormClone.text(p.Clone))
			}
		}
		line := fmt.Sprintf("%5d  %s", i, p.callText(&p.Calls[i]))
		if rule := p.outcome(&p.Calls[i]); rule != "" {
			line = fmt.Sprintf("%-76s  %s", line, rule)
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

func (p *Program) callText(c *Call) string {
	args := make([]string, c.N)
	for n := range args {
		args[n] = p.argText(c.Args[n])
	}
	text := c.Sys.String() + "(" + strings.Join(args, ", ") + ")"
	if c.Sys == SysSet {
		text = args[0]
	}
	if c.Result != (Ref{}) {
		text = p.slotName(c.Result) + " = " + text
	}
	return text
}

func (p *Program) outcome(c *Call) string {
	var rules []string
	if c.Sys == SysSet && c.Say != "" {
		rules = append(rules, "fail: "+c.Say)
	}
	switch {
	case c.Errno == AnyErrno:
		rules = append(rules, fmt.Sprintf("any errno: goto %d", c.Else))
	case c.Errno != 0:
		rules = append(rules, fmt.Sprintf("%s: goto %d", unix.ErrnoName(c.Errno), c.Else))
	}
	if c.Zero != 0 {
		rules = append(rules, fmt.Sprintf("0: goto %d", c.Zero))
	}
	if c.Next != 0 {
		rules = append(rules, fmt.Sprintf("goto %d", c.Next))
	}
	return strings.Join(rules, ", ")
}

func (p *Program) slotName(r Ref) string {
	d := p.Data[r.Datum]
	if d.Kind == DatumSlot {
		return d.Name
	}
	for _, f := range d.Fields {
		if f.Off == int(r.Off) {
			return d.Name + "." + f.Name
		}
	}
	return d.Name + "+" + strconv.Itoa(int(r.Off))
}

func (p *Program) argText(a Arg) string {
	switch a.kind {
	case argOpenFlags:
		return OpenFlags(a.value).String()
	case argContent:
		return p.slotName(a.ref)
	case argAddress:
		return p.datumText(a.ref)
	}
	return a.form.text(a.value)
}

func (p *Program) datumText(r Ref) string {
	d := p.Data[r.Datum]
	switch d.Kind {
	case DatumString:
		return strconv.Quote(d.Text)
	case DatumRecord, DatumSlot, DatumBuffer:
		if r.Off != 0 {
			return fmt.Sprintf("&%s+%d", d.Name, r.Off)
		}
		return "&" + d.Name
	case DatumPointers:
		return p.pointersText(d)
	}
	parts := make([]string, 0, len(d.Fields)+1)
	if d.Text != "" {
		parts = append(parts, strconv.Quote(d.Text))
	}
	for _, f := range d.Fields {
		text := p.argText(f.Value)
		if f.Name != "" {
			text = f.Name + "=" + text
		}
		parts = append(parts, text)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func (p *Program) pointersText(d Datum) string {
	parts := make([]string, len(d.Fields))
	for i, f := range d.Fields {
		parts[i] = p.argText(f.Value)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}
