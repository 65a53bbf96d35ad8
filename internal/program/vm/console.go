package vm

import (
	"strings"

	"github.com/vial-run/vial/internal/program"
)

// Calls on terminals.

// terminal makes the descriptor of what is opened as ptmx a master. The real
// kernel would do so on a devpts only.
func terminal(d Descriptor) Descriptor {
	if d.Kind == File && d.Readable && d.Writable && strings.HasSuffix(d.Name, "/ptmx") {
		d.Kind = Master
	}
	return d
}

func unlockTerminal(c *call) Answer {
	d := c.descriptor(0, Master)
	if b := c.bytes(2, 4); b[0]|b[1]|b[2]|b[3] != 0 {
		c.wrong("it locks the peer")
	}
	if !c.refused() {
		c.p.Descriptors[d.Number].Unlocked = true
	}
	return c.done(0)
}

func openPeer(c *call) Answer {
	d := c.descriptor(0, Master)
	on := func(f program.OpenFlags) uint64 { return f.On(c.fake.CPU) }
	flags := c.flags(2, on(program.O_RDWR|program.O_NOCTTY|program.O_CLOEXEC))
	switch {
	case !d.Unlocked:
		c.wrong("the peer of %s is locked", d)
	case flags&on(program.O_NOCTTY) == 0:
		c.wrong("it may become the controlling terminal unasked")
	}
	return c.opens(Descriptor{Kind: Peer, Name: d.Name, Cloexec: flags&on(program.O_CLOEXEC) != 0, Readable: true, Writable: true})
}

func setWindowSize(c *call) Answer {
	c.descriptor(0, Master, Peer)
	c.bytes(2, 8) // sizeof(struct winsize)
	return c.done(0)
}

// controlTerminal demands of the process that it leads its session.
func controlTerminal(c *call) Answer {
	c.descriptor(0, Peer)
	c.is(2, 0)
	if !c.p.leader {
		c.wrong("the process does not lead its session")
	}
	return c.done(0)
}
