package compile

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// keepRemounted makes a slot for every mount that a later entry remounts, so that
// it is changed by the descriptor that it was attached by: what its path
// leads to may be another mount by then, and that of a filesystem of the host's.
func (c *compiler) keepRemounted() {
	for i, m := range c.cfg.Mounts {
		if m.Kind != config.KindRemount {
			continue
		}
		made := c.madeBefore(i)
		if _, there := c.remounted[made]; made < 0 || there {
			continue
		}
		if c.remounted == nil {
			c.remounted = map[int]program.Slot{}
		}
		c.remounted[made] = c.Slot("mount" + strconv.Itoa(made))
	}
}

// madeBefore is the index of the entry that mounts what entry i remounts, or -1:
// then it is a mount of the rootfs's, or one that no descriptor is left of.
func (c *compiler) madeBefore(i int) int {
	for j := i - 1; j >= 0; j-- {
		m := c.cfg.Mounts[j]
		if m.Destination != c.cfg.Mounts[i].Destination || m.Kind == config.KindRemount {
			continue
		}
		_, copied := c.in.SymlinkSources[j]
		if m.Kind == config.KindCgroup || copied || m.Kind != config.KindBind && c.needsMount2(mountStep{Mount: m}) {
			return -1
		}
		return j
	}
	return -1
}

// remount changes the mount that is at the destination by now, and its
// filesystem if the entry says something of that. Read-only comes last of all,
// as for a tmpfs: later mounts may need directories in it.
func (c *compiler) remount(m mountStep) {
	c.Step(m.origin, "remount "+m.Destination)
	made, s := c.madeBefore(m.index), c.mount
	if made >= 0 {
		s = c.remounted[made]
	} else {
		c.Openat2(c.root.Content(), inRoot(m.Destination), program.InRoot).Into(s)
	}
	c.reconfigure(m, s, made)
	if m.Clear&unix.MOUNT_ATTR_RDONLY != 0 {
		c.notReadonly(m, made)
	}
	if attr := (program.MountAttr{Set: m.Set &^ unix.MOUNT_ATTR_RDONLY, Clear: m.Clear}); attr != (program.MountAttr{}) {
		c.setMounted(s, attr, m)
	}
	c.recursiveAttributes(m, s)
	c.propagate(m, s)
	switch {
	case m.Set&unix.MOUNT_ATTR_RDONLY != 0 && made < 0:
		keep := c.Slot("readonly")
		c.Set(s.Content()).Into(keep)
		c.pending = append(c.pending, pendingReadonly{keep, m, made})
	case m.Set&unix.MOUNT_ATTR_RDONLY != 0 && !c.isPending(made):
		c.pending = append(c.pending, pendingReadonly{s, m, made})
	case made < 0 || c.isLast(m, made) && !c.isPending(made):
		c.Close(s)
	}
}

// notReadonly takes back what is put off for the mount.
func (c *compiler) notReadonly(m mountStep, made int) {
	c.pending = slices.DeleteFunc(c.pending, func(p pendingReadonly) bool {
		drop := p.made == made && (made >= 0 || p.step.Destination == m.Destination)
		if drop && made < 0 {
			c.Close(p.slot)
		}
		return drop
	})
}

func (c *compiler) isPending(made int) bool {
	return slices.ContainsFunc(c.pending, func(p pendingReadonly) bool { return p.made == made })
}

// isLast tells whether no later entry remounts the mount.
func (c *compiler) isLast(m mountStep, made int) bool {
	for i := m.index + 1; i < len(c.cfg.Mounts); i++ {
		if c.cfg.Mounts[i].Kind == config.KindRemount && c.madeBefore(i) == made {
			return false
		}
	}
	return true
}

// setMounted sets attributes of a mount that is attached.
func (c *compiler) setMounted(s program.Slot, attr program.MountAttr, m mountStep) {
	if m.Kind != config.KindRemount || c.madeBefore(m.index) >= 0 {
		c.MountSetattr(s, 0, attr)
		return
	}
	none, done := c.Label(), c.Label()
	c.MountSetattr(s, 0, attr).On(unix.EINVAL, none).Then(done)
	c.Place(none)
	c.FailWith(unix.EINVAL, "remount "+m.Destination+": nothing is mounted there")
	c.Place(done)
}

// reconfigure changes the filesystem of the mount.
func (c *compiler) reconfigure(m mountStep, s program.Slot, made int) {
	if len(m.SuperFlags)+len(m.Data) == 0 {
		return
	}
	if made < 0 || c.needsMount2(m) {
		c.fail(fmt.Errorf("%s.options: a filesystem with iversion, or with options longer than %d bytes, cannot be remounted", m.origin, fsconfigLimit))
		return
	}
	c.Fspick(s).Into(c.fs)
	for _, flag := range m.SuperFlags {
		c.FsconfigFlag(c.fs, flag)
	}
	c.fsconfigData(m)
	c.FsconfigReconfigure(c.fs)
	c.Close(c.fs)
}
