package compile

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/field"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A mountStep is one entry of mounts, and its place.
type mountStep struct {
	config.Mount
	index  int
	origin field.Path
	mode   program.Arg // where the mode of the filesystem's root is written, if config.json does not say it
}

// A pendingReadonly is a mount to be made read-only once everything in it is made.
type pendingReadonly struct {
	slot program.Slot
	step mountStep
	made int // index of the entry that mounted it, or -1
}

// mounts serves every entry of mounts, in their order.
func mounts(c *compiler) {
	c.keepRemounted()
	for i, m := range c.cfg.Mounts {
		c.mountOne(mountStep{Mount: m, index: i, origin: at("mounts").Index(i)})
	}
}

func (c *compiler) mountOne(m mountStep) {
	what := m.Type
	if m.Kind == config.KindBind {
		what = m.Source
	}
	if m.Kind == config.KindRemount {
		c.remount(m)
		return
	}
	c.Step(m.origin, "mount "+what+" on "+m.Destination)
	switch m.Kind {
	case config.KindBind:
		c.bindMount(m)
	case config.KindCgroup:
		cgroupMount(c, m)
	case config.KindTmpfs:
		c.tmpfsMount(m)
	default:
		if c.needsMount2(m) {
			c.longMount(m)
			return
		}
		c.detachedFilesystem(m, m.Type, m.Set)
		c.attach(m)
	}
}

// detachedFilesystem makes a new filesystem and a detached mount of it.
func (c *compiler) detachedFilesystem(m mountStep, fstype string, attributes uint64) {
	c.Fsopen(fstype).Into(c.fs)
	if m.Source != "" {
		c.FsconfigString(c.fs, "source", m.Source)
	}
	for _, flag := range m.SuperFlags {
		// Read-only is an attribute of the mount here. The superblock of
		// these filesystems may be the host's too, whose it is to change.
		if flag == "ro" && m.Kind != config.KindOther {
			continue
		}
		c.FsconfigFlag(c.fs, flag)
	}
	if m.mode != (program.Arg{}) {
		c.FsconfigStringIn(c.fs, "mode", m.mode)
	}
	c.fsconfigData(m)
	c.FsconfigCreate(c.fs)
	c.Fsmount(c.fs, attributes).Into(c.mount)
	c.Close(c.fs)
}

func (c *compiler) fsconfigData(m mountStep) {
	for _, kv := range m.Data {
		if kv.HasValue {
			c.FsconfigString(c.fs, kv.Key, kv.Value)
		} else {
			c.FsconfigFlag(c.fs, kv.Key)
		}
	}
}

// attach puts the detached mount where the config wants it.
func (c *compiler) attach(m mountStep) {
	how := targetOf(m)
	if how.Resolve&unix.RESOLVE_NO_SYMLINKS == 0 {
		c.attachTo(m, c.dirTarget(m.Destination, how))
	} else {
		c.Step(m.origin, "open "+m.Destination+": filesystem "+strconv.Quote(m.Type)+" must be mounted on ordinary directory")
		target := c.dirTarget(m.Destination, how)
		c.Step(m.origin, "attach "+m.Type)
		c.attachTo(m, target)
	}
	c.letGo(m)
}

// targetOf is how the directory for a new filesystem is opened.
func targetOf(m mountStep) program.How {
	how := program.DirInRoot
	if m.Kind == config.KindProc || m.Kind == config.KindSysfs {
		// What the runtime or the container takes for /proc must be there:
		// behind a link it could be swapped later (CVE-2019-19921).
		how.Resolve |= unix.RESOLVE_NO_SYMLINKS
	}
	return how
}

// attachTo moves the mount onto target. It leaves c.mount open.
func (c *compiler) attachTo(m mountStep, target program.Slot) {
	c.recursiveAttributes(m, c.mount)
	c.MoveMount(c.mount, target)
	c.Close(target)
	c.propagate(m, c.mount)
}

// recursiveAttributes sets the attributes that reach the mounts below as well.
func (c *compiler) recursiveAttributes(m mountStep, s program.Slot) {
	if m.RecSet|m.RecClear != 0 {
		c.MountSetattr(s, unix.AT_RECURSIVE, program.MountAttr{Set: m.RecSet, Clear: m.RecClear})
	}
}

func (c *compiler) propagate(m mountStep, s program.Slot) {
	for _, p := range m.Propagation {
		flags := uint64(0)
		if p&unix.MS_REC != 0 {
			flags = unix.AT_RECURSIVE
		}
		c.MountSetattr(s, flags, program.MountAttr{Propagation: p &^ unix.MS_REC})
	}
}

// boundAttributes are those that a bind mount with options has only if they are
// named: what its source has of them counts only for one without options. So
// does MS_REMOUNT|MS_BIND of mount(2), with which other runtimes set them, and
// it too keeps the source's access times unless other ones are named.
const boundAttributes = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV |
	unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR_NOSYMFOLLOW

func (c *compiler) bindMount(m mountStep) {
	if link, ok := c.in.SymlinkSources[m.index]; ok {
		c.copySymlink(m, link)
		return
	}
	source := m.Source
	if !strings.HasPrefix(source, "/") {
		source = path.Join(c.in.Bundle, source)
	}
	flags := uint64(unix.OPEN_TREE_CLONE)
	if m.Recursive {
		flags |= unix.AT_RECURSIVE
	}
	if m.SrcNofollow {
		flags |= unix.AT_SYMLINK_NOFOLLOW
	}
	c.OpenTreeAt(program.CWD, source, flags).Into(c.mount)
	if m.Set|m.Clear != 0 {
		c.MountSetattr(c.mount, 0, program.MountAttr{Set: m.Set, Clear: boundClear(m)})
	}
	how := program.InRoot
	if m.DestNofollow {
		how.Flags |= program.O_NOFOLLOW
	}
	c.attachTo(m, c.targetLike(c.mount, m.Destination, how))
	c.letGo(m)
}

// boundClear is what a bind mount does not keep of its source's attributes. Those
// about access times it keeps as long as none of them is named, as a remount by
// mount(2) does.
func boundClear(m mountStep) uint64 {
	clear := m.Clear | boundAttributes
	if m.Clear&unix.MOUNT_ATTR__ATIME != 0 || m.Set&unix.MOUNT_ATTR_NODIRATIME != 0 {
		clear |= unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NODIRATIME
	}
	return clear &^ (m.Set &^ unix.MOUNT_ATTR__ATIME) // the field of modes is cleared as a whole, whatever is set
}

// copySymlink makes the link that the source is. One that is there already is
// made anew: it may be this container's own of an earlier run, or lead
// elsewhere. Anything else that is there is not vial's to remove.
func (c *compiler) copySymlink(m mountStep, link string) {
	dir, last := path.Split(m.Destination)
	parent := c.dirTarget(dir, program.DirInRoot)
	there, isLink, done := c.Label(), c.Label(), c.Label()
	c.Symlinkat(link, parent.Content(), last).On(unix.EEXIST, there).Then(done)
	c.Place(there)
	c.Openat2(parent.Content(), last, program.How{
		Flags:   program.O_PATH | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	}).Into(c.dir).On(unix.ELOOP, isLink)
	c.FailWith(unix.EEXIST, "copy the link "+m.Source+" to "+m.Destination+": something else than a link is there")
	c.Place(isLink)
	c.Unlinkat(parent.Content(), last)
	c.Symlinkat(link, parent.Content(), last)
	c.Place(done)
	c.Close(parent)
}

// tmpfsMount makes a tmpfs. Read-only comes last of all (readonlyMounts), for
// later mounts and devices may need directories in it.
func (c *compiler) tmpfsMount(m mountStep) {
	target := c.tmpfsTarget(&m)
	c.detachedFilesystem(m, "tmpfs", m.Set&^unix.MOUNT_ATTR_RDONLY)
	if m.CopyUp {
		buffer, size := c.answer()
		c.request(program.RequestCopyUp, buffer, size, target, c.mount)
	}
	c.attachTo(m, target)
	if m.Set&unix.MOUNT_ATTR_RDONLY == 0 {
		c.letGo(m)
		return
	}
	keep, kept := c.remounted[m.index]
	if !kept {
		keep = c.Slot("readonly")
	}
	c.Set(c.mount.Content()).Into(keep)
	c.pending = append(c.pending, pendingReadonly{keep, m, m.index})
}

// tmpfsTarget opens the directory for a tmpfs. One that is there gives the tmpfs
// its mode, unless the config says another, as it does in runc and crun: images
// rely on it that /tmp stays what it is.
func (c *compiler) tmpfsTarget(m *mountStep) program.Slot {
	if slices.ContainsFunc(m.Data, func(kv config.KeyValue) bool { return kv.Key == "mode" }) {
		return c.dirTarget(m.Destination, program.DirInRoot)
	}
	const digits = 8
	m.mode = c.Buffer("mode", digits+1, "1777") // the kernel's own default
	return c.dirTargetMode(m.Destination, program.DirInRoot, m.mode, digits)
}

// letGo closes a mount that is attached, or keeps it for its remounts.
func (c *compiler) letGo(m mountStep) {
	if keep, kept := c.remounted[m.index]; kept {
		c.Set(c.mount.Content()).Into(keep)
		return
	}
	c.Close(c.mount)
}

// readonlyMounts finishes what tmpfsMount and remount put off.
func readonlyMounts(c *compiler) {
	for _, p := range c.pending {
		c.Step(p.step.origin, "make "+p.step.Destination+" read-only")
		c.setMounted(p.slot, program.MountAttr{Set: unix.MOUNT_ATTR_RDONLY}, p.step)
		c.Close(p.slot)
	}
}

// fsconfigLimit is how long a value FSCONFIG_SET_STRING takes (fs/fsopen.c).
const fsconfigLimit = 255

// needsMount2 tells whether an option is too long for fsconfig(2), such as
// the lower directories of an overlay, or one that it does not know.
func (c *compiler) needsMount2(m mountStep) bool {
	if slices.Contains(m.SuperFlags, "iversion") {
		return true
	}
	for _, kv := range m.Data {
		if len(kv.Value) > fsconfigLimit {
			return true
		}
	}
	return len(m.Source) > fsconfigLimit
}

// longMount mounts with mount(2), on "." of the target's descriptor, with the
// attributes in its flags, so that it never stands without them. Only what
// mount(2) cannot do in one call, propagation and recursive attributes, opens
// the new mount by its path again.
func (c *compiler) longMount(m mountStep) {
	options := make([]string, len(m.Data))
	for i, kv := range m.Data {
		options[i] = kv.Key
		if kv.HasValue {
			options[i] += "=" + kv.Value
		}
	}
	data := strings.Join(options, ",")
	if len(data) > pageLimit {
		c.fail(fmt.Errorf("%s.options: %d bytes of options for %s, mount(2) takes %d", m.origin, len(data), m.Type, pageLimit))
		return
	}
	target := c.dirTarget(m.Destination, targetOf(m))
	c.Fchdir(target.Content())
	c.Mount(m.Source, ".", m.Type, mountFlags(m.Set)|superFlags(m.SuperFlags), data)
	c.Close(target)
	c.Chdir("/")
	if m.RecSet|m.RecClear == 0 && len(m.Propagation) == 0 {
		return
	}
	c.Openat2(c.root.Content(), inRoot(m.Destination), targetOf(m)).Into(c.mount)
	c.recursiveAttributes(m, c.mount)
	c.propagate(m, c.mount)
	c.Close(c.mount)
}

// mountFlags are attributes of a mount as mount(2) takes them.
func mountFlags(attributes uint64) uint64 {
	flags := uint64(0)
	for _, f := range [...]struct{ attribute, flag uint64 }{
		{unix.MOUNT_ATTR_RDONLY, unix.MS_RDONLY}, {unix.MOUNT_ATTR_NOSUID, unix.MS_NOSUID},
		{unix.MOUNT_ATTR_NODEV, unix.MS_NODEV}, {unix.MOUNT_ATTR_NOEXEC, unix.MS_NOEXEC},
		{unix.MOUNT_ATTR_NOATIME, unix.MS_NOATIME}, {unix.MOUNT_ATTR_STRICTATIME, unix.MS_STRICTATIME},
		{unix.MOUNT_ATTR_NODIRATIME, unix.MS_NODIRATIME}, {unix.MOUNT_ATTR_NOSYMFOLLOW, unix.MS_NOSYMFOLLOW},
	} {
		if attributes&f.attribute != 0 {
			flags |= f.flag
		}
	}
	return flags
}

// superFlags are a filesystem's flags as mount(2) takes them. In the data they
// are unknown to filesystems that parse it themselves, as overlay did before
// Linux 6.5.
func superFlags(names []string) uint64 {
	flags := uint64(0)
	for _, name := range names {
		switch name {
		case "ro":
			flags |= unix.MS_RDONLY
		case "sync":
			flags |= unix.MS_SYNCHRONOUS
		case "dirsync":
			flags |= unix.MS_DIRSYNC
		case "mand":
			flags |= unix.MS_MANDLOCK
		case "lazytime":
			flags |= unix.MS_LAZYTIME
		case "iversion":
			flags |= unix.MS_I_VERSION
		}
	}
	return flags
}

// pageLimit is how much data mount(2) takes: a page, and the final NUL in it.
const pageLimit = 4095
