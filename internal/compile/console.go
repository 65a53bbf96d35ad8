package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// terminal tells whether the process gets a terminal. A hook never does: what
// it reads is the container's state.
func terminal(in *Input) bool { return in.Config.Spec.Process.Terminal && in.Hook == nil }

// console gives the container's first process a terminal, and /dev/console
// is that terminal too (config.md, process).
func console(c *compiler) {
	if !terminal(&c.in) {
		return
	}
	master, peer := c.newTerminal()
	c.Step(at("process", "terminal"), "mount the terminal on /dev/console")
	c.CloneTree(peer, 0).Into(c.mount)
	c.MoveMount(c.mount, c.fileTarget(c.mount, "/dev/console", 0))
	c.closeAll(c.mount, c.target)
	c.takeTerminal(master, peer)
}

// joinedConsole gives a terminal to a process that joins a container, whose
// /dev/console stays that of its first process.
func joinedConsole(c *compiler) {
	if terminal(&c.in) {
		c.takeTerminal(c.newTerminal())
	}
}

// newTerminal makes a terminal in the container's own devpts. Whoever has made
// the rootfs, or runs in the container, may have put something else in its
// place: a device would do something when it is opened, a link would lead to
// another terminal (CVE-2025-52565). So the parent looks at the directory
// first, and ptmx is opened right in it. The root of a devpts holds what the
// kernel has put there, and what is mounted on that is not followed. The other
// end is never looked up at all.
func (c *compiler) newTerminal() (master, peer program.Slot) {
	master, peer = c.Slot("master"), c.Slot("peer")
	c.Step(at("process", "terminal"), "make a terminal in /dev/pts")
	buffer, size := c.answer()
	c.Openat2(c.root.Content(), "dev/pts", program.DirInRoot).Into(c.dir)
	c.request(program.RequestTerminals, buffer, size, c.dir)
	c.Openat2(c.dir.Content(), "ptmx", program.How{
		Flags:   program.O_RDWR | program.O_NOCTTY | program.O_NOFOLLOW | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}).Into(master)
	c.Close(c.dir)
	c.UnlockTerminal(master)
	c.OpenPeer(master).Into(peer)
	// Whoever owns it may open it by its name, as programs do that want to be
	// sure of a terminal. Its group is that of the devpts.
	c.Fchown(peer.Content(), c.spec.Process.User.UID)
	if box := c.spec.Process.ConsoleSize; box != nil && box.Height != 0 && box.Width != 0 {
		c.Step(at("process", "consoleSize"), "set the size of the terminal")
		c.SetWindowSize(master, uint16(box.Height), uint16(box.Width))
	}
	return master, peer
}

// takeTerminal makes a terminal the standard descriptors of the process and
// what controls its session, and hands the other end to the parent.
func (c *compiler) takeTerminal(master, peer program.Slot) {
	c.Step(at("process", "terminal"), "hand over the terminal")
	c.ControlTerminal(peer)
	for fd := range c.in.Stdio {
		c.Dup3(peer, fd)
	}
	c.Close(peer)
	buffer, size := c.answer()
	c.request(program.RequestConsole, buffer, size, master)
	c.Close(master)
}
