package vm

import (
	"fmt"
	"slices"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Fake is a kernel that grants everything, unless its script says otherwise,
// and holds each call to what the real one demands.
type Fake struct {
	CPU      program.CPU
	Requests []program.Request // of the program, so that answers fit questions
	Script   []*Rule
}

// A Rule is a line of a Fake's script: what calls of one kind answer.
type Rule struct {
	Sys    program.Sys
	Path   string // only calls with that string among their arguments; "" all
	Skip   int    // let so many calls pass first
	Times  int    // answer so many calls; 0 all
	Errno  unix.Errno
	Result int64  // if Errno is 0 and Data is empty
	Data   string // bytes that read and recvfrom give
}

// firstPid is the pid of the first process that a program makes.
const firstPid = 1001

// Call implements Kernel.
func (f *Fake) Call(p *Process, number uint64, args [6]uint64) (Answer, error) {
	sys, ok := program.SysOf(f.CPU, number)
	if !ok {
		return Answer{}, fmt.Errorf("no system call has the number %d on %s", number, f.CPU)
	}
	handle := handlers[sys]
	if handle == nil {
		return Answer{}, fmt.Errorf("%s: the fake kernel does not know it", sys)
	}
	c := &call{fake: f, p: p, args: args}
	// The checks come first: a call that is going to fail has to be right too.
	c.rule = f.rule(c, sys)
	answer := handle(c)
	if c.err != nil {
		return Answer{}, fmt.Errorf("%s: %w", sys, c.err)
	}
	return answer, nil
}

func (f *Fake) rule(c *call, sys program.Sys) *Rule {
	for _, r := range f.Script {
		if r.Sys != sys || r.Times < 0 || r.Path != "" && !slices.Contains(c.texts(), r.Path) {
			continue
		}
		if r.Skip > 0 {
			r.Skip--
			continue
		}
		if r.Times == 1 {
			r.Times = -1
		} else if r.Times > 1 {
			r.Times--
		}
		return r
	}
	return nil
}

// A call is one system call under examination. Its methods keep the first
// thing that is wrong, so that the handlers read like the manual pages.
type call struct {
	fake *Fake
	p    *Process
	args [6]uint64
	rule *Rule // nil if the script has nothing to say
	err  error
}

func (c *call) wrong(format string, args ...any) {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
}

// done is a call that returns result, unless the script says otherwise.
func (c *call) done(result int64) Answer {
	switch {
	case c.rule == nil:
		return Answer{Result: result}
	case c.rule.Errno != 0:
		return Answer{Result: -int64(c.rule.Errno)}
	}
	return Answer{Result: c.rule.Result}
}

// refused tells whether the script makes the call fail: then it has no effect.
func (c *call) refused() bool { return c.err != nil || c.rule != nil && c.rule.Errno != 0 }

// opens gives the process a descriptor, which is the call's result.
func (c *call) opens(d Descriptor) Answer {
	if !d.Cloexec {
		c.wrong("the new descriptor (%s %q) is not close-on-exec", d.Kind, d.Name)
	}
	if c.refused() {
		return c.done(0)
	}
	return c.done(int64(c.p.Descriptors.open(d)))
}

// texts are the strings that the arguments may be.
func (c *call) texts() []string {
	var texts []string
	for _, a := range c.args {
		if s, err := c.p.Memory.String(a); err == nil {
			texts = append(texts, s)
		}
	}
	return texts
}

// text is argument n, a C string.
func (c *call) text(n int) string {
	s, err := c.p.Memory.String(c.args[n])
	if err != nil {
		c.wrong("argument %d: %w", n, err)
	}
	return s
}

// optional is argument n, a C string or null.
func (c *call) optional(n int) string {
	if c.args[n] == 0 {
		return ""
	}
	return c.text(n)
}

// bytes are size bytes that argument n points to.
func (c *call) bytes(n int, size uint64) []byte { return c.bytesAt(c.args[n], size) }

func (c *call) bytesAt(address, size uint64) []byte {
	b, err := c.p.Memory.Bytes(address, size)
	if err != nil {
		c.wrong("%w", err)
		return make([]byte, min(size, 4096))
	}
	return b
}

// buffer are size bytes that argument n points to and the call writes.
func (c *call) buffer(n int, size uint64) []byte {
	b, err := c.p.Memory.Data(c.args[n], size)
	if err != nil {
		c.wrong("argument %d: %w", n, err)
	}
	return b
}

// zero demands that arguments from n on are 0: unused ones, null pointers.
func (c *call) zero(from int) {
	for n := from; n < len(c.args); n++ {
		if c.args[n] != 0 {
			c.wrong("argument %d is %#x, not 0", n, c.args[n])
		}
	}
}

// is demands a value of argument n.
func (c *call) is(n int, value uint64) {
	if c.args[n] != value {
		c.wrong("argument %d is %#x, not %#x", n, c.args[n], value)
	}
}

// flags demands that argument n holds no other flags than those.
func (c *call) flags(n int, known uint64) uint64 {
	if other := c.args[n] &^ known; other != 0 {
		c.wrong("argument %d holds unknown flags %#x", n, other)
	}
	return c.args[n]
}

// descriptor is what argument n is open on. With kinds it has to be one of them.
func (c *call) descriptor(n int, kinds ...Kind) Descriptor {
	d := c.p.Descriptors.lookup(c.args[n])
	if d == nil {
		c.wrong("argument %d: descriptor %d is not open", n, int64(c.args[n]))
		return Descriptor{}
	}
	if len(kinds) > 0 && !slices.Contains(kinds, d.Kind) {
		c.wrong("argument %d: descriptor %s is of the wrong kind", n, d)
	}
	return *d
}

// dir is argument n, a descriptor that paths are taken from, or AT_FDCWD.
func (c *call) dir(n int) (dir Descriptor, cwd bool) {
	if int64(c.args[n]) == unix.AT_FDCWD {
		return Descriptor{}, true
	}
	return c.descriptor(n, File, Path, Mount, CgroupDir), false
}

// place is arguments n and n+1, a directory and a path, as a name for
// messages. Beneath a directory that is not vial's own, paths may lead
// anywhere, so only lookups that say how (openat2) may take them from one.
func (c *call) place(n int) string {
	dir, cwd := c.dir(n)
	path := c.text(n + 1)
	if path == "" {
		return dir.Name
	}
	if cwd {
		return path
	}
	return dir.Name + "/" + path
}

// entry is place for calls that make or remove one entry of a directory.
func (c *call) entry(n int) string {
	dir, cwd := c.dir(n)
	path := c.text(n + 1)
	if path == "" || path == "." || path == ".." {
		c.wrong("argument %d: %q is no name", n+1, path)
	}
	for i := range len(path) {
		if path[i] == '/' && !cwd && !dir.Own {
			c.wrong("argument %d: %q is more than a name in %s", n+1, path, dir)
		}
	}
	return c.place(n)
}
