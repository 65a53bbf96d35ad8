package compile

import (
	"slices"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// undumpable keeps other processes from reading the program's memory and
// descriptors through /proc until execve makes it the user's own process
// (CVE-2016-9962). The clone inherits it.
func undumpable(c *compiler) {
	c.Step(program.Runtime, "hide the process from others")
	c.Prctl(unix.PR_SET_DUMPABLE, 0)
}

// name is what ps(1) shows of a container that waits to be started. Without
// it that would be the number of the descriptor that the image was opened as.
func name(c *compiler) {
	c.Step(program.Runtime, "name the process")
	c.Prctl2(unix.PR_SET_NAME, c.String("vial:waiting"), program.Int(0))
}

// descriptors closes whatever the caller leaked (CVE-2024-21626), and keeps
// what the program inherits for itself from reaching the user's process.
func descriptors(c *compiler) {
	first := c.out.FirstInherited
	c.Step(program.Runtime, "close descriptors that were leaked, keep the others from execve")
	c.CloseRange(first+len(c.out.Inherited), 0)
	c.CloseRange(first, unix.CLOSE_RANGE_CLOEXEC)
}

// birth has whoever launches the program make it the container's first process.
func birth(c *compiler) {
	if !c.in.staged() {
		c.Birth(at("linux", "namespaces"), firstProcess, c.cloneFlags())
	}
}

const firstProcess = "make the container's first process"

// cloneFlags are what the first process is made with. The cgroup namespace is not
// among them: its root would be the cgroup that the caller is in. Nor is the time
// namespace, which is there already.
func (c *compiler) cloneFlags() uint64 {
	flags := uint64(c.cfg.Namespaces) &^ (unix.CLONE_NEWCGROUP | unix.CLONE_NEWTIME)
	if c.in.Unit == "" && slices.Contains(cgroupRoles(c.in.CgroupDirs), RoleCgroup) {
		flags |= unix.CLONE_INTO_CGROUP
	}
	return flags
}

// namespaces makes the container's first process, if it is not there yet.
// CLONE_PARENT makes it a child of vial itself.
func namespaces(c *compiler) {
	if !c.in.staged() {
		return
	}
	cgroup := max(c.inherited(RoleCgroup), 0)
	c.Step(at("linux", "namespaces"), firstProcess)
	c.clone(c.cloneFlags()|unix.CLONE_PARENT, cgroup)
	if cgroup != 0 {
		c.CloseFD(cgroup)
	}
}

// clone makes the process that goes on, and ends the one that made it.
func (c *compiler) clone(flags uint64, cgroup int) {
	child := c.Label()
	message := c.Struct(program.Datum{Kind: program.DatumStruct, Name: "message", Size: program.MessageSize, Fields: []program.Field{
		{Name: "pid", Off: 0, Width: 8, Value: program.Int(program.MessagePid)},
		{Name: "value", Off: 8, Width: 8, Value: program.Int(0)},
	}})
	c.Clone3(flags, cgroup, child).Into(message.At(8).Slot())
	c.Send(c.channel(), message, program.MessageSize)
	c.ExitGroup(0)
	c.Place(child)
}
