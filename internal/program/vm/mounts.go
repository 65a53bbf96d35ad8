package vm

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// Calls on mounts and filesystems.

const mountAttrs = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC |
	unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME | unix.MOUNT_ATTR_NOSYMFOLLOW

func fsopen(c *call) Answer {
	c.zero(2)
	return c.opens(Descriptor{Kind: FsContext, Name: c.text(0), Cloexec: c.flags(1, unix.FSOPEN_CLOEXEC) != 0})
}

func fspick(c *call) Answer {
	c.zero(3)
	flags := c.flags(2, unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH)
	c.emptyPath(1, flags&unix.FSPICK_EMPTY_PATH != 0)
	return c.opens(Descriptor{Kind: FsContext, Name: c.place(0), Cloexec: flags&unix.FSPICK_CLOEXEC != 0})
}

func fsconfig(c *call) Answer {
	c.zero(4)
	d := c.descriptor(0, FsContext)
	switch c.args[1] {
	case unix.FSCONFIG_SET_FLAG:
		c.text(2)
		c.zero(3)
	case unix.FSCONFIG_SET_STRING:
		c.text(2)
		if n := len(c.text(3)); n > 255 { // strndup_user of 256 bytes, fs/fsopen.c
			c.wrong("a value of %d bytes", n)
		}
	case unix.FSCONFIG_CMD_CREATE:
		c.zero(2)
		if !c.refused() {
			c.p.Descriptors[d.Number].Kind = Superblock
		}
	case unix.FSCONFIG_CMD_RECONFIGURE:
		c.zero(2)
	default:
		c.wrong("unknown command %d", c.args[1])
	}
	return c.done(0)
}

func fsmount(c *call) Answer {
	c.zero(3)
	d := c.descriptor(0, Superblock)
	c.flags(2, mountAttrs)
	return c.opens(Descriptor{Kind: Mount, Name: d.Name, Cloexec: c.flags(1, unix.FSMOUNT_CLOEXEC) != 0, Own: true})
}

func openTree(c *call) Answer {
	c.zero(3)
	flags := c.flags(2, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_EMPTY_PATH|unix.AT_RECURSIVE|unix.AT_SYMLINK_NOFOLLOW)
	if flags&unix.AT_RECURSIVE != 0 && flags&unix.OPEN_TREE_CLONE == 0 {
		c.wrong("AT_RECURSIVE without OPEN_TREE_CLONE")
	}
	c.emptyPath(1, flags&unix.AT_EMPTY_PATH != 0)
	name := ""
	if flags&unix.AT_EMPTY_PATH != 0 {
		name = c.descriptor(0).Name
	} else {
		name = c.place(0)
	}
	return c.opens(Descriptor{Kind: Mount, Name: name, Cloexec: flags&unix.OPEN_TREE_CLOEXEC != 0})
}

// emptyPath demands that the path in argument n is empty just if a flag says so.
func (c *call) emptyPath(n int, flag bool) {
	if path := c.text(n); (path == "") != flag {
		c.wrong("the path %q does not fit the flags", path)
	}
}

func moveMount(c *call) Answer {
	c.zero(5)
	flags := c.flags(4, unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
	c.descriptor(0, Mount)
	c.emptyPath(1, flags&unix.MOVE_MOUNT_F_EMPTY_PATH != 0)
	c.descriptor(2, Path, Mount, File)
	c.emptyPath(3, flags&unix.MOVE_MOUNT_T_EMPTY_PATH != 0)
	return c.done(0)
}

func mountSetattr(c *call) Answer {
	c.is(4, 32) // sizeof(struct mount_attr)
	c.zero(5)
	flags := c.flags(2, unix.AT_EMPTY_PATH|unix.AT_RECURSIVE)
	c.place(0)
	c.emptyPath(1, flags&unix.AT_EMPTY_PATH != 0)
	attr := c.bytes(3, 32)
	set, clr := binary.LittleEndian.Uint64(attr), binary.LittleEndian.Uint64(attr[8:])
	if (set|clr)&^mountAttrs != 0 {
		c.wrong("unknown attributes %#x", (set|clr)&^mountAttrs)
	}
	// fs/namespace.c, build_mount_kattr: access times are one value, not flags.
	if set&unix.MOUNT_ATTR__ATIME != 0 && clr&unix.MOUNT_ATTR__ATIME != unix.MOUNT_ATTR__ATIME {
		c.wrong("access times are set but not cleared")
	}
	if atime := clr & unix.MOUNT_ATTR__ATIME; atime != 0 && atime != unix.MOUNT_ATTR__ATIME {
		c.wrong("access times are cleared in part")
	}
	switch binary.LittleEndian.Uint64(attr[16:]) {
	case 0, unix.MS_SHARED, unix.MS_SLAVE, unix.MS_PRIVATE, unix.MS_UNBINDABLE:
	default:
		c.wrong("propagation %#x", binary.LittleEndian.Uint64(attr[16:]))
	}
	if binary.LittleEndian.Uint64(attr[24:]) != 0 {
		c.wrong("a user namespace without MOUNT_ATTR_IDMAP")
	}
	return c.done(0)
}

func mount(c *call) Answer {
	c.zero(5)
	c.optional(0)
	c.text(1)
	c.optional(2)
	c.optional(4)
	return c.done(0)
}

func umount2(c *call) Answer {
	c.zero(2)
	c.text(0)
	c.flags(1, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	return c.done(0)
}

func pivotRoot(c *call) Answer {
	c.zero(2)
	c.text(0)
	c.text(1)
	return c.done(0)
}
