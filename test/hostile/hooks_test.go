package hostile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// inContainer is a startContainer hook: its program is the image author's.
func (a *attack) inContainer(path string, args ...string) {
	a.Spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: path, Args: append([]string{"hook"}, args...)}}}
}

// before is a createContainer hook that is the probe, with acts that all have to
// work: it plays another container that shares the rootfs and swaps things once
// vial has made its mounts.
func (a *attack) before(acts ...string) {
	args := append([]string{"probe", "strict"}, acts...)
	a.Spec.Hooks = &specs.Hooks{CreateContainer: []specs.Hook{{Path: bed.Probe(), Args: args}}}
}

// TestHookPathOfTheImage makes the path of a startContainer hook a link that
// leads to a program of the host's, or to the runtime itself.
func TestHookPathOfTheImage(t *testing.T) {
	t.Parallel()
	for name, target := range map[string]func(a *attack) string{
		"an absolute link":         func(a *attack) string { return a.Path("program") },
		"a link with many ..":      func(a *attack) string { return strings.Repeat("../", 30) + a.Path("program")[1:] },
		"the root of the first":    func(a *attack) string { return "/proc/1/root" + a.Path("program") },
		"the directory of itself":  func(a *attack) string { return "/proc/self/cwd" + a.Path("program") },
		"a descriptor":             func(a *attack) string { return "/proc/self/fd/3" },
		"the runtime":              func(*attack) string { return "/proc/self/exe" },
		"the runtime of the first": func(*attack) string { return "/proc/1/exe" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Program(a.Path("program"), []byte("#!/probe write\n")) // that the host's kernel would find in the container
			a.Link(target(a), a.In("hook"))
			a.inContainer("/hook", "write", "/been", "here")
			r := a.Run("print", "it runs")
			a.decoy.unchanged()
			r.Fails("error running startContainer hook #0: ")
			if _, err := os.Lstat(a.In("been")); err == nil {
				t.Error("something was executed")
			}
		})
	}
}

// TestHookGetsNothingOfTheHost leaks directories of the host to vial, at create
// and at start, and looks for them in a startContainer hook (CVE-2024-21626).
func TestHookGetsNothingOfTheHost(t *testing.T) {
	t.Parallel()
	host, err := os.Open("/")
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	for _, cwd := range []string{"/", "/proc/self/fd/7", "/proc/self/fd/3"} {
		a := newAttack(t)
		a.leak()
		a.Stdio[3], a.Stdio[7], a.Stdio[10] = host, host, host
		a.Env = append(a.Env, "CALLERS=1")
		a.Spec.Process.Cwd = cwd
		a.Spec.Process.Env = append(a.Spec.Process.Env, "OWN=1")
		a.inContainer("/probe", "report", "hunt", a.decoy.path("canary")+"="+a.decoy.secret[:16], "mount", "tmpfs", "/", "chroot", "/")
		r := a.Create("sleep")
		if cwd != "/" {
			r.Fails("process.cwd: ")
			continue
		}
		r = a.Vial("start", a.ID).OK()
		a.decoy.unchanged()
		if strings.Contains(r.Stdout, a.decoy.secret) {
			t.Error("the secret is out")
		}
		out := r.Report()
		if len(out.Acts[0].Names) > 0 || len(out.Process.Descriptors) != 3 {
			t.Errorf("found %v, descriptors %v", out.Acts[0].Names, out.Process.Descriptors)
		}
		if c := out.Process.Capabilities; c.Effective|c.Permitted|c.Inheritable|c.Bounding|c.Ambient != 0 {
			t.Errorf("it has capabilities: %+v", c)
		}
		for _, act := range out.Acts[1:] {
			if act.Errno != "EPERM" {
				t.Errorf("%v: %q, want EPERM", act.Do, act.Errno)
			}
		}
		if env := fmt.Sprint(out.Process.Env); strings.Contains(env, "CALLERS") || !strings.Contains(env, "OWN=1") {
			t.Errorf("its environment is %s", env)
		}
		if out.Process.Terminal || out.Process.Session != out.Process.Pid {
			t.Errorf("it is in session %d, terminal %t", out.Process.Session, out.Process.Terminal)
		}
	}
}

// TestSwappedAfterMounts swaps what vial has mounted before it masks, and writes
// through it (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881).
func TestSwappedAfterMounts(t *testing.T) {
	t.Parallel()
	t.Run("the null device", func(t *testing.T) {
		t.Parallel()
		for _, swap := range [][]string{
			{"symlink", "CANARY", "dev/null"}, {"write", "dev/null", "text"}, {"mkdir", "dev/null"},
			{"mknod", "dev/null", "p", "0", "0"}, {"mknod", "dev/null", "c", "1", "5"}, nil,
		} {
			a := newAttack(t)
			a.File(a.In("masked"), "of the image")
			a.Spec.Linux.MaskedPaths = []string{"/masked"}
			if len(swap) > 1 && swap[1] == "CANARY" {
				swap[1] = a.decoy.path("canary")
			}
			a.before(append([]string{"unlink", "dev/null"}, swap...)...)
			r := a.run("stat", "/masked")
			if r == nil {
				continue
			}
			if f := last(r).File; f == nil || f.Type != "char" || f.Major != 1 || f.Minor != 3 {
				t.Errorf("%s: the masked file is %+v", swap, f)
			}
		}
	})
	t.Run("a file of procfs", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Spec.Linux.Sysctl = map[string]string{"kernel.shm_rmid_forced": "1"}
		a.before("bind", "proc/sys/kernel/domainname", "proc/sys/kernel/shm_rmid_forced")
		a.Spec.Linux.MaskedPaths = nil
		r := a.Run("umount", "/proc/sys/kernel/shm_rmid_forced", "read", "/proc/sys/kernel/domainname")
		a.decoy.unchanged()
		if got := strings.TrimSpace(last(r.Report()).Text); got != "(none)" && got != "" {
			t.Errorf("the sysctl went into domainname: %q", got)
		}
	})
	t.Run("a read-only path", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Mkdir(a.In("kept"))
		a.Spec.Linux.ReadonlyPaths = []string{"/kept"}
		a.before("rmdir", "kept", "symlink", a.decoy.dir, "kept")
		if r := a.run("write", "/kept/canary", "x"); r != nil && last(r).Errno == "" {
			t.Errorf("it can be written: %+v", last(r))
		}
	})
}

// TestHookMountsStayInside is the other side: a createContainer hook is the
// host's program, and what it mounts stays in the container.
func TestHookMountsStayInside(t *testing.T) {
	t.Parallel()
	a := newAttack(t)
	a.Mkdir(a.In("given"))
	outside := a.Mkdir(a.Path("mnt"))
	a.before("mount", "tmpfs", outside, "bind", a.decoy.dir, "given")
	r := a.Run("stat", "/given/canary")
	if last(r.Report()).Errno != "" {
		t.Errorf("the mount is not there: %+v", last(r.Report()))
	}
	a.decoy.unchanged()
	for _, m := range bed.Mounts(a.text("/proc/self/mountinfo")) {
		if m.Point == outside {
			t.Errorf("it is on the host: %+v", m)
			_ = unix.Unmount(outside, unix.MNT_DETACH)
		}
	}
}
