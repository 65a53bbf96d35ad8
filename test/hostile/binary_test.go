package hostile

import (
	"debug/elf"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestHostBinary is after the runtime's own file through /proc/self/exe
// (CVE-2019-5736): what the container's first process is before it becomes the
// user's must not be a file of the host's.
func TestHostBinary(t *testing.T) {
	t.Parallel()
	t.Run("a script for /proc/self/exe", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Program(a.In("bin/sh"), []byte("#!/proc/self/exe\n"))
		a.Spec.Process.Args = []string{"/bin/sh"}
		a.imageAgain()
	})
	for _, args0 := range []string{"/proc/self/exe", "/proc/1/exe", "/proc/thread-self/exe", "/link"} {
		t.Run(args0, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Link("/proc/self/exe", a.In("link"))
			a.Spec.Process.Args = []string{args0}
			a.imageAgain()
		})
	}
	t.Run("the waiting process", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.sealed(a.Created("report", "open", "/proc/self/exe", "w"))
		r := a.Started()
		if r.Process.Exe != "/probe" {
			t.Errorf("/proc/self/exe is %s", r.Process.Exe)
		}
		a.decoy.unchanged()
	})
	t.Run("no trace of it in the user's process", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		for _, act := range a.run("mapped", "memfd", "mapped", "vial").Acts {
			if act.Do[0] == "mapped" && len(act.Names) > 0 {
				t.Errorf("mapped are %q", act.Names)
			}
		}
	})
}

// imageAgain runs what leads back to the runtime's image: that may end in any
// way, as long as it ends and has had no effect.
func (a *attack) imageAgain() {
	a.T.Helper()
	r := a.RunSpec()
	if r.Status == 0 || r.Stdout != "" {
		a.T.Errorf("status %d: %s", r.Status, r.Stdout)
	}
	a.decoy.unchanged()
}

// sealed sees to it that the file of a process can never be changed.
func (a *attack) sealed(pid int) {
	a.T.Helper()
	exe := fmt.Sprintf("/proc/%d/exe", pid)
	target, err := os.Readlink(exe)
	a.Must(err)
	if !strings.HasPrefix(target, "/memfd:") {
		a.T.Errorf("the waiting process's file is %s, want a memfd", target)
	}
	var image, vial unix.Stat_t
	a.Must(unix.Stat(exe, &image))
	a.Must(unix.Stat(bed.Vial(), &vial))
	if image.Ino == vial.Ino && image.Dev == vial.Dev {
		a.T.Error("it is the host's binary")
	}
	fd, err := unix.Open(exe, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	a.Must(err)
	defer unix.Close(fd)
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	a.Must(err)
	const want = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if seals&want != want {
		a.T.Errorf("its seals are %#x, want %#x", seals, want)
	}
	for name, flags := range map[string]int{"write": unix.O_WRONLY, "truncate": unix.O_WRONLY | unix.O_TRUNC, "read and write": unix.O_RDWR} {
		if again, err := unix.Open(exe, flags|unix.O_CLOEXEC, 0); err == nil {
			_, err := unix.Write(again, []byte("x"))
			unix.Close(again)
			if err == nil {
				a.T.Errorf("it can be opened to %s, and be written", name)
			}
		}
	}
}

// TestStatic: nothing that an image holds is ever loaded into vial, and what a
// caller's environment says to the Go runtime or the loader does not get inside
// (CVE-2019-14271).
func TestStatic(t *testing.T) {
	t.Parallel()
	f, err := elf.Open(bed.Vial())
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("vial is not static: it has a segment %v", p.Type)
		}
	}
	a := newAttack(t)
	for _, path := range []string{"lib/libnss_files.so.2", "lib64/libnss_files.so.2", "etc/ld.so.preload", "etc/nsswitch.conf", "etc/passwd", "etc/group"} {
		a.File(a.In(path), "junk "+a.decoy.path("file"))
	}
	a.Env = append(a.Env, "LD_PRELOAD="+a.decoy.path("file"), "GODEBUG=gctrace=1", "GOTRACEBACK=crash")
	a.Spec.Process.Env = []string{"PATH=/", "LD_PRELOAD=" + a.decoy.path("file"), "GODEBUG=inittrace=1", "GOTRACEBACK=crash", "HOME=/"}
	if out := a.run(); out == nil || strings.Join(out.Process.Env, " ") != strings.Join(a.Spec.Process.Env, " ") {
		t.Errorf("the environment is not what was asked for: %+v", out)
	}
}
