package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// mounted is the default spec with one more mount, which becomes mounts[7].
// TestBeneath: a destination may have the rootfs's path on the host in front.
func TestBeneath(t *testing.T) {
	for destination, want := range map[string]string{
		"/b/rootfs/mnt": "/mnt", "/b/rootfs": "/b/rootfs", "/b/rootfs2/mnt": "/b/rootfs2/mnt", "/mnt": "/mnt", "/mnt/b/rootfs": "/mnt/b/rootfs",
	} {
		c := Config{Mounts: []Mount{{Destination: destination}}}
		if c.Beneath("/b/rootfs"); c.Mounts[0].Destination != want {
			t.Errorf("%s: %s, want %s", destination, c.Mounts[0].Destination, want)
		}
	}
}

func mounted(m specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) }
}

func bind(options ...string) specs.Mount {
	return specs.Mount{Destination: "/mnt", Source: "/src", Options: append([]string{"bind"}, options...)}
}

func tmpfs(options ...string) specs.Mount {
	return specs.Mount{Destination: "/mnt", Type: "tmpfs", Source: "tmpfs", Options: options}
}

// both is the default spec with two more mounts.
func both(one, other specs.Mount) func(*specs.Spec) {
	return func(s *specs.Spec) { s.Mounts = append(s.Mounts, one, other) }
}

func TestRefusesMounts(t *testing.T) {
	at := func(destination, fstype string) func(*specs.Spec) {
		return mounted(specs.Mount{Destination: destination, Type: fstype, Source: "x"})
	}
	refuses(t, []refusal{
		{"no destination", at("", "tmpfs"), "mounts[7].destination: is required"},
		{"the root", at("/a/..", "tmpfs"), `mounts[7].destination: "/a/.." would cover the container's root`},
		{"a NUL", at("/\x00", "tmpfs"), "mounts[7].destination: must not hold a NUL"},
		{"no type", at("/x", ""), "mounts[7].type: is required: this is no bind mount"},
		{"a hostile type", at("/x", "a\nb"), `mounts[7].type: "a\nb" is no name of a filesystem`},
		{"bind without source", mounted(specs.Mount{Destination: "/x", Options: []string{"rbind"}}),
			"mounts[7].source: is required for a bind mount"},
		{"bind with data", mounted(bind("ro", "mode=755,x")),
			`mounts[7]: invalid mount "mode": bind mounts cannot have any filesystem-specific options applied`},
		{"inside /proc", at("/proc/self/attr/../x", "tmpfs"),
			`mounts[7]: "/proc/self/x" cannot be mounted because it is inside /proc`},
		{"a tmpfs on /proc", at("/proc/", "tmpfs"),
			`mounts[7]: "/proc" cannot be mounted because it is not of type proc`},
		{"tmpcopyup elsewhere", mounted(bind("tmpcopyup")), "mounts[7].options: tmpcopyup can be used only with tmpfs"},
		{"copy-symlink elsewhere", mounted(tmpfs("copy-symlink")),
			"mounts[7].options: src-nofollow, dest-nofollow and copy-symlink are for bind mounts only"},
		{"no name", mounted(tmpfs("a,=b")), `mounts[7].options[0]: "=b": the option has no name`},
		{"a NUL in an option", mounted(tmpfs("ro", "a=\x00")), "mounts[7].options[1]: must not hold a NUL"},
		{"id-mapped", mounted(bind("ridmap")), "mounts[7].options[1]: not supported yet: id-mapped mounts"},
		{"id-mapped with a value", mounted(bind("idmap=uids=0-1-1")), "mounts[7].options[1]: not supported yet: id-mapped mounts"},
		{"id-mapped by mappings", mounted(specs.Mount{Destination: "/x", Source: "/x", Type: "bind",
			UIDMappings: []specs.LinuxIDMapping{{}}, GIDMappings: []specs.LinuxIDMapping{{}}}),
			"mounts[7].gidMappings: not supported yet: id-mapped mounts; mounts[7].uidMappings: not supported yet: id-mapped mounts"},
		{"remount of the root", mounted(specs.Mount{Destination: "/", Options: []string{"remount", "ro"}}),
			"mounts[7].destination: the root is not remounted here: use root.readonly and linux.rootfsPropagation"},
		{"remount of a filesystem that may be the host's", mounted(specs.Mount{Destination: "/x", Options: []string{"remount", "size=1m", "sync", "noatime"}}),
			`mounts[7].options: remount cannot set "sync,size": the filesystem at "/x" is none that an earlier entry makes, and may be the host's`},
		{"remount of a bound filesystem", both(specs.Mount{Destination: "/mnt", Source: "/src", Options: []string{"bind"}}, tmpfs("remount", "async")),
			`mounts[8].options: remount cannot set "async": the filesystem at "/mnt" is none that an earlier entry makes, and may be the host's`},
		{"remount of sysfs", mounted(specs.Mount{Destination: "/sys", Options: []string{"remount", "x=1"}}),
			`mounts[7].options: remount cannot set "x": the filesystem at "/sys" is none that an earlier entry makes, and may be the host's`},
		{"remount of a bind mount with data", mounted(bind("remount", "mode=1")),
			`mounts[7]: invalid mount "mode": bind mounts cannot have any filesystem-specific options applied`},
		{"remount with what mounts", mounted(tmpfs("remount", "tmpcopyup")),
			"mounts[7].options: remount mounts nothing: tmpcopyup, src-nofollow, dest-nofollow and copy-symlink say nothing to it"},
	})
}

func TestMounts(t *testing.T) {
	const (
		atime  = unix.MOUNT_ATTR__ATIME
		no     = unix.MOUNT_ATTR_NOATIME
		strict = unix.MOUNT_ATTR_STRICTATIME
	)
	for _, tc := range []struct {
		name string
		spec specs.Mount
		want Mount
	}{
		{"plain", tmpfs(), Mount{Kind: KindTmpfs}},
		{"read-only", tmpfs("nosuid", "ro"), Mount{Kind: KindTmpfs, SuperFlags: []string{"ro"},
			Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID}},
		{"the last word counts", tmpfs("ro", "rw", "noexec", "exec", "dev", "nodev"), Mount{Kind: KindTmpfs,
			Set: unix.MOUNT_ATTR_NODEV, Clear: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOEXEC}},
		{"nothing at all", tmpfs("defaults", "loud", "silent", ""), Mount{Kind: KindTmpfs}},
		{"data", tmpfs("mode=755", "noswap", "size=64k,uid=,,nr_inodes=1"), Mount{Kind: KindTmpfs, Data: []KeyValue{
			{"mode", "755", true}, {"noswap", "", false}, {"size", "64k", true}, {"uid", "", true}, {"nr_inodes", "1", true}}}},
		{"a label with commas", tmpfs(`context="u:r:t:s0:c1,c2"`, `rootcontext="a,b",mode=1`, `context=x,y`),
			Mount{Kind: KindTmpfs, Data: []KeyValue{{"context", "u:r:t:s0:c1,c2", true}, {"rootcontext", "a,b", true},
				{"mode", "1", true}, {"context", "x", true}, {"y", "", false}}}},
		{"flags of the superblock", tmpfs("sync", "dirsync", "lazytime", "mand", "sync", "nomand", "async"),
			Mount{Kind: KindTmpfs, SuperFlags: []string{"dirsync", "lazytime"}}},
		{"versions of files", specs.Mount{Destination: "/mnt", Type: "ext4", Source: "/x", Options: []string{"iversion", "sync"}},
			Mount{Kind: KindOther, SuperFlags: []string{"iversion", "sync"}}},
		{"no versions of files", specs.Mount{Destination: "/mnt", Type: "ext4", Source: "/x", Options: []string{"iversion", "noiversion"}}, Mount{Kind: KindOther}},
		{"noatime", tmpfs("noatime", "nodiratime"), Mount{Kind: KindTmpfs, Set: no | unix.MOUNT_ATTR_NODIRATIME, Clear: atime}},
		{"relatime", tmpfs("relatime"), Mount{Kind: KindTmpfs, Clear: atime}},
		{"one mode after another", tmpfs("noatime", "strictatime"), Mount{Kind: KindTmpfs, Set: strict, Clear: atime}},
		{"back from noatime", tmpfs("noatime", "atime"), Mount{Kind: KindTmpfs}},
		{"back from another mode", tmpfs("strictatime", "atime", "norelatime"), Mount{Kind: KindTmpfs, Set: strict, Clear: atime}},
		{"atime alone", bind("atime"), Mount{Kind: KindBind}},
		{"bind", bind("ro", "nosymfollow"), Mount{Kind: KindBind, Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSYMFOLLOW}},
		{"rbind", bind("rbind", "rprivate", "slave"), Mount{Kind: KindBind, Recursive: true,
			Propagation: []uint64{unix.MS_PRIVATE | unix.MS_REC, unix.MS_SLAVE}}},
		{"bind by type", specs.Mount{Destination: "/mnt", Source: "/src", Type: "bind"}, Mount{Kind: KindBind}},
		{"bind of another type", specs.Mount{Destination: "/mnt", Source: "/src", Type: "proc", Options: []string{"bind"}},
			Mount{Kind: KindBind}},
		{"recursive attributes", bind("rro", "rnosuid", "rdev", "rnoatime", "rnodiratime", "rsymfollow"), Mount{Kind: KindBind,
			RecSet:   unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | no | unix.MOUNT_ATTR_NODIRATIME,
			RecClear: unix.MOUNT_ATTR_NODEV | atime | unix.MOUNT_ATTR_NOSYMFOLLOW}},
		{"recursive, the last word counts", bind("rro", "rrw", "rstrictatime", "rnostrictatime"), Mount{Kind: KindBind,
			RecClear: unix.MOUNT_ATTR_RDONLY | atime}},
		{"links", bind("src-nofollow", "dest-nofollow", "copy-symlink"), Mount{Kind: KindBind,
			SrcNofollow: true, DestNofollow: true, CopySymlink: true}},
		{"copied up", tmpfs("tmpcopyup"), Mount{Kind: KindTmpfs, CopyUp: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := accepted(t, mounted(tc.spec))
			tc.want.Source, tc.want.Type, tc.want.Destination = tc.spec.Source, tc.spec.Type, "/mnt"
			got := cfg.Mounts[7]
			if len(got.SuperFlags) == 0 {
				got.SuperFlags = nil
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, tc.want)
			}
			wantWarnings(t, cfg)
		})
	}
}

// TestRemounts looks at what a last entry makes of those before it.
func TestRemounts(t *testing.T) {
	const ro = unix.MOUNT_ATTR_RDONLY
	other := specs.Mount{Destination: "/mnt", Type: "ramfs", Source: "x"}
	for _, tc := range []struct {
		name string
		spec []specs.Mount
		want Mount
	}{
		{"nothing", []specs.Mount{tmpfs("remount")}, Mount{}},
		{"attributes", []specs.Mount{tmpfs("remount", "ro", "nosuid", "exec", "relatime")},
			Mount{Set: ro | unix.MOUNT_ATTR_NOSUID, Clear: unix.MOUNT_ATTR_NOEXEC | unix.MOUNT_ATTR__ATIME}},
		{"without type and source", []specs.Mount{{Destination: "/mnt", Options: []string{"ro", "remount"}}}, Mount{Set: ro}},
		{"bind", []specs.Mount{bind("remount", "rbind", "rw", "slave")}, Mount{Clear: ro, Propagation: []uint64{unix.MS_SLAVE}}},
		{"of a tmpfs", []specs.Mount{tmpfs(), tmpfs("remount", "ro", "size=1m", "sync", "nolazytime", "async")},
			Mount{Set: ro, SuperFlags: []string{"nolazytime", "async"}, Data: []KeyValue{{"size", "1m", true}}}},
		{"of a filesystem that is its own", []specs.Mount{other, tmpfs("remount", "ro", "nomand", "mand")}, Mount{Set: ro, SuperFlags: []string{"mand", "ro"}}},
		{"of one, back", []specs.Mount{other, tmpfs("remount", "ro"), tmpfs("remount", "rw")}, Mount{Clear: ro, SuperFlags: []string{"rw"}}},
		{"of a covered one", []specs.Mount{other, bind(), tmpfs("remount", "ro")}, Mount{Set: ro}},
		{"at /proc", []specs.Mount{{Destination: "/proc", Options: []string{"remount", "hidepid=2"}}}, Mount{Data: []KeyValue{{"hidepid", "2", true}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cfg := accepted(t, func(s *specs.Spec) { s.Mounts = append(s.Mounts, tc.spec...) })
			got, last := cfg.Mounts[len(cfg.Mounts)-1], tc.spec[len(tc.spec)-1]
			tc.want.Kind, tc.want.Source, tc.want.Type, tc.want.Destination = KindRemount, last.Source, last.Type, last.Destination
			if len(got.SuperFlags) == 0 {
				got.SuperFlags = nil
			}
			if !reflect.DeepEqual(got, tc.want) {
				t.Errorf("\ngot  %+v\nwant %+v", got, tc.want)
			}
			wantWarnings(t, cfg)
		})
	}
}

func TestMountKinds(t *testing.T) {
	for fstype, want := range map[string]MountKind{
		"proc": KindProc, "sysfs": KindSysfs, "tmpfs": KindTmpfs, "mqueue": KindMqueue, "devpts": KindDevpts,
		"cgroup": KindCgroup, "cgroup2": KindCgroup, "overlay": KindOther, "ramfs": KindOther,
	} {
		destination := "/x"
		cfg := accepted(t, mounted(specs.Mount{Destination: destination, Type: fstype, Source: "x"}))
		if got := cfg.Mounts[7].Kind; got != want {
			t.Errorf("%s: %d, want %d", fstype, got, want)
		}
	}
}

func TestMountWarnings(t *testing.T) {
	cfg := accepted(t, mounted(specs.Mount{Destination: "a/./b", Type: "tmpfs", Source: "x"}))
	wantWarnings(t, cfg, `mounts[7].destination: "a/./b" is relative, which is deprecated: it is taken from /`)
	if got := cfg.Mounts[7].Destination; got != "/a/b" {
		t.Errorf("got %s", got)
	}
	wantWarnings(t, accepted(t, mounted(tmpfs("iversion"))),
		"mounts[7].options: iversion has no effect here")
	wantWarnings(t, accepted(t, mounted(tmpfs("remount", "iversion"))), "mounts[7].options: iversion has no effect here")
	wantWarnings(t, accepted(t, mounted(tmpfs("iversion", "noiversion"))))
	wantWarnings(t, accepted(t, mounted(bind("sync", "rdirsync"))),
		"mounts[7].options: sync, dirsync has no effect on a bind mount")
}

func TestMountsAtProc(t *testing.T) {
	for _, m := range []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc"},
		{Destination: "/proc", Source: "/proc", Options: []string{"rbind"}},
		{Destination: "/proc/uptime", Source: "/lxcfs/uptime", Options: []string{"bind"}},
		{Destination: "/proc/sys/kernel/ns_last_pid", Source: "/x", Options: []string{"bind"}},
		{Destination: "/process", Source: "tmpfs", Type: "tmpfs"},
	} {
		accepted(t, mounted(m))
	}
}

// The words are those of the spec, runc and crun; what the table does not hold
// would go to the filesystem.
func TestMountOptionNames(t *testing.T) {
	want := strings.Fields(`async atime bind copy-symlink defaults dest-nofollow dev diratime dirsync exec
		iversion lazytime loud mand noatime nodev nodiratime noexec noiversion nolazytime nomand norelatime
		nostrictatime nosuid nosymfollow private rasync ratime rbind rdev rdiratime rdirsync relatime remount rexec
		rmand rnoatime rnodev rnodiratime rnoexec rnomand rnorelatime rnostrictatime rnosuid rnosymfollow ro
		rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow rsync runbindable rw shared
		silent slave src-nofollow strictatime suid symfollow sync tmpcopyup unbindable`)
	got := MountOptionNames()
	if !slices.Equal(got, want) {
		t.Errorf("got %s", got)
	}
	for i := 1; i < len(mountOptions); i++ {
		if mountOptions[i-1].name >= mountOptions[i].name {
			t.Errorf("%s is out of order", mountOptions[i].name)
		}
	}
}
