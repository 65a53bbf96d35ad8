package integration

import (
	"fmt"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

func TestMaskedPaths(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("dir/secret"), "secret")
	b.File(b.In("file"), "secret")
	b.Link("/file", b.In("link"))
	b.Link("/dir", b.In("dirlink"))
	b.File(b.In("target"), "secret")
	b.Link("../../../target", b.In("climb"))
	b.Fifo(b.In("fifo"))
	b.Capabilities("CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN")
	b.Spec.Linux.MaskedPaths = []string{"/dir", "/file", "/climb", "/fifo", "/proc/kcore", "/proc/keys", "/sys/firmware", "/no/such/thing", "/proc/keys"}
	r := b.Report("ls", "/dir", "mkdir", "/dir/x", "lstat", "/dir",
		"lstat", "/file", "read", "/file", "read", "/link", "write", "/file", "x",
		"read", "/target", "lstat", "/fifo", "read", "/proc/keys", "lstat", "/proc/keys", "ls", "/sys/firmware", "lstat", "/no",
		"ls", "/dirlink", "remount", "/dir", "report")
	same(t, "entries of a masked directory", len(act(t, r, 0).Names), 0)
	same(t, "mkdir in it", act(t, r, 1).Errno, "EROFS")
	same(t, "it", file(t, act(t, r, 2)).Type, "directory")
	f := file(t, act(t, r, 3))
	same(t, "a masked file", fmt.Sprintf("%s %d:%d", f.Type, f.Major, f.Minor), "char 1:3")
	for i, what := range map[int]string{4: "its text", 5: "its text through a link", 7: "the text of a link's target", 9: "/proc/keys"} {
		same(t, what, act(t, r, i).Text, "")
	}
	same(t, "a masked fifo", file(t, act(t, r, 8)).Type, "char")
	same(t, "/proc/keys", file(t, act(t, r, 10)).Type, "char")
	same(t, "entries of /sys/firmware", len(act(t, r, 11).Names), 0)
	same(t, "what does not exist", act(t, r, 12).Errno, "ENOENT")
	same(t, "entries of a masked directory through a link", len(act(t, r, 13).Names), 0)
	for _, path := range []string{"/dir", "/file", "/target", "/fifo", "/proc/keys"} {
		if m := mountAt(t, r.Process.Mountinfo, path); path != "/dir" && !m.Has("ro") {
			t.Errorf("the mask on %s is writable: %s", path, m.Options)
		}
	}
	keys := 0
	for _, m := range bed.Mounts(r.Process.Mountinfo) {
		if m.Point == "/proc/keys" {
			keys++
		}
	}
	same(t, "mounts on what is listed twice", keys, 1)
	if text := readHost(t, b.In("file")); text != "secret" {
		t.Errorf("the file in the rootfs is %q", text)
	}
}

func TestMaskedPathsUnprivileged(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("dir/secret"), "secret")
	b.Spec.Process.User.UID = 1000
	b.Spec.Linux.MaskedPaths = []string{"/dir", "/proc/keys"}
	r := b.Report("ls", "/dir", "read", "/proc/keys")
	same(t, "a masked directory", act(t, r, 0).Errno+fmt.Sprint(act(t, r, 0).Names), "[]")
	same(t, "a masked file", act(t, r, 1).Errno+act(t, r, 1).Text, "")
}

func TestReadonlyPaths(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("dir/file"), "text")
	b.File(b.In("file"), "text")
	b.Link("/dir", b.In("link"))
	b.Mount("/dir/mnt", "tmpfs", "tmpfs")
	b.Capabilities("CAP_DAC_OVERRIDE")
	b.Spec.Linux.ReadonlyPaths = []string{"/link", "/file", "/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/no/such/thing"}
	r := b.Report("read", "/dir/file", "set", "/dir/file", "x", "mkdir", "/dir/x", "set", "/file", "x",
		"set", "/proc/sys/kernel/domainname", "x", "set", "/proc/sys/kernel/core_pattern", "x", "write", "/dir/mnt/x", "x", "report")
	same(t, "reading", act(t, r, 0).Text, "text")
	for i := 1; i <= 5; i++ {
		same(t, fmt.Sprint(act(t, r, i).Do), act(t, r, i).Errno, "EROFS")
	}
	same(t, "a mount below", act(t, r, 6).Errno, "")
	for _, path := range []string{"/dir", "/file", "/proc/sys", "/proc/irq"} {
		if m := mountAt(t, r.Process.Mountinfo, path); !m.Has("ro") {
			t.Errorf("%s has %s", path, m.Options)
		}
	}
	if m := mountAt(t, r.Process.Mountinfo, "/proc"); m.Has("ro") {
		t.Error("all of /proc is read-only")
	}
}

// TestReadonlyMounts: a path that is a mount, or leads to the root.
func TestReadonlyMounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, path, point string }{
		{"the root", "/", "/"}, {"a link to the root", "/link", "/"}, {"a link that climbs to it", "/dir/climb", "/"},
		{"a mount", "/mnt", "/mnt"}, {"a link to a mount", "/dir/mnt", "/mnt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.File(b.In("dir/file"), "text")
			b.File(b.In("dir/secret"), "secret")
			b.Link("/", b.In("link"))
			b.Link("../../..", b.In("dir/climb"))
			b.Link("/mnt", b.In("dir/mnt"))
			b.Mount("/mnt", "tmpfs", "tmpfs")
			b.Spec.Linux.ReadonlyPaths = []string{c.path, "/proc/sys"}
			b.Spec.Linux.MaskedPaths = []string{"/dir/secret"}
			r := b.Report("set", "/dir/file", "x", "mkdir", "/x", "write", "/mnt/x", "x", "read", "/dir/secret", "report")
			root, mnt := "EROFS", ""
			if c.point != "/" {
				root, mnt = "", "EROFS"
			}
			same(t, "writing a file", act(t, r, 0).Errno, root)
			same(t, "making a directory", act(t, r, 1).Errno, root)
			same(t, "writing into the mount", act(t, r, 2).Errno, mnt)
			same(t, "what is masked", act(t, r, 3).Text, "")
			same(t, "read-only in mountinfo", mountAt(t, r.Process.Mountinfo, c.point).Has("ro"), true)
			if m, _ := bed.At(bed.Mounts(readHost(t, "/proc/self/mountinfo")), b.Rootfs); m.Has("ro") {
				t.Error("the host's rootfs is read-only")
			}
		})
	}
}

// TestReadonlyAndMasked: what is masked inside what is read-only stays masked.
func TestReadonlyAndMasked(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.In("dir/secret"), "secret")
	b.Spec.Linux.ReadonlyPaths = []string{"/dir"}
	b.Spec.Linux.MaskedPaths = []string{"/dir/secret"}
	r := b.Report("read", "/dir/secret", "write", "/dir/x", "x")
	same(t, "the masked file", act(t, r, 0).Text, "")
	same(t, "writing", act(t, r, 1).Errno, "EROFS")
}

func TestPathsNeedAMountNamespace(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Namespaces("pid")
	b.Spec.Linux.MaskedPaths = []string{"/proc/keys"}
	b.Run("report").Fails("without a private MNT namespace")
}
