package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestMountFilesystems looks at each type that the runtime knows by name.
func TestMountFilesystems(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point, fstype string
		magic         int64
		options       []string
		has           string
	}{
		{"/x", "tmpfs", unix.TMPFS_MAGIC, []string{"size=1m", "uid=5", "gid=6", "mode=750"}, "rw"},
		{"/proc", "proc", unix.PROC_SUPER_MAGIC, []string{"nosuid", "noexec", "nodev", "hidepid=2"}, "nosuid,noexec,nodev"},
		{"/x", "sysfs", unix.SYSFS_MAGIC, []string{"ro", "nosuid"}, "ro,nosuid"},
		{"/x", "devpts", unix.DEVPTS_SUPER_MAGIC, []string{"newinstance", "ptmxmode=0666"}, "rw"},
		{"/x", "mqueue", 0x19800202, []string{"noexec"}, "noexec"},
		{"/x", "ramfs", 0x858458f6, []string{"mode=700"}, "rw"},
	} {
		t.Run(c.fstype, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Unmount(c.point)
			b.Mount(c.point, c.fstype, c.fstype, c.options...)
			if c.point != "/proc" {
				b.Unmount("/proc")
				b.Mount("/proc", "proc", "proc")
			}
			r := b.Report("report", "stat", c.point)
			m := mountAt(t, r.Process.Mountinfo, c.point)
			same(t, "the type", m.Type, c.fstype)
			same(t, "the root", m.Root, "/")
			same(t, "the magic number", file(t, act(t, r, 0)).Filesystem, c.magic)
			for option := range strings.SplitSeq(c.has, ",") {
				if !m.Has(option) {
					t.Errorf("options are %s, want %s in it", m.Options, option)
				}
			}
			if c.fstype == "tmpfs" {
				f := file(t, act(t, r, 0))
				same(t, "owner, group and mode", fmt.Sprintf("%d %d %o", f.UID, f.GID, f.Mode), "5 6 750")
			}
		})
	}
	t.Run("the host's instances are their own", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		r := b.Report("ls", "/dev/pts", "stat", "/dev/pts/ptmx", "openDevice", "/dev/ptmx", "w", "readlink", "/dev/ptmx", "ls", "/dev/mqueue", "ls", "/proc")
		same(t, "terminals", strings.Join(act(t, r, 0).Names, " "), "ptmx")
		same(t, "the mode of ptmx", file(t, act(t, r, 1)).Mode, 0o666)
		same(t, "opening a terminal", strings.TrimPrefix(act(t, r, 2).Errno, "EIO"), "")
		same(t, "/dev/ptmx", act(t, r, 3).Text, "pts/ptmx")
		same(t, "message queues", len(act(t, r, 4).Names), 0)
		if slices.Contains(act(t, r, 5).Names, "2") || !slices.Contains(act(t, r, 5).Names, "1") {
			t.Error("/proc shows other processes than the container's own")
		}
	})
	t.Run("one that the kernel does not know", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/x", "nonsensefs", "none")
		b.Run("report").Fails("mounts[6]: mount nonsensefs on /x: fsopen: no such device")
	})
	t.Run("changing a read-only sysfs leaves the host's alone", func(t *testing.T) {
		t.Parallel()
		var before, after unix.Statfs_t
		b := bed.New(t)
		b.Must(unix.Statfs("/sys", &before))
		b.Process()
		b.Must(unix.Statfs("/sys", &after))
		same(t, "flags of the host's /sys", after.Flags, before.Flags)
	})
}

func TestMountCopyUp(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("up/dir/file"), "text")
	b.Must(os.Chmod(b.In("up/dir/file"), 0o640))
	b.Must(os.Chown(b.In("up/dir/file"), 12, 34))
	b.Must(os.Chmod(b.In("up/dir"), 0o711|os.ModeSticky))
	b.Link("/etc/nowhere", b.In("up/link"))
	b.Fifo(b.In("up/fifo"))
	b.File(b.In("up/setuid"), "")
	b.Must(os.Chmod(b.In("up/setuid"), 0o755|os.ModeSetuid))
	b.Capabilities("CAP_DAC_OVERRIDE")
	b.Mount("/up", "tmpfs", "tmpfs", "tmpcopyup", "mode=711")
	r := b.Report("read", "/up/dir/file", "lstat", "/up/dir/file", "lstat", "/up/dir", "readlink", "/up/link",
		"lstat", "/up/fifo", "lstat", "/up/setuid", "write", "/up/new", "x", "stat", "/up")
	worked(t, r)
	same(t, "the text", act(t, r, 0).Text, "text")
	f := file(t, act(t, r, 1))
	same(t, "the file", fmt.Sprintf("%o %d:%d", f.Mode, f.UID, f.GID), "640 12:34")
	same(t, "the directory's mode", file(t, act(t, r, 2)).Mode, 0o1711)
	same(t, "the link", act(t, r, 3).Text, "/etc/nowhere")
	same(t, "the fifo", file(t, act(t, r, 4)).Type, "fifo")
	same(t, "the setuid bit", file(t, act(t, r, 5)).Mode, 0o4755)
	same(t, "its filesystem", file(t, act(t, r, 7)).Filesystem, unix.TMPFS_MAGIC)
	if _, err := os.Lstat(b.In("up/new")); err == nil {
		t.Error("what was written is in the rootfs")
	}
}

func TestMountCopyUpReadonly(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("up/file"), "text")
	b.Mount("/up", "tmpfs", "tmpfs", "tmpcopyup", "ro")
	r := b.Report("read", "/up/file", "write", "/up/file", "x")
	same(t, "the text", act(t, r, 0).Text, "text")
	same(t, "writing", act(t, r, 1).Errno, "EROFS")
}

// TestMountCgroup mounts the container's own cgroups.
func TestMountCgroup(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		readonly bool
		private  bool // a cgroup namespace
	}{{"read-only", true, false}, {"read-only, namespace", true, true}, {"writable, namespace", false, true}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			options := []string{"nosuid", "noexec", "nodev", "relatime"}
			if c.readonly {
				options = append(options, "ro")
			}
			b.Mount("/sys/fs/cgroup", "cgroup", "cgroup", options...)
			if c.private {
				b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			}
			if bed.V2() {
				cgroupV2(t, b, c.readonly, c.private)
			} else {
				cgroupV1(t, b, c.readonly, c.private)
			}
		})
	}
}

func cgroupV1(t *testing.T, b *bed.Bundle, readonly, private bool) {
	r := b.Report("report", "ls", "/sys/fs/cgroup", "read", "/sys/fs/cgroup/pids/cgroup.procs",
		"mkdir", "/sys/fs/cgroup/pids/sub", "mkdir", "/sys/fs/cgroup/x")
	names := act(t, r, 0).Names
	host, err := os.ReadDir("/sys/fs/cgroup")
	b.Must(err)
	for _, e := range host {
		if e.Name() == "unified" || !hierarchy(e.Name()) {
			continue // of the host's systemd, not for the container; or no cgroups
		}
		if !slices.Contains(names, e.Name()) {
			t.Errorf("%s is missing in /sys/fs/cgroup: %v", e.Name(), names)
		}
		if e.Type()&os.ModeSymlink != 0 {
			continue
		}
		m := mountAt(t, r.Process.Mountinfo, "/sys/fs/cgroup/"+e.Name())
		want := "/" + b.ID
		if private {
			want = "/"
		}
		same(t, e.Name()+"'s root", m.Root, want)
		same(t, e.Name()+" is read-only", m.Has("ro"), readonly)
		same(t, e.Name()+" is nosuid, nodev, noexec", m.Has("nosuid") && m.Has("nodev") && m.Has("noexec"), true)
	}
	same(t, "processes", strings.TrimSpace(act(t, r, 1).Text), "1")
	want := map[bool]string{true: "EROFS", false: ""}[readonly]
	same(t, "mkdir in a cgroup", act(t, r, 2).Errno, want)
	same(t, "the tmpfs is read-only", mountAt(t, r.Process.Mountinfo, "/sys/fs/cgroup").Has("ro"), readonly)
	if private && !strings.Contains(r.Process.Cgroup, ":pids:/\n") {
		t.Errorf("/proc/self/cgroup shows more than the namespace: %s", r.Process.Cgroup)
	}
}

func cgroupV2(t *testing.T, b *bed.Bundle, readonly, private bool) {
	r := b.Report("report", "read", "/sys/fs/cgroup/cgroup.procs", "mkdir", "/sys/fs/cgroup/sub")
	m := mountAt(t, r.Process.Mountinfo, "/sys/fs/cgroup")
	same(t, "the type", m.Type, "cgroup2")
	same(t, "read-only", m.Has("ro"), readonly)
	if private {
		same(t, "processes", strings.TrimSpace(act(t, r, 0).Text), "1")
		same(t, "/proc/self/cgroup", lastLine(r.Process.Cgroup), "0::/")
		want := map[bool]string{true: "EROFS", false: ""}[readonly]
		same(t, "mkdir in the cgroup", act(t, r, 1).Errno, want)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// TestTmpfsMode: a tmpfs has the mode of the directory that it hides, unless the
// config says another.
func TestTmpfsMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		under   os.FileMode // of the directory; 0 for none
		options []string
		want    uint32
	}{
		{"all bits", 0o775 | os.ModeSetuid | os.ModeSetgid | os.ModeSticky, nil, 0o7775},
		{"few bits", 0o710, nil, 0o710},
		{"no directory", 0, nil, 0o1777},
		{"the config's", 0o710, []string{"mode=0410"}, 0o410},
		{"copied up", 0o711, []string{"tmpcopyup"}, 0o711},
		{"read-only", 0o711, []string{"ro"}, 0o711},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			if c.under != 0 {
				b.Must(os.Chmod(b.Mkdir(b.In("a/tmp")), c.under))
			}
			b.Mount("/a/tmp", "tmpfs", "tmpfs", c.options...)
			b.Mount("/b", "tmpfs", "tmpfs") // another one has its own
			r := b.Report("stat", "/a/tmp", "stat", "/b")
			same(t, "mode", file(t, act(t, r, 0)).Mode, c.want)
			same(t, "mode of another", file(t, act(t, r, 1)).Mode, 0o1777)
		})
	}
}

// TestMountProcOnALink: what stands for /proc has to be there.
func TestMountProcOnALink(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Mkdir(b.In("bad-proc"))
	b.Link("/bad-proc", b.In("proc"))
	b.Run("report").Fails(`mounts[0]: open /proc: filesystem "proc" must be mounted on ordinary directory: openat2: too many levels of symbolic links`)
}
