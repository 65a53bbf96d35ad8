package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// What the hidden tmpfs holds.
const (
	hiddenNull  = "null"  // a null device, to mask files with
	hiddenEmpty = "empty" // an empty directory, to mask directories with
	hiddenNodes = "nodes" // device nodes for a /dev that is not the runtime's own
)

// hiddenTmpfs makes a small tmpfs of the runtime's own and puts it under the
// rootfs, where no path leads to it; it goes away with the old root. What
// masks a path, and device nodes for a /dev that somebody else may write to,
// come from here: a source inside the container could have been swapped
// (CVE-2025-31133). It is attached, if out of reach, because kernels before
// 6.15 clone attached mounts only (fs/namespace.c, may_copy_tree).
func (c *compiler) hiddenTmpfs() {
	if !c.needsHidden() {
		return
	}
	dev := c.hidden.Content()
	c.Step(program.Runtime, "make a tmpfs of the runtime's own under the rootfs")
	c.Fsopen("tmpfs").Into(c.fs)
	c.FsconfigString(c.fs, "mode", "755")
	c.FsconfigCreate(c.fs)
	c.Fsmount(c.fs, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NOEXEC).Into(c.hidden)
	c.Close(c.fs)
	c.Mkdirat(dev, hiddenEmpty, 0o555)
	c.Mknodat(dev, hiddenNull, unix.S_IFCHR|0o666, unix.Mkdev(1, 3))
	if nodes := c.boundDevices(); len(nodes) > 0 {
		c.Mkdirat(dev, hiddenNodes, 0o755)
		for _, d := range nodes {
			c.Mknodat(dev, hiddenNodes+"/"+d.id(), d.Mode, unix.Mkdev(d.Major, d.Minor))
			if d.UID != 0 || d.GID != 0 {
				c.Fchownat(dev, hiddenNodes+"/"+d.id(), d.UID, d.GID)
			}
		}
	}
	c.MountSetattr(c.hidden, 0, program.MountAttr{Set: unix.MOUNT_ATTR_RDONLY})
	c.MoveMount(c.hidden, c.under)
}

func (c *compiler) needsHidden() bool {
	return len(c.spec.Linux.MaskedPaths) > 0 || len(c.boundDevices()) > 0 || c.nullFromHidden()
}

// fromHidden makes a mount of something in the hidden tmpfs.
func (c *compiler) fromHidden(name string) *program.Call {
	return c.OpenTreeAt(c.hidden.Content(), name, unix.OPEN_TREE_CLONE).Into(c.mount)
}
