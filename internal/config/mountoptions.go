package config

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// An optionKind says what a word among the options of a mount acts on.
type optionKind uint8

const (
	optionNothing       optionKind = iota // already so
	optionSet                             // an attribute of the mount
	optionClear                           //
	optionAtime                           // a mode of access times
	optionNotAtime                        // back from that mode to the kernel's default
	optionRecSet                          // the same of all mounts below too
	optionRecClear                        //
	optionRecAtime                        //
	optionRecNotAtime                     //
	optionSuper                           // a flag of the superblock
	optionNotSuper                        // takes that flag back
	optionPropagation                     //
	optionBind                            //
	optionRecursiveBind                   //
	optionCopyUp                          //
	optionSrcNofollow                     //
	optionDestNofollow                    //
	optionCopySymlink                     //
	optionRemount                         //
	optionLater                           // understood, but not supported yet
)

// An option is one word that is for the runtime; every other word is for the
// filesystem.
type option struct {
	name string
	kind optionKind
	bits uint64 // MOUNT_ATTR_* or MS_*
	flag string // of the superblock, as fs_context.c names it
}

// mountOptions are the words of the spec, of runc and of crun, sorted. What
// each means is in mount(8) and mount_setattr(2).
var mountOptions = [...]option{
	{name: "async", kind: optionNotSuper, flag: "sync"},
	{name: "atime", kind: optionNotAtime, bits: unix.MOUNT_ATTR_NOATIME},
	{name: "bind", kind: optionBind},
	{name: "copy-symlink", kind: optionCopySymlink},
	{name: "defaults", kind: optionNothing},
	{name: "dest-nofollow", kind: optionDestNofollow},
	{name: "dev", kind: optionClear, bits: unix.MOUNT_ATTR_NODEV},
	{name: "diratime", kind: optionClear, bits: unix.MOUNT_ATTR_NODIRATIME},
	{name: "dirsync", kind: optionSuper, flag: "dirsync"},
	{name: "exec", kind: optionClear, bits: unix.MOUNT_ATTR_NOEXEC},
	{name: "idmap", kind: optionLater},
	{name: "iversion", kind: optionSuper, flag: "iversion"},
	{name: "lazytime", kind: optionSuper, flag: "lazytime"},
	{name: "loud", kind: optionNothing},
	{name: "mand", kind: optionSuper, flag: "mand"},
	{name: "noatime", kind: optionAtime, bits: unix.MOUNT_ATTR_NOATIME},
	{name: "nodev", kind: optionSet, bits: unix.MOUNT_ATTR_NODEV},
	{name: "nodiratime", kind: optionSet, bits: unix.MOUNT_ATTR_NODIRATIME},
	{name: "noexec", kind: optionSet, bits: unix.MOUNT_ATTR_NOEXEC},
	{name: "noiversion", kind: optionNotSuper, flag: "iversion"},
	{name: "nolazytime", kind: optionNotSuper, flag: "lazytime"},
	{name: "nomand", kind: optionNotSuper, flag: "mand"},
	{name: "norelatime", kind: optionNotAtime, bits: unix.MOUNT_ATTR_RELATIME},
	{name: "nostrictatime", kind: optionNotAtime, bits: unix.MOUNT_ATTR_STRICTATIME},
	{name: "nosuid", kind: optionSet, bits: unix.MOUNT_ATTR_NOSUID},
	{name: "nosymfollow", kind: optionSet, bits: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "private", kind: optionPropagation, bits: unix.MS_PRIVATE},
	{name: "rasync", kind: optionNotSuper, flag: "sync"},
	{name: "ratime", kind: optionRecNotAtime, bits: unix.MOUNT_ATTR_NOATIME},
	{name: "rbind", kind: optionRecursiveBind},
	{name: "rdev", kind: optionRecClear, bits: unix.MOUNT_ATTR_NODEV},
	{name: "rdiratime", kind: optionRecClear, bits: unix.MOUNT_ATTR_NODIRATIME},
	{name: "rdirsync", kind: optionSuper, flag: "dirsync"},
	{name: "relatime", kind: optionAtime, bits: unix.MOUNT_ATTR_RELATIME},
	{name: "remount", kind: optionRemount},
	{name: "rexec", kind: optionRecClear, bits: unix.MOUNT_ATTR_NOEXEC},
	{name: "ridmap", kind: optionLater},
	{name: "rmand", kind: optionSuper, flag: "mand"},
	{name: "rnoatime", kind: optionRecAtime, bits: unix.MOUNT_ATTR_NOATIME},
	{name: "rnodev", kind: optionRecSet, bits: unix.MOUNT_ATTR_NODEV},
	{name: "rnodiratime", kind: optionRecSet, bits: unix.MOUNT_ATTR_NODIRATIME},
	{name: "rnoexec", kind: optionRecSet, bits: unix.MOUNT_ATTR_NOEXEC},
	{name: "rnomand", kind: optionNotSuper, flag: "mand"},
	{name: "rnorelatime", kind: optionRecNotAtime, bits: unix.MOUNT_ATTR_RELATIME},
	{name: "rnostrictatime", kind: optionRecNotAtime, bits: unix.MOUNT_ATTR_STRICTATIME},
	{name: "rnosuid", kind: optionRecSet, bits: unix.MOUNT_ATTR_NOSUID},
	{name: "rnosymfollow", kind: optionRecSet, bits: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "ro", kind: optionSet, bits: unix.MOUNT_ATTR_RDONLY},
	{name: "rprivate", kind: optionPropagation, bits: unix.MS_PRIVATE | unix.MS_REC},
	{name: "rrelatime", kind: optionRecAtime, bits: unix.MOUNT_ATTR_RELATIME},
	{name: "rro", kind: optionRecSet, bits: unix.MOUNT_ATTR_RDONLY},
	{name: "rrw", kind: optionRecClear, bits: unix.MOUNT_ATTR_RDONLY},
	{name: "rshared", kind: optionPropagation, bits: unix.MS_SHARED | unix.MS_REC},
	{name: "rslave", kind: optionPropagation, bits: unix.MS_SLAVE | unix.MS_REC},
	{name: "rstrictatime", kind: optionRecAtime, bits: unix.MOUNT_ATTR_STRICTATIME},
	{name: "rsuid", kind: optionRecClear, bits: unix.MOUNT_ATTR_NOSUID},
	{name: "rsymfollow", kind: optionRecClear, bits: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "rsync", kind: optionSuper, flag: "sync"},
	{name: "runbindable", kind: optionPropagation, bits: unix.MS_UNBINDABLE | unix.MS_REC},
	{name: "rw", kind: optionClear, bits: unix.MOUNT_ATTR_RDONLY},
	{name: "shared", kind: optionPropagation, bits: unix.MS_SHARED},
	{name: "silent", kind: optionNothing},
	{name: "slave", kind: optionPropagation, bits: unix.MS_SLAVE},
	{name: "src-nofollow", kind: optionSrcNofollow},
	{name: "strictatime", kind: optionAtime, bits: unix.MOUNT_ATTR_STRICTATIME},
	{name: "suid", kind: optionClear, bits: unix.MOUNT_ATTR_NOSUID},
	{name: "symfollow", kind: optionClear, bits: unix.MOUNT_ATTR_NOSYMFOLLOW},
	{name: "sync", kind: optionSuper, flag: "sync"},
	{name: "tmpcopyup", kind: optionCopyUp},
	{name: "unbindable", kind: optionPropagation, bits: unix.MS_UNBINDABLE},
}

// findOption is the option of that name, or nil.
func findOption(name string) *option {
	i, there := slices.BinarySearchFunc(mountOptions[:], name, func(o option, name string) int {
		return strings.Compare(o.name, name)
	})
	if !there {
		return nil
	}
	return &mountOptions[i]
}

// MountOptionNames are the words that mounts[].options understands, sorted.
func MountOptionNames() []string {
	var names []string
	for _, o := range mountOptions {
		if o.kind != optionLater {
			names = append(names, o.name)
		}
	}
	return names
}

// apply lets one option act on m. Later words win over earlier ones.
func (m *Mount) apply(o *option) {
	switch o.kind {
	case optionSet:
		m.Set, m.Clear = m.Set|o.bits, m.Clear&^o.bits
	case optionClear:
		m.Set, m.Clear = m.Set&^o.bits, m.Clear|o.bits
	case optionRecSet:
		m.RecSet, m.RecClear = m.RecSet|o.bits, m.RecClear&^o.bits
	case optionRecClear:
		m.RecSet, m.RecClear = m.RecSet&^o.bits, m.RecClear|o.bits
	case optionAtime:
		m.Set, m.Clear = atime(m.Set, m.Clear, o.bits)
	case optionNotAtime:
		m.Set, m.Clear = notAtime(m.Set, m.Clear, o.bits)
	case optionRecAtime:
		m.RecSet, m.RecClear = atime(m.RecSet, m.RecClear, o.bits)
	case optionRecNotAtime:
		m.RecSet, m.RecClear = recNotAtime(m.RecSet, m.RecClear, o.bits)
	case optionSuper:
		if !slices.Contains(m.SuperFlags, o.flag) {
			m.SuperFlags = append(m.SuperFlags, o.flag)
		}
	case optionNotSuper:
		m.SuperFlags = slices.DeleteFunc(m.SuperFlags, func(f string) bool { return f == o.flag })
	case optionPropagation:
		m.Propagation = append(m.Propagation, o.bits)
	case optionBind:
		m.Kind = KindBind
	case optionRecursiveBind:
		m.Kind, m.Recursive = KindBind, true
	case optionCopyUp:
		m.CopyUp = true
	case optionSrcNofollow:
		m.SrcNofollow = true
	case optionDestNofollow:
		m.DestNofollow = true
	case optionCopySymlink:
		m.CopySymlink = true
	case optionNothing, optionRemount, optionLater:
	}
}

// atime sets a mode of access times. The three modes are one field of the
// attributes, which mount_setattr(2) changes only if all of it is cleared.
func atime(set, unset, mode uint64) (uint64, uint64) {
	return set&^unix.MOUNT_ATTR__ATIME | mode, unset | unix.MOUNT_ATTR__ATIME
}

// notAtime takes back a mode that was asked for. What has a mode already keeps it
// then, as with mount(8) and runc: `atime` alone does not end a noatime of the host's.
func notAtime(set, unset, mode uint64) (uint64, uint64) {
	if unset&unix.MOUNT_ATTR__ATIME == 0 || set&unix.MOUNT_ATTR__ATIME != mode {
		return set, unset
	}
	return set &^ unix.MOUNT_ATTR__ATIME, unset &^ unix.MOUNT_ATTR__ATIME
}

// recNotAtime leaves a mode for relatime, which is the kernel's default since
// Linux 2.6.30, but leaves another mode that was asked for alone.
func recNotAtime(set, unset, mode uint64) (uint64, uint64) {
	if unset&unix.MOUNT_ATTR__ATIME != 0 && set&unix.MOUNT_ATTR__ATIME != mode {
		return set, unset
	}
	return atime(set, unset, unix.MOUNT_ATTR_RELATIME)
}
