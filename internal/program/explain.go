package program

import (
	"fmt"

	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// A StepError is a step that the kernel refused. It reads, for example:
//
//	mounts[3]: mount tmpfs on /dev/shm: fsmount: no space left on device
type StepError struct {
	Origin field.Path // where in config.json the step comes from
	Phrase string     // what vial was doing
	Call   Sys        // the system call that failed
	Errno  unix.Errno
	option string // what fsconfig was told, since most of its errors are about that
	say    string
	plain  bool
}

func (e *StepError) Error() string {
	switch {
	case e.say != "":
		return fmt.Sprintf("%s: %s", e.Origin, e.say)
	case e.plain:
		return fmt.Sprintf("%s: %s: %v", e.Origin, e.Phrase, e.Errno)
	}
	return fmt.Sprintf("%s: %s: %s%s: %v", e.Origin, e.Phrase, e.Call, e.option, e.Errno)
}

func (e *StepError) Unwrap() error { return e.Errno }

// Explain says what a failure message of the program means: offset is that
// of the call which failed.
func (p *Program) Explain(offset uint64, errno unix.Errno) error {
	i := (offset - FirstCallOffset) / CallSize
	if offset < FirstCallOffset || i >= uint64(len(p.Calls)) {
		return fmt.Errorf("internal error: the program reports a failure at offset %d: %w", offset, errno)
	}
	c := &p.Calls[i]
	s := p.StepOf(int(i))
	return &StepError{Origin: s.Origin, Phrase: s.Phrase, Call: c.Sys, Errno: errno, option: p.option(c), say: c.Say, plain: s.Plain}
}

// ExplainClone is Explain for the clone3 that was to start the program.
func (p *Program) ExplainClone(errno unix.Errno) error {
	return &StepError{Origin: p.Steps[0].Origin, Phrase: p.Steps[0].Phrase, Call: SysClone3, Errno: errno}
}

// option is the option that an fsconfig call sets, with a blank before it.
func (p *Program) option(c *Call) string {
	if c.Sys != SysFsconfig {
		return ""
	}
	text := ""
	for _, a := range c.Args[2:4] {
		if a.kind != argAddress {
			break
		}
		if text != "" {
			text += "="
		}
		text += p.Data[a.ref.Datum].Text
	}
	if text == "" {
		return ""
	}
	return " " + text
}

// StepOf is the step that call i belongs to.
func (p *Program) StepOf(i int) Step {
	at := 0
	for k, s := range p.Steps {
		if s.First > i {
			break
		}
		at = k
	}
	return p.Steps[at]
}
