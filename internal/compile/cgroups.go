package compile

import (
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// enterCgroups moves the process into its v1 cgroups (into one of v2 it was
// born). It moves itself, through a
// file for each hierarchy: the kernel stops nothing for a process that moves
// its only thread. It is the container's own process, not the one before the
// clone: with pids.max 1 that one could not have forked.
//
// With systemd it is moved by systemd, and the same holds: a limit on tasks of 1
// is in force from the start. It waits meanwhile, and vial's end is its own.
func enterCgroups(c *compiler) {
	if c.in.Unit != "" {
		c.Step(at("linux", "cgroupsPath"), "have systemd make "+c.in.Unit+" and put the process into it")
		buffer, size := c.answer()
		c.request(program.RequestCgroup, buffer, size)
		return
	}
	for i, dir := range c.in.CgroupDirs {
		if len(dir.Controllers) == 0 {
			continue
		}
		c.Step(at("linux", "cgroupsPath"), "enter the cgroup "+dir.Dir)
		tasks := c.tasks(i)
		c.Write(program.FD(tasks), "0")
		c.CloseFD(tasks)
	}
}

// cgroupNamespace makes the cgroups that the process is in the root of its view.
func cgroupNamespace(c *compiler) {
	if c.cfg.Namespaces.Has(unix.CLONE_NEWCGROUP) {
		c.Step(at("linux", "namespaces"), "make a cgroup namespace")
		c.Unshare(unix.CLONE_NEWCGROUP)
	}
}

// tasks is the descriptor of the file tasks of the cgroup in CgroupDirs[i].
func (c *compiler) tasks(i int) int {
	n := c.inherited(RoleTasks)
	for _, dir := range c.in.CgroupDirs[:i] {
		if len(dir.Controllers) > 0 {
			n++
		}
	}
	return n
}

// cgroupMount serves a mount of type cgroup.
func cgroupMount(c *compiler, m mountStep) {
	if c.in.Facts.Cgroup == host.V2 {
		c.detachedFilesystem(m, "cgroup2", m.Set)
		c.attach(m)
		return
	}
	c.cgroupV1Mount(m)
}

// cgroupV1Mount makes a tmpfs that holds, under the names that they have on
// the host, the container's own cgroup of every hierarchy, and links for the
// controllers that share one.
func (c *compiler) cgroupV1Mount(m mountStep) {
	c.Fsopen("tmpfs").Into(c.fs)
	c.FsconfigString(c.fs, "source", "cgroup")
	c.FsconfigString(c.fs, "mode", "755")
	c.FsconfigCreate(c.fs)
	readonly := m.Set & unix.MOUNT_ATTR_RDONLY
	c.Fsmount(c.fs, m.Set&^readonly).Into(c.mount)
	c.Close(c.fs)
	c.attachTo(m, c.dirTarget(m.Destination, program.DirInRoot))
	top := c.Slot("cgroups")
	c.Set(c.mount.Content()).Into(top)
	for _, dir := range c.in.CgroupDirs {
		if len(dir.Controllers) == 0 {
			continue // the v2 hierarchy of a hybrid host, which runc leaves out too
		}
		c.OpenTreeAt(program.CWD, dir.Dir, unix.OPEN_TREE_CLONE).Into(c.mount)
		c.MountSetattr(c.mount, 0, program.MountAttr{Set: m.Set})
		c.Mkdirat(top.Content(), dir.Name, 0o755)
		c.Openat2(top.Content(), dir.Name, program.DirBeneath).Into(c.target)
		c.MoveMount(c.mount, c.target)
		c.closeAll(c.mount, c.target)
		for _, controller := range dir.Controllers {
			if controller != dir.Name && len(dir.Controllers) > 1 {
				c.Symlinkat(dir.Name, top.Content(), controller)
			}
		}
	}
	if readonly != 0 {
		c.MountSetattr(top, 0, program.MountAttr{Set: readonly})
	}
	c.Close(top)
}
