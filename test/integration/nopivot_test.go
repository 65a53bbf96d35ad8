package integration

import (
	"slices"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// noPivot runs the container with its root moved, not swapped.
func noPivot(b *bed.Bundle, acts ...string) *bed.Result {
	b.T.Helper()
	b.Write(acts...)
	r := b.Vial("run", "--no-pivot", "--bundle", b.Dir, b.ID)
	b.NothingLeft()
	return r
}

// TestNoPivot: a container whose root was moved over the host's sees what any
// other does.
func TestNoPivot(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Root.Readonly = true
	b.Spec.Linux.MaskedPaths = []string{"/proc/kcore", "/sys/firmware"}
	b.Spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
	b.Mount("/dev/again", "proc", "proc")
	want, r := b.Report("report", "write", "/x", "", "open", "/proc/sys/kernel/hostname", "w"), noPivot(b, "report", "write", "/x", "", "open", "/proc/sys/kernel/hostname", "w").Report()
	same(t, "mounts", places(r.Process.Mountinfo), places(want.Process.Mountinfo))
	same(t, "where it is", r.Process.Cwd, "/")
	same(t, "write to the root", act(t, r, 0).Errno, "EROFS")
	same(t, "write to a read-only path", act(t, r, 1).Errno, "EROFS")
}

// places are where mounts are, of what type and how, as a process sees them.
func places(mountinfo string) string {
	var lines []string
	for _, m := range bed.Mounts(mountinfo) {
		lines = append(lines, m.Point+" "+m.Type+" "+m.Options)
	}
	return strings.Join(lines, "\n")
}

// TestNoPivotStart: the same with create, start and exec.
func TestNoPivotStart(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Write("sleep")
	b.Vial("create", "--no-pivot", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID).OK()
	b.Adopt(b.Path("pid"))
	b.Vial("start", b.ID).OK()
	r := b.Vial("exec", b.ID, "/probe", "report", "ls", "/").OK().Report()
	if names := act(t, r, 0).Names; !slices.Contains(names, "probe") {
		t.Errorf("the root holds %q", names)
	}
	if strings.Contains(r.Process.Mountinfo, b.Rootfs) {
		t.Errorf("mounts of the host are in sight:\n%s", r.Process.Mountinfo)
	}
}

// TestNoPivotEscape: who may change its root leaves the one that it has, and is
// in the same: the host's is below it, with nothing mounted on it any more.
func TestNoPivotEscape(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Capabilities("CAP_SYS_CHROOT", "CAP_SYS_ADMIN", "CAP_DAC_READ_SEARCH")
	b.File(b.Path("secret"), "the host's")
	r := noPivot(b, "mkdir", "/sub", "chroot", "/sub", "ls", "../../..", "read", "../../../.."+b.Path("secret"), "umount", "../..",
		"ls", "../..", "read", "../../../.."+b.Path("secret")).Report()
	same(t, "chroot", act(t, r, 1).Errno, "")
	if names := act(t, r, 2).Names; !slices.Contains(names, "probe") {
		t.Errorf("the way up leads to %q", names)
	}
	same(t, "a file of the host", act(t, r, 3).Errno, "ENOENT")
	same(t, "a file of the host, without the root", act(t, r, 6).Errno, "ENOENT")
}

// TestNoPivotPropagation: nothing that is done to the host's mounts in the
// container's namespace reaches the host.
func TestNoPivotPropagation(t *testing.T) {
	t.Parallel()
	for _, propagation := range []string{"shared", "rshared", "slave", "unbindable"} {
		t.Run(propagation, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Linux.RootfsPropagation = propagation
			noPivot(b, "report").Report()
			host := bed.Mounts(readHost(t, "/proc/self/mountinfo"))
			if !slices.ContainsFunc(host, func(m bed.Mount) bool { return m.Point == "/proc" && m.Type == "proc" }) {
				t.Error("the host has lost its /proc")
			}
		})
	}
	for _, propagation := range []string{"private", "rprivate"} {
		b := bed.New(t)
		b.Spec.Linux.RootfsPropagation = propagation
		noPivot(b, "report").Fails("linux.rootfsPropagation: rootfsPropagation of [r]private is not safe without pivot_root")
	}
}
