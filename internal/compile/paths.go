package compile

import (
	"slices"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// readonlyPaths covers each entry of linux.readonlyPaths with a read-only
// mount of itself. The mount is made read-only before it is attached and both
// ends are descriptors, so there is no moment at which it is writable. What
// does not exist is skipped, as in runc: callers send one list to every rootfs.
//
// What is a mount already is made read-only itself. Of the root that is the only
// way, and a link of the image's may lead there: the process looks at the root
// below whatever covers it.
func readonlyPaths(c *compiler) {
	readonly := program.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}
	for i, path := range c.spec.Linux.ReadonlyPaths {
		c.Step(at("linux", "readonlyPaths").Index(i), "make "+path+" read-only")
		absent, done := c.Label(), c.Label()
		c.Openat2(c.root.Content(), inRoot(path), program.InRoot).Into(c.target).On(unix.ENOENT, absent)
		if !c.linkless(path) {
			inMount := c.Label()
			c.MountSetattr(c.target, 0, readonly).On(unix.EINVAL, inMount).Then(done)
			c.Place(inMount)
		}
		c.CloneTree(c.target, unix.AT_RECURSIVE).Into(c.mount)
		c.MountSetattr(c.mount, 0, readonly)
		c.MoveMount(c.mount, c.target)
		c.Close(c.mount)
		c.Place(done)
		c.Close(c.target)
		c.Place(absent)
	}
}

// maskedPaths hides each entry of linux.maskedPaths: a directory under an
// empty one, anything else under a null device, both of the runtime's own and
// read-only. Only a target that does not exist is skipped; a source that is
// missing would be an error (CVE-2025-31133).
func maskedPaths(c *compiler) {
	for i, path := range c.spec.Linux.MaskedPaths {
		if slices.Contains(c.spec.Linux.MaskedPaths[:i], path) {
			continue // engines that add to a list do not look
		}
		c.Step(at("linux", "maskedPaths").Index(i), "mask "+path)
		absent, file, cover := c.Label(), c.Label(), c.Label()
		c.Openat2(c.root.Content(), inRoot(path), program.InRoot).Into(c.target).On(unix.ENOENT, absent)
		c.isDir(c.target, file)
		c.fromHidden(hiddenEmpty).Then(cover)
		c.Place(file)
		c.fromHidden(hiddenNull)
		c.Place(cover)
		c.MoveMount(c.mount, c.target)
		c.closeAll(c.mount, c.target)
		c.Place(absent)
	}
}
