package hostile

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestConsoleObjects puts every kind of object at every place where the runtime
// goes for a terminal (CVE-2025-52565, 2026-88264 and their like).
func TestConsoleObjects(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"dev", "dev/console", "dev/ptmx", "dev/pts", "dev/pts/ptmx", "dev/pts/0", "dev/tty"} {
		for _, o := range objects() {
			t.Run(path+": "+o.name, func(t *testing.T) {
				t.Parallel()
				for _, without := range [][]string{{"/dev", "/dev/shm", "/dev/mqueue"}, {"/dev", "/dev/pts", "/dev/shm", "/dev/mqueue"}} {
					a := newAttack(t)
					a.Unmount(without...)
					a.File(a.Path("outside"), "outside")
					o.put(a, a.In(path))
					a.Spec.Process.Terminal = true
					at := "/" + path
					r := a.run("terminal", "write", at, "x\n", "chmod", at, "777", "write", "/dev/console", "x\n")
					if r != nil && !slices.Contains(without, "/dev/pts") {
						terminalIsOwn(t, r.Acts[1])
					}
					if text, err := os.ReadFile(a.Path("outside")); err != nil || o.name != "a hard link to a file outside" && string(text) != "outside" {
						t.Errorf("the file outside is %q, %v", text, err)
					}
				}
			})
		}
	}
}

func terminalIsOwn(t *testing.T, a act) {
	t.Helper()
	w := a.Terminal
	if w == nil || w.Is != [3]bool{true, true, true} || !w.Same || !w.Controls || !w.Console || a.File.Major != 136 {
		t.Errorf("the terminal is %+v, %+v", w, a.File)
	}
}

// TestForeignTerminals has something else than a devpts where terminals are made,
// or something else than the kernel's own ptmx in it. Vial opens none of it: a
// fifo would block, a device would do something.
func TestForeignTerminals(t *testing.T) {
	t.Parallel()
	const refused = "no devpts is mounted there"
	for _, c := range []struct {
		name, want string
		prepare    func(a *attack)
	}{
		{"a directory with a fifo", refused, func(a *attack) { a.Fifo(a.Path("pts/ptmx")) }},
		{"a directory with a file", refused, func(a *attack) { a.File(a.Path("pts/ptmx"), "file") }},
		{"a directory with a link", refused, func(a *attack) { a.Link(a.decoy.path("ptmx"), a.Path("pts/ptmx")) }},
		{"a directory with a link to the host's", refused, func(a *attack) { a.Link("/dev/ptmx", a.Path("pts/ptmx")) }},
		{"a directory with ptmx", refused, func(a *attack) { node(unix.S_IFCHR, unix.Mkdev(5, 2))(a, a.Path("pts/ptmx")) }},
		{"a directory with a device", refused, func(a *attack) { node(unix.S_IFCHR, unix.Mkdev(1, 5))(a, a.Path("pts/ptmx")) }},
		{"an empty directory", refused, func(a *attack) { a.Mkdir(a.Path("pts")) }},
		{"a file", "not a directory", func(a *attack) { a.File(a.Path("pts"), "file") }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			c.prepare(a)
			a.Unmount("/dev/pts")
			a.Bind(a.Path("pts"), "/dev/pts")
			a.Spec.Process.Terminal = true
			a.refused("process.terminal: make a terminal in /dev/pts: ", c.want)
		})
	}
	t.Run("a bind mount over ptmx", func(t *testing.T) {
		t.Parallel()
		for _, over := range []string{"fifo", "ptmx"} {
			a := newAttack(t)
			a.Bind(a.decoy.path(over), "/dev/pts/ptmx")
			a.Spec.Process.Terminal = true
			a.refused("process.terminal: make a terminal in /dev/pts: openat2: invalid cross-device link")
		}
	})
	t.Run("a bind mount of another terminal over /dev/console", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		own := a.Terminal(24, 80)
		a.Stdio, a.Attributes = nil, nil
		a.Bind(own.Device.Name(), "/dev/console")
		a.Stdio = map[int]*os.File{0: own.Device}
		a.Spec.Process.Terminal = true
		r := a.Run("write", "/dev/console", "to the console")
		if !strings.Contains(r.Stdout, "to the console") || strings.Contains(own.Seen(), "to the console") {
			t.Errorf("vial's output is %q, and the other terminal shows %q: %s", r.Stdout, own.Seen(), r.Stderr)
		}
	})
}

// TestExecForeignTerminals has a container that may mount make ready for an exec
// with a terminal.
func TestExecForeignTerminals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		acts []string
		want string // in the error; nothing if the terminal is good
	}{
		{"a tmpfs with a fifo", []string{"mount", "tmpfs", "/dev/pts", "mknod", "/dev/pts/ptmx", "p", "0", "0"}, "no devpts is mounted there"},
		{"a tmpfs with a device", []string{"mount", "tmpfs", "/dev/pts", "mknod", "/dev/pts/ptmx", "c", "1", "5"}, "no devpts is mounted there"},
		{"a tmpfs with ptmx", []string{"mount", "tmpfs", "/dev/pts", "mknod", "/dev/pts/ptmx", "c", "5", "2"}, "no devpts is mounted there"},
		{"a tmpfs with a link", []string{"mount", "tmpfs", "/dev/pts", "symlink", "/proc/1/root/dev/ptmx", "/dev/pts/ptmx"}, "no devpts is mounted there"},
		{"nothing", []string{"umount", "/dev/pts"}, "no devpts is mounted there"},
		{"proc", []string{"mount", "proc", "/dev/pts"}, "no devpts is mounted there"},
		{"a null device over ptmx", []string{"bind", "/dev/null", "/dev/pts/ptmx"}, "openat2: invalid cross-device link"},
		{"its own devpts", []string{"mount", "devpts", "/dev/pts"}, ""},
		{"a link for /dev/ptmx", []string{"unlink", "/dev/ptmx", "symlink", "/dev/null", "/dev/ptmx"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Capabilities("CAP_SYS_ADMIN", "CAP_MKNOD", "CAP_DAC_OVERRIDE")
			b.Spec.Process.User = specs.User{}
			b.Created(append(c.acts, "write", "/dev/shm/ready", "x", "sleep")...)
			b.Vial("start", b.ID).OK()
			b.Until("the container is ready", func() bool {
				return b.Vial("exec", b.ID, "/probe", "stat", "/dev/shm/ready").OK().Report().Acts[0].Errno == ""
			})
			for _, a := range b.Parse(b.Output()).Acts {
				if a.Errno != "" {
					t.Errorf("the attack itself: %v: %s", a.Do, a.Errno)
				}
			}
			r := b.Vial("exec", "--tty", b.ID, "/probe", "terminal")
			if c.want == "" {
				goodTerminal(t, r)
			} else if r.Status != 255 || !strings.Contains(r.Stderr, c.want) {
				t.Errorf("status %d, %q; want %q", r.Status, r.Stderr, c.want)
			}
		})
	}
}

func goodTerminal(t *testing.T, r *bed.Result) {
	t.Helper()
	got := r.OK().Report().Acts[0]
	if w := got.Terminal; w == nil || w.Is != [3]bool{true, true, true} || !w.Same || !w.Controls || got.File.Major != 136 {
		t.Errorf("the terminal is %+v, %+v", w, got.File)
	}
}

// TestEvilTerminals has a container mount something over the name of the terminal
// that it has, and of the one that comes next, which is another's by then.
func TestEvilTerminals(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
	b.Spec.Process.Terminal = true
	b.Spec.Process.Args = []string{"/probe", "bind", "/probe", "/dev/pts/0", "bind", "/dev/null", "/dev/console", "write", "/dev/shm/ready", "x", "sleep"}
	socket := b.Listen(b.Path("socket"))
	b.Listing()
	b.Vial("run", "--detach", "--bundle", b.Dir, "--console-socket", socket.Path, "--pid-file", b.Path("pid"), b.ID).OK()
	b.Adopt(b.Path("pid"))
	_, f := socket.Receive()
	console := b.Console(f)
	b.Until("the attacker is ready", func() bool { return strings.HasSuffix(console.Seen(), "}\r\n") })
	for _, a := range b.Parse(console.Seen()).Acts {
		if a.Errno != "" {
			t.Errorf("the attack itself: %v: %s", a.Do, a.Errno)
		}
	}
	goodTerminal(t, b.Vial("exec", "--tty", b.ID, "/probe", "terminal"))
}
