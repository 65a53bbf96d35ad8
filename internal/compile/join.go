package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// join enters the namespaces of the container, all by one call and by one
// descriptor, so that they are those of one process that still lives. The mount
// namespace brings its root and working directory along (setns(2)). Nothing of
// the host's stays open but the channel, through which nothing can be opened.
func join(c *compiler) {
	c.Step(at("linux", "namespaces"), "join the container")
	init := c.inherited(RoleInit)
	c.Setns(program.FD(init), uint64(c.cfg.Namespaces))
	c.CloseFD(init)
}

// joinedProcess makes the process that is going to be the user's.
func joinedProcess(c *compiler) {
	c.Step(at("linux", "namespaces"), "make a process in the container")
	c.clone(unix.CLONE_PARENT, 0)
}

// joinedRoot opens the container's root.
func joinedRoot(c *compiler) {
	c.Step(program.Runtime, "open the container's root")
	c.Openat2(program.CWD, "/", program.DirInRoot).Into(c.root)
}

// joinedStdio opens a null device in place of the host's, as nullStdio does, when
// the container's own is not (Stdio.Own): on a tmpfs that nobody else has seen,
// since in a container that runs nothing at /dev/null can be trusted.
func joinedStdio(c *compiler) {
	if !c.hasNullStdio() {
		return
	}
	c.Step(program.Runtime, "make a null device for the standard descriptors")
	c.Fsopen("tmpfs").Into(c.fs)
	c.FsconfigCreate(c.fs)
	c.Fsmount(c.fs, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC).Into(c.mount)
	c.Close(c.fs)
	c.Mknodat(c.mount.Content(), hiddenNull, unix.S_IFCHR|0o666, unix.Mkdev(1, 3))
	c.dupNull(c.mount, hiddenNull)
	c.Close(c.mount)
}
