package vm

import (
	"encoding/binary"
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Calls on descriptors, files and directories.

func closeOne(c *call) Answer {
	c.zero(1)
	d := c.descriptor(0)
	// Who closes the channel is on its own: it reports through the fifo.
	c.p.started = c.p.started || d.Kind == Channel
	if !c.refused() {
		c.p.Descriptors.close(d.Number)
	}
	return c.done(0)
}

func closeRange(c *call) Answer {
	c.zero(3)
	cloexec := c.flags(2, unix.CLOSE_RANGE_CLOEXEC) != 0
	if c.args[0] > c.args[1] || c.args[1] > 0xffffffff {
		c.wrong("no range: %d to %d", c.args[0], c.args[1])
	}
	if c.refused() {
		return c.done(0)
	}
	t := c.p.Descriptors
	for n := c.args[0]; n <= c.args[1] && n < uint64(len(t)); n++ {
		if cloexec && t[n].Kind != Closed {
			t[n].Cloexec = true
		} else if !cloexec {
			t.close(int(n))
		}
	}
	return c.done(0)
}

func dup3(c *call) Answer {
	c.zero(3)
	d := c.descriptor(0)
	if c.args[0] == c.args[1] || c.args[1] > 1<<16 {
		c.wrong("descriptor %d cannot be made a copy of %s", c.args[1], d)
	}
	d.Number, d.Cloexec = int(c.args[1]), c.flags(2, unix.O_CLOEXEC) != 0
	if !c.refused() {
		c.p.Descriptors.set(d)
	}
	return c.done(int64(d.Number))
}

func fcntl(c *call) Answer {
	c.is(1, unix.F_GETFD)
	c.zero(2)
	d := c.p.Descriptors.lookup(c.args[0])
	if d == nil {
		return Answer{Result: -int64(unix.EBADF)}
	}
	if d.Cloexec {
		return c.done(unix.FD_CLOEXEC)
	}
	return c.done(0)
}

func openat(c *call) Answer {
	c.zero(4)
	return c.openFile(c.place(0), c.args[2], c.args[3])
}

func openat2(c *call) Answer {
	c.is(3, 24) // sizeof(struct open_how)
	c.zero(4)
	how := c.bytes(2, 24)
	flags, mode := binary.LittleEndian.Uint64(how), binary.LittleEndian.Uint64(how[8:])
	resolve := binary.LittleEndian.Uint64(how[16:])
	const known = unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV
	if resolve&^known != 0 {
		c.wrong("unknown flags %#x in resolve", resolve&^known)
	}
	const beneath = unix.RESOLVE_BENEATH | unix.RESOLVE_IN_ROOT
	if resolve&beneath == beneath {
		c.wrong("RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other")
	}
	if path := c.text(1); path == "" {
		c.wrong("the path is empty")
	} else if path[0] == '/' && resolve&unix.RESOLVE_BENEATH != 0 {
		c.wrong("RESOLVE_BENEATH refuses the absolute path %q", path)
	}
	if dir, cwd := c.dir(0); !cwd && !dir.Own && resolve&beneath == 0 {
		c.wrong("a lookup from %s that may lead out of it", dir)
	}
	return c.openFile(c.place(0), flags, mode)
}

// openFile demands of the flags what openat2(2) does.
func (c *call) openFile(name string, flags, mode uint64) Answer {
	cpu := c.fake.CPU
	on := func(f program.OpenFlags) uint64 { return f.On(cpu) }
	has := func(f program.OpenFlags) bool { return flags&on(f) != 0 }
	known := on(program.O_PATH | program.O_DIRECTORY | program.O_NOFOLLOW | program.O_CLOEXEC |
		program.O_WRONLY | program.O_RDWR | program.O_CREAT | program.O_EXCL | program.O_NONBLOCK | program.O_NOCTTY)
	if flags&^known != 0 {
		c.wrong("unknown flags %#x", flags&^known)
	}
	d := Descriptor{Kind: File, Name: name, Cloexec: has(program.O_CLOEXEC)}
	if mode&^0o7777 != 0 || mode != 0 && !has(program.O_CREAT) {
		c.wrong("mode %#o does not fit the flags %#x", mode, flags)
	}
	switch {
	case has(program.O_PATH):
		d.Kind = Path
		if flags&^on(program.O_PATH|program.O_DIRECTORY|program.O_NOFOLLOW|program.O_CLOEXEC) != 0 {
			c.wrong("flags %#x do not go with O_PATH", flags)
		}
	case has(program.O_WRONLY) && has(program.O_RDWR):
		c.wrong("flags %#x are neither for reading nor for writing", flags)
	default:
		d.Readable, d.Writable = !has(program.O_WRONLY), has(program.O_WRONLY|program.O_RDWR)
	}
	return c.opens(terminal(d))
}

// faccessat2 grants all, but that the user's executable is a directory, which
// programs ask with "/." behind its path.
func faccessat2(c *call) Answer {
	c.zero(4)
	name := c.place(0)
	c.flags(2, 7)
	c.flags(3, unix.AT_EACCESS|unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH)
	if _, cwd := c.dir(0); cwd && strings.HasSuffix(name, "/.") && c.rule == nil {
		return Answer{Result: -int64(unix.ENOTDIR)}
	}
	return c.done(0)
}

func mkdirat(c *call) Answer {
	c.zero(3)
	c.entry(0)
	c.flags(2, 0o7777)
	return c.done(0)
}

func mknodat(c *call) Answer {
	c.zero(4)
	c.entry(0)
	kind := c.flags(2, unix.S_IFMT|0o7777) & unix.S_IFMT
	switch device := c.args[3]; kind {
	case unix.S_IFCHR, unix.S_IFBLK:
	case unix.S_IFREG, unix.S_IFIFO:
		if device != 0 {
			c.wrong("device %#x for what is none", device)
		}
	default:
		c.wrong("mode %#o has no type that mknod makes", c.args[2])
	}
	return c.done(0)
}

func symlinkat(c *call) Answer {
	c.zero(3)
	if c.text(0) == "" {
		c.wrong("the target is empty")
	}
	c.entry(1)
	return c.done(0)
}

func unlinkat(c *call) Answer {
	c.zero(3)
	c.entry(0)
	return c.done(0)
}

func fchown(c *call) Answer {
	c.zero(3)
	c.descriptor(0, File, Peer) // O_PATH descriptors answer EBADF
	return c.done(0)
}

func fchownat(c *call) Answer {
	c.zero(5)
	c.place(0)
	if flags := c.flags(4, unix.AT_SYMLINK_NOFOLLOW|unix.AT_EMPTY_PATH); flags == 0 {
		c.wrong("it would follow a link")
	}
	return c.done(0)
}

func fchdir(c *call) Answer {
	c.zero(1)
	c.descriptor(0, File, Path, Mount)
	return c.done(0)
}

func chdir(c *call) Answer {
	c.zero(1)
	c.text(0)
	return c.done(0)
}

func chroot(c *call) Answer { return chdir(c) }

func read(c *call) Answer {
	c.zero(3)
	d := c.descriptor(0, File, StartFifo)
	if !d.Readable {
		c.wrong("%s is not open for reading", d)
	}
	c.p.started = c.p.started || d.Kind == StartFifo && !c.refused()
	return c.fill(c.buffer(1, c.args[2]), "\x00")
}

// fill gives the process the bytes that the script has for it.
func (c *call) fill(buffer []byte, text string) Answer {
	if c.rule != nil && c.rule.Data != "" {
		return Answer{Result: int64(copy(buffer, c.rule.Data))}
	}
	if c.rule != nil {
		return c.done(0)
	}
	return Answer{Result: int64(copy(buffer, text))}
}

func write(c *call) Answer {
	c.zero(3)
	d := c.descriptor(0, File, ResultFifo)
	if !d.Writable {
		c.wrong("%s is not open for writing", d)
	}
	b := c.bytes(1, c.args[2])
	if d.Kind == ResultFifo {
		c.message(d.Kind, b, "")
	}
	return c.done(int64(len(b)))
}
