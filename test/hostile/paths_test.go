package hostile

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestCwdTricks leaks descriptors of the host's into vial and names them as the
// working directory or the program (CVE-2024-21626).
func TestCwdTricks(t *testing.T) {
	t.Parallel()
	for _, form := range []string{
		"/proc/self/fd/%d", "/proc/self/fd/%d/../..", "/proc/thread-self/fd/%d", "/proc/1/fd/%d", "/dev/fd/%d", "/w/%d",
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 20, 100, 128} {
				a := newAttack(t)
				a.leak()
				a.Link(fmt.Sprintf("/proc/self/fd/%d/../../..", n), a.In(fmt.Sprintf("w/%d", n)))
				a.Spec.Process.Cwd = fmt.Sprintf(form, n)
				r := a.run("stat", ".", "ls", ".", "read", "canary", "read", "../decoy/canary")
				if r == nil {
					continue
				}
				if r.Process.Cwd == "" || strings.HasPrefix(r.Process.Cwd, "(") {
					t.Errorf("%s is outside of the container", a.Spec.Process.Cwd)
				}
				a.onlyThree(r.Process.Descriptors)
			}
		})
	}
	for _, form := range []string{"/proc/self/fd/%d/probe", "/proc/self/fd/%d/../bin/true", "/dev/fd/%d/bin/sh", "/proc/self/fd/%d"} {
		t.Run("args "+form, func(t *testing.T) {
			t.Parallel()
			for _, n := range []int{3, 7, 10, 100} {
				a := newAttack(t)
				a.leak()
				a.Spec.Process.Args = []string{fmt.Sprintf(form, n)}
				a.RunSpec().Fails("process.args[0]: exec")
				a.decoy.unchanged()
			}
		})
	}
}

// leak has vial inherit the host's root and the decoy.
func (a *attack) leak() {
	a.T.Helper()
	a.Stdio = map[int]*os.File{}
	for i, fd := range []int{3, 5, 7, 10, 100} {
		dir := []string{"/", a.decoy.dir}[i%2]
		raw, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		a.Must(err)
		f := os.NewFile(uintptr(raw), dir)
		a.T.Cleanup(func() { f.Close() })
		a.Stdio[fd] = f
	}
}

func (a *attack) onlyThree(descriptors map[int]string) {
	a.T.Helper()
	for fd, target := range descriptors {
		if fd > 2 {
			a.T.Errorf("descriptor %d is open on %s", fd, target)
		}
	}
}

// defaultMasks are those that engines ask for.
var defaultMasks = []string{
	"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
	"/proc/timer_stats", "/proc/sched_debug", "/sys/firmware", "/proc/scsi",
}

// TestMaskSources has the attacker own /dev, and with it what other runtimes
// mask with (CVE-2025-31133, 2025-62161).
func TestMaskSources(t *testing.T) {
	t.Parallel()
	nulls := objects()
	nulls = append(nulls, object{"nothing", func(*attack, string) {}}, object{"a link to core_pattern", link(func(*attack) string { return "/proc/sys/kernel/core_pattern" })})
	for _, dev := range []string{"bound", "rootfs"} {
		for _, o := range nulls {
			t.Run(dev+": /dev/null is "+o.name, func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				a.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
				a.File(a.Path("outside"), "")
				at := a.In("dev/null")
				if dev == "bound" {
					at = a.Path("given-dev/null")
					a.Bind(a.Mkdir(a.Path("given-dev")), "/dev")
				}
				o.put(a, at)
				a.File(a.In("secret/file"), "x")
				a.File(a.In("secretfile"), "x")
				a.Link("/secretfile", a.In("secretlink"))
				a.Spec.Linux.MaskedPaths = append([]string{"/secret", "/secretfile", "/secretlink", "/secretfile", "/no/such", "/proc/self/../kcore"}, defaultMasks...)
				var acts []string
				for _, path := range a.Spec.Linux.MaskedPaths {
					acts = append(acts, "stat", path, "ls", path)
				}
				if r := a.run(acts...); r != nil {
					a.covered(r.Acts[len(r.Acts)-len(acts)/2:])
				}
			})
		}
	}
}

// covered checks a stat and an ls of each masked path.
func (a *attack) covered(acts []act) {
	a.T.Helper()
	for i := 0; i < len(acts); i += 2 {
		f, path := acts[i].File, acts[i].Do[1]
		switch {
		case acts[i].Errno == "ENOENT":
			if strings.HasPrefix(path, "/secret") {
				a.T.Errorf("%s is gone", path)
			}
		case f == nil:
			a.T.Errorf("%s: %s", path, acts[i].Errno)
		case f.Type == "directory":
			if len(acts[i+1].Names) > 0 || f.Flags&unix.ST_RDONLY == 0 || f.Filesystem != unix.TMPFS_MAGIC {
				a.T.Errorf("%s is not masked: %+v %v", path, *f, acts[i+1].Names)
			}
		case f.Type != "char" || f.Major != 1 || f.Minor != 3 || f.Flags&unix.ST_RDONLY == 0:
			a.T.Errorf("%s is not masked: %+v", path, *f)
		}
	}
}

// TestDevLinks makes /dev, and what lies in it, lead out of the rootfs, with and
// without mounts (CVE-2026-41579, 2026-47766).
func TestDevLinks(t *testing.T) {
	t.Parallel()
	links := map[string]func(a *attack) string{
		"absolute": func(a *attack) string { return a.decoy.dir },
		"relative": func(a *attack) string { return strings.Repeat("../", 20) + a.decoy.dir },
		"root":     func(*attack) string { return "/" },
		"itself":   func(*attack) string { return "." },
		"dev":      func(*attack) string { return "/dev" },
		"given":    func(*attack) string { return "/given" },
	}
	for name, to := range links {
		for _, mounts := range []string{"none", "tmpfs", "bind"} {
			t.Run(name+", mounts: "+mounts, func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				a.Link(to(a), a.In("dev"))
				switch mounts {
				case "none":
					a.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
				case "bind":
					a.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
					a.Bind(a.Mkdir(a.Path("given-dev")), "/dev")
				}
				// The decoy itself is given to the container, read-only, at /given.
				a.Bind(a.decoy.dir, "/given", "ro")
				a.Spec.Linux.MaskedPaths = []string{"/given/canary"}
				a.run()
				b := newAttack(t)
				b.Link(to(b), b.In("dev"))
				b.decoyCreate()
			})
		}
	}
}

// decoyCreate creates and deletes the container, which may fail.
func (a *attack) decoyCreate() {
	a.T.Helper()
	a.Create("report")
	a.Vial("delete", "--force", a.ID).OK()
	a.NothingLeft()
	a.decoy.unchanged()
}

// TestStdioNull has the image's /dev/null lead to a file of the host's, with all
// sorts of standard descriptors (CVE-2026-88265).
func TestStdioNull(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"null", "pipe", "file", "socket", "closed"} {
		for _, uid := range []uint32{0, 1000} {
			t.Run(fmt.Sprintf("%s, uid %d", kind, uid), func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				a.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
				a.Bind(a.decoy.dir, "/given")
				a.Spec.Linux.MaskedPaths = []string{"/given/canary"}
				a.Link("/given/file", a.In("dev/null"))
				a.Spec.Process.User.UID = uid
				a.stdin(kind)
				r := a.run("stat", "/proc/self/fd/0")
				if r == nil {
					t.Fatal("refused: devices are bound over whatever is there")
				}
				if f := last(r).File; f != nil && kind == "null" && (f.Type != "char" || f.Major != 1 || f.Minor != 3) {
					t.Errorf("standard input is %+v", f)
				}
			})
		}
	}
}

func (a *attack) stdin(kind string) {
	a.T.Helper()
	a.Stdio = map[int]*os.File{}
	switch kind {
	case "pipe":
		in, out, err := os.Pipe()
		a.Must(err)
		out.Close()
		a.T.Cleanup(func() { in.Close() })
		a.Stdio[0] = in
	case "file":
		f, err := os.Open(a.File(a.Path("stdin"), "text"))
		a.Must(err)
		a.T.Cleanup(func() { f.Close() })
		a.Stdio[0] = f
	case "socket":
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		a.Must(err)
		unix.Close(pair[1])
		f := os.NewFile(uintptr(pair[0]), "socket")
		a.T.Cleanup(func() { f.Close() })
		a.Stdio[0] = f
	case "closed":
		a.Stdio[0] = nil
	}
}

// TestTerminalInjection gives the process a terminal of the caller's as standard
// input, and has it push characters into it (CVE-2017-5226).
func TestTerminalInjection(t *testing.T) {
	t.Parallel()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		bed.Skip(t, "no terminals here: "+err.Error())
	}
	defer master.Close()
	a := newAttack(t)
	a.Must(unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	a.Must(err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	a.Must(err)
	defer slave.Close()
	a.Stdio = map[int]*os.File{0: slave}
	// It is vial's controlling terminal: without a session of its own the
	// process would have it too.
	a.Attributes = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	r := a.run("tiocsti", "0")
	if r.Process.Terminal || last(r).Errno == "" {
		t.Errorf("terminal %v, TIOCSTI: %q", r.Process.Terminal, last(r).Errno)
	}
}
