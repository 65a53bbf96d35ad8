package config

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// undo notes that a flag of the superblock is set, or is to be taken back.
func (x *mountCheck) undo(o *option) {
	word := opposite(o.flag)
	if word == "" {
		return
	}
	x.undone = slices.DeleteFunc(x.undone, func(f string) bool { return f == word })
	if o.kind == optionNotSuper {
		x.undone = append(x.undone, word)
	}
}

// opposite is the flag that takes another back (fs_context.c).
func opposite(flag string) string {
	switch flag {
	case "sync":
		return "async"
	case "lazytime", "mand":
		return "no" + flag
	}
	return ""
}

// checkRemount makes of an entry with the option remount a change to the mount
// that is at its destination then. The attributes that it names are set or
// cleared; others stay as they are, where mount(2) would clear them. A filesystem
// may be the host's too, whatever is mounted of it, so only one that an earlier
// entry has made is changed itself.
func (x *mountCheck) checkRemount() {
	bind := x.m.Kind == KindBind
	if x.m.CopyUp || x.m.SrcNofollow || x.m.DestNofollow || x.m.CopySymlink {
		x.refuse(x.at().Child("options"), "remount mounts nothing: tmpcopyup, src-nofollow, dest-nofollow and copy-symlink say nothing to it")
		x.m.CopyUp, x.m.SrcNofollow, x.m.DestNofollow, x.m.CopySymlink = false, false, false, false
	}
	if bind {
		x.checkKind()
		x.m.SuperFlags = nil
	} else {
		x.checkFilesystem()
	}
	x.m.Kind, x.m.Recursive = KindRemount, false
}

// checkFilesystem looks at what a remount changes of the filesystem itself.
func (x *mountCheck) checkFilesystem() {
	made := x.made()
	x.dropIversion()
	x.m.SuperFlags = append(x.m.SuperFlags, x.undone...)
	if made == KindOther { // of the other kinds read-only is an attribute of the mount alone
		switch {
		case x.m.Set&unix.MOUNT_ATTR_RDONLY != 0:
			x.m.SuperFlags = append(x.m.SuperFlags, "ro")
		case x.m.Clear&unix.MOUNT_ATTR_RDONLY != 0:
			x.m.SuperFlags = append(x.m.SuperFlags, "rw")
		}
	}
	switch made {
	case KindTmpfs, KindDevpts, KindProc, KindOther:
		return
	}
	words := slices.Clone(x.m.SuperFlags)
	for _, kv := range x.m.Data {
		words = append(words, kv.Key)
	}
	if len(words) > 0 {
		x.refuse(x.at().Child("options"), "remount cannot set "+show(strings.Join(words, ","))+
			": the filesystem at "+show(x.m.Destination)+" is none that an earlier entry makes, and may be the host's")
	}
}

// made is the kind of the last entry before this one for the same destination;
// KindBind, whose filesystem is somebody else's, if there is none.
func (x *mountCheck) made() MountKind {
	for _, m := range slices.Backward(x.cfg.Mounts[:x.i]) {
		if m.Destination == x.m.Destination && m.Kind != KindRemount {
			return m.Kind
		}
	}
	return KindBind
}
