package program

import (
	"errors"
	"fmt"
	"strings"

	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// A Builder puts a Program together. Calls are emitted by its typed
// constructors (calls.go), in the order in which the kernel will see them;
// each belongs to the step opened last. What goes wrong while building (a NUL
// in a path, a label placed twice) is kept with its origin and returned by
// Finish, so that passes need no error handling of their own.
type Builder struct {
	p       *Program
	labels  []Target // by label: the call it stands before, or -1
	fail    Target   // label of the block that calls emitted now fail to
	strings map[string]Ref
	hows    map[How]Ref
	attrs   map[MountAttr]Ref
	errs    []error
}

// NewBuilder starts an empty program.
func NewBuilder() *Builder {
	return &Builder{
		p: &Program{
			Steps: make([]Step, 0, 96),
			Calls: make([]Call, 0, 384),
			Data:  append(make([]Datum, 0, 256), Datum{Kind: DatumRecord, Name: "failure", Size: MessageSize}),
		},
		labels:  make([]Target, 1, 96),
		strings: make(map[string]Ref, 128),
		hows:    make(map[How]Ref, 8),
		attrs:   make(map[MountAttr]Ref, 8),
	}
}

// Step opens a step: the calls emitted from here on belong to it.
func (b *Builder) Step(origin field.Path, phrase string) *Step {
	b.p.Steps = append(b.p.Steps, Step{Origin: origin, Phrase: phrase, First: len(b.p.Calls)})
	return &b.p.Steps[len(b.p.Steps)-1]
}

// Birth opens a step that is done before the first call, by who starts the program:
// with these flags of clone3(2).
func (b *Builder) Birth(origin field.Path, phrase string, flags uint64) {
	if len(b.p.Steps) > 0 {
		b.wrong(errors.New("internal error: a program is started when it is on its way"))
	}
	b.Step(origin, phrase)
	b.p.Clone = flags
}

// Request adds a question to the parent and is its index.
func (b *Builder) Request(kind RequestKind) int { return b.RequestAt(kind, "") }

// RequestAt is Request for a kind that has to do with a path.
func (b *Builder) RequestAt(kind RequestKind, unsafePath string) int {
	b.p.Requests = append(b.p.Requests, Request{Kind: kind, Step: len(b.p.Steps) - 1, UnsafePath: unsafePath})
	return len(b.p.Requests) - 1
}

// Label makes a place that calls can lead to before it is known where it is.
func (b *Builder) Label() Target {
	b.labels = append(b.labels, -1)
	return Target(len(b.labels) - 1)
}

// Place puts the label before the call that is emitted next.
func (b *Builder) Place(l Target) {
	if b.labels[l] != -1 {
		b.wrong(errors.New("internal error: a label is placed twice"))
	}
	b.labels[l] = Target(len(b.p.Calls))
}

// FailTo makes calls emitted from here on lead to the block at label l when
// they fail.
func (b *Builder) FailTo(l Target) { b.fail = l }

// Slot makes a slot. Slots may be used again by later steps.
func (b *Builder) Slot(name string) Slot {
	return Slot{b.datum(Datum{Kind: DatumSlot, Name: name, Size: 8})}
}

// Failure is the failure record: the offset of the call that failed and its
// errno, MessageSize bytes.
func (b *Builder) Failure() Arg { return Arg{kind: argAddress} }

// String places a C string; equal ones are placed once.
func (b *Builder) String(s string) Arg {
	ref, ok := b.strings[s]
	if !ok {
		if strings.IndexByte(s, 0) >= 0 {
			b.wrong(fmt.Errorf("%q holds a NUL byte", s))
		}
		ref = b.datum(Datum{Kind: DatumString, Text: s, Size: len(s) + 1})
		b.strings[s] = ref
	}
	return Arg{kind: argAddress, ref: ref}
}

// Strings places an array of C strings as execve(2) takes it.
func (b *Builder) Strings(name string, texts []string) Arg {
	addresses := make([]Arg, len(texts))
	for i, s := range texts {
		addresses[i] = b.String(s)
	}
	return b.Pointers(name, addresses)
}

// Pointers places an array of addresses that a null pointer ends.
func (b *Builder) Pointers(name string, addresses []Arg) Arg {
	d := Datum{Kind: DatumPointers, Name: name, Size: 8 * (len(addresses) + 1), Fields: make([]Field, len(addresses))}
	for i, a := range addresses {
		d.Fields[i] = Field{Off: 8 * i, Width: 8, Value: a}
	}
	return b.Struct(d)
}

// Struct places a datum made by the caller.
func (b *Builder) Struct(d Datum) Arg { return Arg{kind: argAddress, ref: b.datum(d)} }

// Buffer places size bytes that a call fills; content comes first in it.
func (b *Builder) Buffer(name string, size int, content string) Arg {
	return Arg{kind: argAddress, ref: b.datum(Datum{Kind: DatumBuffer, Name: name, Size: size, Text: content})}
}

// At is the address off bytes into the datum that a points to.
func (a Arg) At(off int) Arg {
	a.ref.Off += int32(off)
	return a
}

// Slot is the slot that lies where a points to: inside a struct, so that the
// result of a call becomes a field of it.
func (a Arg) Slot() Slot { return Slot{a.ref} }

func (b *Builder) datum(d Datum) Ref {
	b.p.Data = append(b.p.Data, d)
	return Ref{Datum: int32(len(b.p.Data) - 1)}
}

func (b *Builder) wrong(err error) {
	if n := len(b.p.Steps); n > 0 {
		err = fmt.Errorf("%s: %s: %w", b.p.Steps[n-1].Origin, b.p.Steps[n-1].Phrase, err)
	}
	b.errs = append(b.errs, err)
}

func (b *Builder) call(sys Sys, args ...Arg) *Call {
	b.p.Calls = append(b.p.Calls, Call{Sys: sys, N: len(args), Fail: b.fail})
	c := &b.p.Calls[len(b.p.Calls)-1]
	copy(c.Args[:], args)
	return c
}

// Into keeps the call's result in slot s.
func (c *Call) Into(s Slot) *Call {
	c.Result = s.ref
	return c
}

// On makes errno lead to label l.
func (c *Call) On(errno unix.Errno, l Target) *Call {
	c.Errno, c.Else = errno, l
	return c
}

// OnZero makes a result of zero lead to label l.
func (c *Call) OnZero(l Target) *Call {
	c.Zero = l
	return c
}

// Then makes any good result lead to label l.
func (c *Call) Then(l Target) *Call {
	c.Next = l
	return c
}

// Saying makes text the whole error text of this call.
func (c *Call) Saying(text string) *Call {
	c.Say = text
	return c
}

// Finish resolves the labels and proves the program sound.
func (b *Builder) Finish() (*Program, error) {
	resolve := func(t *Target) {
		if *t == 0 {
			return
		}
		at := b.labels[*t]
		if at < 0 {
			b.errs = append(b.errs, fmt.Errorf("internal error: label %d is not placed", *t))
		}
		*t = at
	}
	for i := range b.p.Calls {
		c := &b.p.Calls[i]
		resolve(&c.Else)
		resolve(&c.Zero)
		resolve(&c.Next)
		resolve(&c.Fail)
	}
	if len(b.errs) > 0 {
		return nil, b.errs[0]
	}
	if err := b.p.Verify(); err != nil {
		return nil, err
	}
	return b.p, nil
}
