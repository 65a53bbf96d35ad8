package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// propagation keeps what is mounted for the container from reaching the host,
// unless linux.rootfsPropagation asks for just that. What it asks for is for the
// root, and pivot sets it there; here every mount of the host's is cut off, for
// a rootfs on a shared mount would pass on all that is mounted in it.
func propagation(c *compiler) {
	flags, origin := uint64(unix.MS_SLAVE|unix.MS_REC), program.Runtime
	switch p := c.cfg.RootPropagation; {
	case p&unix.MS_SHARED != 0:
		flags, origin = p, at("linux", "rootfsPropagation")
	case p&unix.MS_REC != 0 && p&(unix.MS_PRIVATE|unix.MS_UNBINDABLE) != 0:
		// Private, for what is unbindable could not be cloned below.
		flags, origin = unix.MS_PRIVATE|unix.MS_REC, at("linux", "rootfsPropagation")
	}
	c.Step(origin, "set how mounts spread to and from the host")
	c.Mount("", "/", "", flags, "")
	if flags&unix.MS_SHARED != 0 {
		// pivot_root(2) refuses a new root whose parent mount is shared.
		c.Mount("", c.in.RootfsMountpoint, "", unix.MS_PRIVATE, "")
	}
}

// rootfs makes a mount of the rootfs, to pivot to. The tree is cloned before
// the hidden tmpfs is attached: the clone takes along what is mounted on it.
func rootfs(c *compiler) {
	c.Step(at("root", "path"), "mount the rootfs "+c.in.Rootfs)
	c.Openat2(program.CWD, c.in.Rootfs, program.How{
		Flags:   program.O_PATH | program.O_DIRECTORY | program.O_NOFOLLOW | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	}).Into(c.under)
	c.CloneTree(c.under, unix.AT_RECURSIVE).Into(c.root)
	c.hiddenTmpfs()
	c.Step(at("root", "path"), "attach the rootfs")
	c.MoveMount(c.root, c.under)
	c.Close(c.under)
}

// RootSwitch is how the rootfs becomes the root.
type RootSwitch uint8

const (
	// PivotRoot swaps the roots of the mount namespace (pivot_root(2)).
	PivotRoot RootSwitch = iota
	// MoveRoot puts the rootfs on top of the root, and changes the process's
	// root to it: for hosts that run from the ramfs that the kernel has begun
	// with, which cannot be swapped.
	MoveRoot
)

// move makes the rootfs the root where it cannot be swapped with the host's.
// What is mounted on that is detached, and with it every procfs and sysfs that
// is not the container's own: as long as one without masks is in the namespace,
// the kernel lets the container mount another (fs/namespace.c,
// mount_too_revealing). The bare filesystem at the root of the
// namespace stays, below the rootfs, where ".." does not lead: it is the root.
func move(c *compiler) {
	c.Step(at("root", "path"), "put the rootfs over the root")
	if c.cfg.RootPropagation&unix.MS_SHARED != 0 {
		// Else the host would see what comes now.
		c.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, "")
	}
	c.Openat2(program.CWD, "/", program.How{Flags: program.O_PATH | program.O_DIRECTORY | program.O_CLOEXEC}).Into(c.under)
	c.MoveMount(c.root, c.under)
	c.Close(c.under)
	for _, mountpoint := range c.in.HostMounts {
		c.Umount2(mountpoint, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
	}
	c.Fchdir(c.root.Content())
	c.Chroot(".")
}

// switchRoot makes the rootfs the root of everything, and lets go of the old root.
func switchRoot(c *compiler) {
	if c.in.Root == MoveRoot {
		move(c)
	} else {
		pivot(c)
	}
	if c.needsHidden() {
		c.Close(c.hidden)
	}
	c.Chdir("/")
	if p := c.cfg.RootPropagation; p != 0 {
		c.Step(at("linux", "rootfsPropagation"), "set how mounts spread from the root")
		c.Mount("", "/", "", p, "")
	}
	if c.spec.Root.Readonly {
		c.Step(at("root", "readonly"), "make the root read-only")
		c.MountSetattr(c.root, 0, program.MountAttr{Set: unix.MOUNT_ATTR_RDONLY})
	}
}

// pivot swaps the roots. pivot_root(".", ".") stacks the old root on the new
// one, so that "." names it until it is detached: no directory for it is needed
// in the rootfs.
func pivot(c *compiler) {
	c.Step(at("root", "path"), "make the rootfs the root")
	c.Fchdir(c.root.Content())
	c.PivotRoot(".", ".")
	if c.cfg.RootPropagation&unix.MS_SHARED != 0 {
		// Else the host would see the unmount below.
		c.Mount("", ".", "", unix.MS_SLAVE|unix.MS_REC, "")
	}
	c.Umount2(".", unix.MNT_DETACH)
}
