package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// nullFromHidden tells whether standard descriptors are taken from the hidden
// tmpfs: where /dev is not the runtime's own.
func (c *compiler) nullFromHidden() bool { return c.hasNullStdio() && !c.fresh("/dev/null") }

func (c *compiler) hasNullStdio() bool {
	for _, s := range c.in.Stdio {
		if s.Null {
			return true
		}
	}
	return false
}

// nullStdio opens the container's own null device in place of the host's: the
// user's process could change the mode and owner of that one for all the host.
func (c *compiler) nullStdio(dev program.Slot) {
	if !c.hasNullStdio() {
		return
	}
	c.Step(program.Runtime, "take the host's /dev/null away from the standard descriptors")
	dir, name := dev, "null"
	if c.nullFromHidden() {
		dir, name = c.hidden, hiddenNull
	}
	c.dupNull(dir, name)
}

// dupNull makes the null device dir/name the standard descriptors that are null.
func (c *compiler) dupNull(dir program.Slot, name string) {
	null := c.Slot("null")
	c.Openat2(dir.Content(), name, program.How{
		Flags:   program.O_RDWR | program.O_NOFOLLOW | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}).Into(null)
	for fd, s := range c.in.Stdio {
		if s.Null {
			c.Dup3(null, fd)
		}
	}
	c.Close(null)
}

// stdio serves a /dev that the caller has bound; else devices does it.
func stdio(c *compiler) {
	if c.boundDev() {
		c.nullStdio(c.hidden)
	}
}

// chownStdio lets the user open /dev/stdout and its like again. What the
// kernel will not let go (a socket, a read-only filesystem) stays as it is,
// as in runc.
func (c *compiler) chownStdio(uid uint32) {
	for fd, s := range c.in.Stdio {
		if !s.Null && !s.Own && s.UID != uid {
			c.ignoring(program.AnyErrno, c.Fchown(program.FD(fd), uid))
		}
	}
}
