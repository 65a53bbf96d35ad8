package image

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A tiny is a small program and what it does when it runs. It says letters on
// descriptor 1, so that they tell which way it went.
type tiny struct {
	name   string
	build  func(b *program.Builder)
	patch  func(cpu program.CPU, encoded []byte) // what no Builder makes
	input  string                                // the file at descriptor 0
	output string
	fails  failure
	status string // "" is "exit status 0", or 1 if the program fails
	kernel bool   // it needs the real kernel
}

// A failure is the failure record by the index of the call, if any.
type failure struct {
	call  int
	errno unix.Errno
}

func (f failure) String() string {
	if f.errno == 0 {
		return ""
	}
	b := binary.LittleEndian.AppendUint64(nil, uint64(firstCall+callSize*f.call))
	return string(binary.LittleEndian.AppendUint64(b, uint64(f.errno)))
}

// want is how the program ends.
func (p tiny) want() ending {
	e := ending{output: p.output, failure: p.fails.String(), status: p.status}
	switch {
	case e.status == "" && e.failure == "":
		e.status = "exit status 0"
	case e.status == "":
		e.status = "exit status 1"
	}
	return e
}

// encode builds the program between a step and an end: status 0, or 1 after
// the failure record was sent through descriptor 3.
func (p tiny) encode(t testing.TB, cpu program.CPU) []byte {
	t.Helper()
	b := program.NewBuilder()
	b.Step(program.Runtime, "test")
	fail, end := b.Label(), b.Label()
	b.FailTo(fail)
	p.build(b)
	b.ExitGroup(0)
	b.Place(fail)
	b.FailTo(0)
	b.WriteFrom(program.FD(3), b.Failure(), program.MessageSize).On(program.AnyErrno, end)
	b.Place(end)
	b.ExitGroup(1)
	built, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	encoded := built.Encode(cpu)
	if p.patch != nil {
		p.patch(cpu, encoded)
	}
	return encoded
}

func say(b *program.Builder, text string) { b.Write(program.FD(1), text) }

// either says "on" if the program goes on behind the call just made, and
// "there" if the call led to the label.
func either(b *program.Builder, there program.Target) {
	end := b.Label()
	b.Write(program.FD(1), "on").Then(end)
	b.Place(there)
	say(b, "there")
	b.Place(end)
}

// at is a place in the call of that index.
func at(encoded []byte, call, off int) []byte { return encoded[firstCall+callSize*call+off:] }

func put64(b []byte, v uint64) { binary.LittleEndian.PutUint64(b, v) }
func put32(b []byte, v uint32) { binary.LittleEndian.PutUint32(b, v) }

// bytes64 is the number as it lies in memory.
func bytes64(v int64) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(v))) }

func number(v int64) program.Arg { return program.Imm(uint64(v), program.FormInt) }

var tinies = append(append(append(results, jumps...), errnos...), append(repeats, kernels...)...)

var results = []tiny{
	{name: "calls run one after the other",
		build:  func(b *program.Builder) { say(b, "a"); say(b, "b"); say(b, "c") },
		output: "abc"},
	{name: "a slot keeps a result for later calls",
		build: func(b *program.Builder) {
			fd := b.Slot("fd")
			b.Set(program.Int(1)).Into(fd)
			b.Write(fd.Content(), "through a slot")
		},
		output: "through a slot"},
	{name: "a set copies all eight bytes from slot to slot",
		build: func(b *program.Builder) {
			buffer := b.Buffer("numbers", 16, "")
			b.Set(number(0x0123456789abcdef)).Into(buffer.Slot())
			b.Set(buffer.Slot().Content()).Into(buffer.At(8).Slot())
			b.WriteFrom(program.FD(1), buffer, 16)
		},
		output: bytes64(0x0123456789abcdef) + bytes64(0x0123456789abcdef)},
	{name: "the result of a system call is kept",
		build: func(b *program.Builder) {
			buffer := b.Buffer("written", 8, "")
			b.Write(program.FD(1), "four").Into(buffer.Slot())
			b.WriteFrom(program.FD(1), buffer, 8)
		},
		output: "four" + bytes64(4)},
	{name: "an errno is kept too",
		build: func(b *program.Builder) {
			buffer, l := b.Buffer("errno", 8, ""), b.Label()
			b.CloseFD(99).Into(buffer.Slot()).On(unix.EBADF, l)
			b.Place(l)
			b.WriteFrom(program.FD(1), buffer, 8)
		},
		output: bytes64(-int64(unix.EBADF))},
}

var jumps = []tiny{
	{name: "zero leads to a label",
		build: func(b *program.Builder) {
			l := b.Label()
			b.Set(program.Int(0)).OnZero(l)
			either(b, l)
		},
		output: "there"},
	{name: "zero that leads nowhere goes on",
		build:  func(b *program.Builder) { b.Set(program.Int(0)); say(b, "a") },
		output: "a"},
	{name: "another number is not zero",
		build: func(b *program.Builder) {
			l := b.Label()
			b.Set(program.Int(1)).OnZero(l)
			either(b, l)
		},
		output: "on"},
	{name: "a number whose low half is zero is not zero",
		build: func(b *program.Builder) {
			l := b.Label()
			b.Set(number(1 << 32)).OnZero(l)
			either(b, l)
		},
		output: "on"},
	{name: "zero goes before next",
		build: func(b *program.Builder) {
			zero, next := b.Label(), b.Label()
			b.Set(program.Int(0)).OnZero(zero).Then(next)
			b.Place(next)
			say(b, "next")
			b.Place(zero)
			say(b, "zero")
		},
		output: "zero"},
	{name: "next takes every other good result",
		build: func(b *program.Builder) {
			next := b.Label()
			b.Set(program.Int(7)).Then(next)
			either(b, next)
		},
		output: "there"},
	{name: "next takes zero if nothing else does",
		build: func(b *program.Builder) {
			next := b.Label()
			b.Set(program.Int(0)).Then(next)
			either(b, next)
		},
		output: "there"},
}

var errnos = []tiny{
	{name: "an errno of the kernel fails",
		build: func(b *program.Builder) { say(b, "a"); b.CloseFD(99); say(b, "b") }, output: "a",
		fails: failure{1, unix.EBADF}},
	{name: "the first call fails",
		build: func(b *program.Builder) { b.FailWith(unix.EPERM, "no") },
		fails: failure{0, unix.EPERM}},
	{name: "the largest errno fails",
		build: func(b *program.Builder) { b.Set(number(-4095)) },
		fails: failure{0, 4095}},
	{name: "a negative number beyond it is a result",
		build:  func(b *program.Builder) { b.Set(number(-4096)); say(b, "a") },
		output: "a"},
	{name: "a number whose low half is an errno is a result",
		build:  func(b *program.Builder) { b.Set(number(0xfffffff5)); say(b, "a") },
		output: "a"},
	{name: "an errno is caught",
		build: func(b *program.Builder) {
			l := b.Label()
			b.CloseFD(99).On(unix.EBADF, l)
			either(b, l)
		},
		output: "there"},
	{name: "another errno than the caught one fails",
		build: func(b *program.Builder) {
			l := b.Label()
			b.FailWith(unix.ENOSPC, "full").On(unix.ENOENT, l)
			either(b, l)
		},
		fails: failure{0, unix.ENOSPC}},
	{name: "every errno is caught",
		build: func(b *program.Builder) {
			l := b.Label()
			b.FailWith(unix.ENOSPC, "full").On(program.AnyErrno, l)
			either(b, l)
		},
		output: "there"},
	{name: "an errno that could be caught is none",
		build: func(b *program.Builder) {
			l := b.Label()
			b.Set(number(int64(unix.ENOENT))).On(unix.ENOENT, l)
			either(b, l)
		},
		output: "on"},
	{name: "an errno goes neither to zero nor to next",
		build: func(b *program.Builder) {
			l := b.Label()
			b.FailWith(unix.EPERM, "no").OnZero(l).Then(l)
			either(b, l)
		},
		fails: failure{0, unix.EPERM}},
	{name: "a failure leads to the block that its call names",
		build: func(b *program.Builder) {
			l, end := b.Label(), b.Label()
			b.FailTo(l)
			b.FailWith(unix.EPERM, "no")
			say(b, "on")
			b.Place(l)
			b.FailTo(0)
			b.WriteFrom(program.FD(3), b.Failure(), program.MessageSize).On(program.AnyErrno, end)
			b.Place(end)
		},
		fails: failure{0, unix.EPERM}, status: "exit status 0"},
}

// leftOf makes the write at the given call write how many repeats call 0 has
// left, which no Builder can address.
func leftOf(write int) func(program.CPU, []byte) {
	return func(_ program.CPU, encoded []byte) {
		put64(at(encoded, write, offArgs+8), base+firstCall+offRetry)
	}
}

var repeats = []tiny{
	{name: "EAGAIN is an errno",
		build: func(b *program.Builder) { b.FailWith(unix.EAGAIN, "busy") },
		fails: failure{0, unix.EAGAIN}},
	{name: "EAGAIN repeats until none is left",
		build: func(b *program.Builder) {
			l := b.Label()
			b.FailWith(unix.EAGAIN, "busy").On(unix.EAGAIN, l).Retry = 5
			b.Place(l)
			say(b, "left")
		},
		patch: leftOf(1), output: "\x00\x00\x00\x00", kernel: true},
	{name: "a repeat that ran out fails",
		build: func(b *program.Builder) { b.FailWith(unix.EAGAIN, "busy").Retry = 5 },
		fails: failure{0, unix.EAGAIN}},
	{name: "a repeat takes the slot as it is now",
		build: func(b *program.Builder) {
			// Each try leaves its result one byte further on: ...fff5,
			// which is EAGAIN, becomes ...f5f5, which is errno 2571.
			s := b.Buffer("slot", 16, bytes64(-int64(unix.EAGAIN)))
			b.Set(s.Slot().Content()).Into(s.At(1).Slot()).Retry = 5
		},
		fails: failure{0, 2571}},
	{name: "another errno is not repeated",
		build: func(b *program.Builder) {
			l := b.Label()
			b.FailWith(unix.ENOENT, "none").On(unix.ENOENT, l).Retry = 5
			b.Place(l)
			say(b, "left")
		},
		patch: leftOf(1), output: "\x05\x00\x00\x00", kernel: true},
}

// The numbers that differ between CPUs, of system calls that vial never makes.
var foreign = map[program.CPU]struct{ splice, wait4, clone, kill uint64 }{
	program.AMD64: {275, 61, 56, 62},
	program.ARM64: {76, 260, 220, 129},
}

// contents makes call 1 a splice(2) of bytes 4 to 8 of descriptor 0 to
// descriptor 1. It is strict about all six arguments. The ones in mask come
// from slots: the buffer whose address call 0 sets.
func contents(mask uint32) func(program.CPU, []byte) {
	return func(cpu program.CPU, encoded []byte) {
		slots := binary.LittleEndian.Uint64(at(encoded, 0, offArgs))
		put64(encoded[slots-base+48:], 4)
		put64(at(encoded, 1, offNumber), foreign[cpu].splice)
		put32(at(encoded, 1, offContent), mask)
		for n, v := range []uint64{0, slots + 48, 1, 0, 5, 0} {
			if mask&(1<<n) != 0 {
				put64(encoded[slots-base+uint64(8*n):], v)
				v = slots + uint64(8*n)
			}
			put64(at(encoded, 1, offArgs+8*n), v)
		}
	}
}

func contentTiny(name string, mask uint32) tiny {
	return tiny{name: name, patch: contents(mask), input: "0123456789abcdef", output: "45678",
		build: func(b *program.Builder) { b.Set(b.Buffer("slots", 56, "")); b.Set(program.Int(0)) }}
}

var kernels = []tiny{
	contentTiny("no argument is the content of a slot", 0),
	contentTiny("argument 0 is the content of a slot", 1<<0),
	contentTiny("argument 1 is the content of a slot", 1<<1),
	contentTiny("argument 2 is the content of a slot", 1<<2),
	contentTiny("argument 3 is the content of a slot", 1<<3),
	contentTiny("argument 4 is the content of a slot", 1<<4),
	contentTiny("argument 5 is the content of a slot", 1<<5),
	contentTiny("all arguments are contents of slots", 1<<6-1),
	{name: "a clone returns on both sides",
		build: func(b *program.Builder) {
			child, pid := b.Label(), b.Slot("pid")
			b.Clone3(0, 0, child).Into(pid)
			b.Set(pid.Content())
			b.Write(program.FD(1), "parent")
			b.ExitGroup(5)
			b.Place(child)
			b.Write(program.FD(1), "child, ")
		},
		patch: func(cpu program.CPU, encoded []byte) {
			if cpu == program.ARM64 {
				// qemu-user has no clone3: clone(SIGCHLD, 0, 0, 0, 0).
				put64(at(encoded, 0, offNumber), foreign[cpu].clone)
				put64(at(encoded, 0, offArgs), uint64(unix.SIGCHLD))
				put64(at(encoded, 0, offArgs+8), 0)
			}
			// wait4(pid, NULL, __WALL, NULL)
			put64(at(encoded, 1, offNumber), foreign[cpu].wait4)
			put64(at(encoded, 1, offArgs+16), unix.WALL)
		},
		output: "child, parent", status: "exit status 5", kernel: true},
	{name: "SIGTERM ends it",
		build: func(b *program.Builder) {
			pid := b.Slot("pid")
			b.EndOnTERM()
			b.Setsid().Into(pid) // which is its pid
			b.Close(pid)
			b.ExitGroup(0)
		},
		patch: func(cpu program.CPU, encoded []byte) {
			put64(at(encoded, 2, offNumber), foreign[cpu].kill)
			put64(at(encoded, 2, offArgs+8), uint64(unix.SIGTERM))
		},
		status: "exit status 143", kernel: true},
	{name: "execve gets its strings",
		build: func(b *program.Builder) {
			b.Execve(b.String("/bin/sh"), b.Strings("argv", []string{"sh", "-c", "echo $1 $A", "0", "one"}), b.Strings("envp", []string{"A=two"}))
		},
		output: "one two\n", kernel: true},
	{name: "an execve that fails is a failure",
		build: func(b *program.Builder) {
			none := b.Strings("none", nil)
			b.Execve(b.String("/nonexistent"), none, none)
		},
		fails: failure{0, unix.ENOENT}, kernel: true},
	{name: "a failure that leads nowhere ends the process",
		build: func(b *program.Builder) { b.ExitGroup(7) },
		patch: func(_ program.CPU, encoded []byte) {
			put64(at(encoded, 0, offNumber), 1<<20) // ENOSYS, as from a seccomp filter
			put32(at(encoded, 0, offFail), 0)
		},
		status: "signal: illegal instruction", kernel: true},
}

// random is a program of sets with results, errnos and jumps at random. It
// writes all its slots and the failure record in the end, which tell every way
// that could be taken. Nothing in it depends on the kernel.
func random(seed uint64) tiny {
	return tiny{build: func(b *program.Builder) {
		const calls, slots = 60, 24
		r := rand.New(rand.NewPCG(seed, 0))
		buffer := b.Buffer("slots", 8*slots, "")
		slot := func(n int) program.Slot { return buffer.At(8 * n).Slot() }
		errno := func() unix.Errno {
			return []unix.Errno{unix.EPERM, unix.ENOENT, unix.EAGAIN, maxErrno}[r.IntN(4)]
		}
		labels := make([]program.Target, calls+8)
		for i := range labels {
			labels[i] = b.Label()
		}
		for i := range calls {
			b.Place(labels[i])
			ahead := func() program.Target { return labels[i+1+r.IntN(7)] }
			b.FailTo(ahead())
			from, to := r.IntN(slots), r.IntN(slots)
			value := []program.Arg{
				program.Int(0), program.Int(i + 1), number(-4096), number(1 << 32),
				number(-int64(errno())), number(-int64(errno())), number(-int64(unix.EAGAIN)), slot(from).Content(),
			}[r.IntN(8)]
			c := b.Set(value).Into(slot(to))
			if from != to { // a repeat must not change what it repeats
				c.Retry = uint32(r.IntN(3))
			}
			switch r.IntN(4) {
			case 0:
				c.On(program.AnyErrno, ahead())
			case 1, 2:
				c.On(errno(), ahead())
			}
			if r.IntN(3) == 0 {
				c.OnZero(ahead())
			}
			if r.IntN(3) == 0 {
				c.Then(ahead())
			}
		}
		for _, l := range labels[calls:] {
			b.Place(l)
		}
		end := b.Label()
		b.FailTo(end)
		b.WriteFrom(program.FD(1), buffer, 8*slots)
		b.WriteFrom(program.FD(1), b.Failure(), program.MessageSize)
		b.FailTo(0)
		b.Place(end)
	}}
}
