package integration

import (
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestMountRemount changes mounts with the option remount.
func TestMountRemount(t *testing.T) {
	t.Parallel()
	type entry struct{ fstype, source, options string } // on /to
	for _, c := range []struct {
		name                string
		entries             []entry
		has, hasNot, superb string
		write               string // what writing says
	}{
		{"a bind mount, read-only", []entry{{"bind", "source", "bind"}, {"bind", "source", "bind,remount,ro"}}, "ro", "nosuid", "", "EROFS"},
		{"without bind", []entry{{"bind", "source", "bind"}, {"", "", "remount,ro"}}, "ro", "", "", "EROFS"},
		{"what is not named stays", []entry{{"bind", "source", "bind,nosuid,nodev"}, {"none", "", "remount,noexec"}}, "nosuid,nodev,noexec,rw", "", "", ""},
		{"what is named goes", []entry{{"bind", "source", "bind,nosuid,nodev,ro"}, {"none", "", "remount,bind,suid,rw"}}, "nodev,rw", "nosuid,ro", "", ""},
		{"a tmpfs, read-only", []entry{{"tmpfs", "tmpfs", "mode=777"}, {"tmpfs", "tmpfs", "remount,ro"}}, "ro", "", "", "EROFS"},
		{"a read-only tmpfs, writable", []entry{{"tmpfs", "tmpfs", "ro"}, {"tmpfs", "tmpfs", "remount,rw"}}, "rw", "ro", "", ""},
		{"there and back", []entry{{"tmpfs", "tmpfs", ""}, {"", "", "remount,ro"}, {"", "", "remount,rw"}, {"", "", "remount,ro"}}, "ro", "", "", "EROFS"},
		{"the size of a tmpfs", []entry{{"tmpfs", "tmpfs", "size=64k,sync"}, {"tmpfs", "tmpfs", "remount,size=128k,async,noatime"}}, "noatime", "sync", "size=128k", ""},
		{"a filesystem of its own", []entry{{"ramfs", "ramfs", ""}, {"", "", "remount,ro"}}, "ro", "rw", "ro", "EROFS"},
		{"a read-only one, writable", []entry{{"ramfs", "ramfs", "ro"}, {"", "", "remount,rw"}}, "rw", "ro", "rw", ""},
		{"access times", []entry{{"tmpfs", "tmpfs", "noatime"}, {"", "", "remount,strictatime"}}, "", "noatime,relatime", "", ""},
		{"the upper of two", []entry{{"tmpfs", "tmpfs", ""}, {"bind", "source", "bind"}, {"", "", "remount,ro"}}, "ro", "", "", "EROFS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Mkdir(b.Path("source"))
			for _, e := range c.entries {
				b.Mount("/to", e.fstype, e.source, strings.FieldsFunc(e.options, func(r rune) bool { return r == ',' })...)
			}
			r := b.Report("write", "/to/x", "x", "report")
			same(t, "writing", act(t, r, 0).Errno, c.write)
			m := mountAt(t, r.Process.Mountinfo, "/to")
			for _, option := range strings.FieldsFunc(c.has, func(r rune) bool { return r == ',' }) {
				same(t, option, m.Has(option), true)
			}
			for _, option := range strings.FieldsFunc(c.hasNot, func(r rune) bool { return r == ',' }) {
				same(t, option, m.Has(option) || m.SuperHas(option), false)
			}
			if c.superb != "" && !m.SuperHas(c.superb) {
				t.Errorf("the filesystem has %s, want %s", m.Super, c.superb)
			}
			if host, ok := bed.At(bed.Mounts(readHost(t, "/proc/self/mountinfo")), "/"); ok {
				same(t, "the host's root is read-only", host.Has("ro"), false)
			}
		})
	}
	t.Run("a mount of the rootfs's own", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Tmpfs(b.In("own"))
		b.Mount("/own", "", "", "remount", "ro", "nosuid")
		r := b.Report("write", "/own/x", "x", "report")
		same(t, "writing", act(t, r, 0).Errno, "EROFS")
		same(t, "nosuid", mountAt(t, r.Process.Mountinfo, "/own").Has("nosuid"), true)
		m, _ := bed.At(bed.Mounts(readHost(t, "/proc/self/mountinfo")), b.In("own"))
		same(t, "the host's is read-only", m.Has("ro") || m.SuperHas("ro"), false)
	})
	t.Run("later mounts in what is made read-only", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/to", "tmpfs", "tmpfs")
		b.Mount("/to", "", "", "remount", "ro")
		b.Mount("/dev", "", "", "remount", "ro", "noexec")
		b.Mount("/to/deep/er", "tmpfs", "tmpfs")
		r := b.Report("write", "/to/x", "x", "write", "/to/deep/er/x", "x", "mkdir", "/dev/x", "openDevice", "/dev/null", "rw", "report")
		for i, want := range []string{"EROFS", "", "EROFS", ""} {
			same(t, strings.Join(act(t, r, i).Do, " "), act(t, r, i).Errno, want)
		}
		same(t, "/dev is nosuid and noexec", mountAt(t, r.Process.Mountinfo, "/dev").Has("nosuid") && mountAt(t, r.Process.Mountinfo, "/dev").Has("noexec"), true)
	})
	t.Run("how mounts spread", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Tmpfs(b.Path("source"))
		b.Mount("/to", "bind", b.Path("source"), "rbind", "rshared")
		b.Mount("/to", "", "", "remount", "rprivate")
		same(t, "propagation", len(mountAt(t, b.Process().Mountinfo, "/to").Propagation), 0)
	})
	t.Run("where nothing is mounted", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mkdir(b.In("plain"))
		b.Mount("/plain", "", "", "remount", "ro")
		b.Run("report").Fails("mounts[6]: remount /plain: nothing is mounted there")
		b.Spec.Mounts[6].Options[1] = "nosuid"
		b.Run("report").Fails("mounts[6]: remount /plain: nothing is mounted there")
		b.Spec.Mounts[6].Destination = "/missing"
		b.Run("report").Fails("mounts[6]: remount /missing: openat2: no such file or directory")
		if err := unix.Access(b.In("missing"), unix.F_OK); err == nil {
			t.Error("it was made")
		}
	})
	t.Run("not the filesystem of what is bound", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Bind(b.Tmpfs(b.Path("source")), "/to")
		b.Mount("/to", "tmpfs", "tmpfs", "remount", "size=4k")
		b.Run("report").Fails(`mounts[7].options: remount cannot set "size"`)
	})
}
