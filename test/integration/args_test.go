package integration

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// place puts the probe into the rootfs once more.
func place(b *bed.Bundle, path string) {
	b.Mkdir(filepath.Dir(b.In(path)))
	b.Must(os.Link(bed.Probe(), b.In(path)))
}

func TestArgs(t *testing.T) {
	t.Parallel()
	t.Run("reach the process as they are", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		args := []string{"/probe", "print", "a b\tc\"$HOME", "print", "", "print", "é\x01", "report"}
		b.Spec.Process.Args = args
		got := b.RunSpec().Report().Process.Args
		if !slices.Equal(got, args) {
			t.Errorf("args are %q, want %q", got, args)
		}
	})
	for _, c := range []struct{ name, at, args0, cwd, exe string }{
		{"a path from the root", "opt/x/tool", "/opt/x/tool", "/", "/opt/x/tool"},
		{"a path from the working directory", "opt/x/tool", "./x/tool", "/opt", "/opt/x/tool"},
		{"PATH, first match", "a/tool", "tool", "/", "/a/tool"},
		{"PATH, a later entry", "b/tool", "tool", "/", "/b/tool"},
		{"PATH, an empty entry is the working directory", "home/tool", "tool", "/home", "/home/tool"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			place(b, c.at)
			b.Spec.Process.Env = []string{"PATH=/a:/nowhere:/b:", "HOME=/"}
			b.Spec.Process.Cwd = c.cwd
			b.Spec.Process.Args = []string{c.args0, "report"}
			p := b.RunSpec().Report().Process
			same(t, "the executable", p.Exe, c.exe)
			same(t, "args[0]", p.Args[0], c.args0)
		})
	}
	t.Run("PATH, the first of two", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		place(b, "a/tool")
		place(b, "b/tool")
		b.Spec.Process.Env = []string{"PATH=/a:/b", "HOME=/"}
		b.Spec.Process.Args = []string{"tool", "report"}
		same(t, "the executable", b.RunSpec().Report().Process.Exe, "/a/tool")
	})
	t.Run("PATH passes over what cannot be executed", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.In("a/tool"), "no program")
		b.Mkdir(b.In("b/tool"))
		place(b, "c/tool")
		b.Spec.Process.Env = []string{"PATH=/a:/b:/c", "HOME=/"}
		b.Spec.Process.Args = []string{"tool", "report"}
		same(t, "the executable", b.RunSpec().Report().Process.Exe, "/c/tool")
	})
	t.Run("an absolute link leads to a file in the container", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("/probe", b.In("bin/sh"))
		b.Spec.Process.Args = []string{"sh", "report"}
		same(t, "the executable", b.RunSpec().Report().Process.Exe, "/probe")
	})
}

// TestArgsRefused holds the words that engines tell exit statuses 126 and 127
// by, from create: start must not be the first to know.
func TestArgsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, args0, want string }{
		{"no such program in PATH", "nothing", `process.args[0]: exec: "nothing": executable file not found in $PATH`},
		{"no such file", "/nothing", `process.args[0]: exec: "/nothing": no such file or directory`},
		{"not executable", "/text", `process.args[0]: exec: "/text": permission denied`},
		{"a directory", "/dir", `process.args[0]: exec: "/dir": is a directory`},
		{"a file where a directory has to be", "/text/x", `process.args[0]: exec: "/text/x": not a directory`},
		{"a loop of links", "/loop", `process.args[0]: exec: "/loop": too many levels of symbolic links`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, verb := range []string{"run", "create"} {
				b := bed.New(t)
				b.File(b.In("text"), "no program")
				b.Mkdir(b.In("dir"))
				b.Link("loop", b.In("loop"))
				b.Spec.Process.Args = []string{c.args0}
				want := "vial: " + verb + " " + b.ID + ": " + c.want + "\n"
				r := b.Create()
				if verb == "run" {
					r = b.RunSpec()
				}
				same(t, "the error", r.Stderr, want)
				same(t, "the status", r.Status, 1)
				b.NothingLeft()
			}
		})
	}
	t.Run("executable for somebody else only", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Must(os.WriteFile(b.In("secret"), bed.TrueELF(), 0o700))
		b.Spec.Process.User.UID = 1000
		b.Spec.Process.Args = []string{"/secret"}
		b.RunSpec().Fails(`process.args[0]: exec: "/secret": permission denied`)
	})
	t.Run("no format that the kernel knows", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Program(b.In("junk"), []byte("junk"))
		b.Spec.Process.Args = []string{"/junk"}
		b.RunSpec().Fails(`process.args[0]: exec /junk: exec format error`)
		b.Created()
		b.Vial("start", b.ID).Fails("start "+b.ID, `process.args[0]: exec /junk: exec format error`)
		b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	})
}
