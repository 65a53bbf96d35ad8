package hostile

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestPasswdBombs makes /etc/passwd of the image something that is never done
// reading, or not the image's (CVE-2026-47262).
func TestPasswdBombs(t *testing.T) {
	t.Parallel()
	const line = "x:x:1000:1000::/home/x:/bin/sh\n"
	bombs := map[string]func(a *attack, path string){
		"a sparse file of 8 GiB": func(a *attack, path string) { a.File(path, line); a.Must(os.Truncate(path, 8<<30)) },
		"a line of 9 MiB":        func(a *attack, path string) { a.File(path, strings.Repeat("x", 9<<20)) },
		"many lines":             func(a *attack, path string) { a.File(path, strings.Repeat("y:x:1:1::/:/\n", 500_000)) },
		"NULs":                   func(a *attack, path string) { a.File(path, strings.Repeat("\x00", 4096)+"\n") },
		"a NUL in the home":      func(a *attack, path string) { a.File(path, "x:x:1000:1000::/ho\x00me:/bin/sh\n") },
		"a home without end":     func(a *attack, path string) { a.File(path, "x:x:1000:1000::/"+strings.Repeat("h", 5000)+":/\n") },
		"a link to /dev/zero":    func(a *attack, path string) { a.Link("/dev/zero", path) },
		"a link to /proc/kmsg":   func(a *attack, path string) { a.Link("/proc/kmsg", path) },
		"the host's, by a link":  func(a *attack, path string) { a.Link(a.decoy.path("passwd"), path) },
		"the host's, by dots":    func(a *attack, path string) { a.Link(strings.Repeat("../", 20)+a.decoy.path("passwd"), path) },
		"an endless fifo":        func(a *attack, path string) { a.Fifo(path) },
		"a tty":                  func(a *attack, path string) { node(unix.S_IFCHR, unix.Mkdev(5, 0))(a, path) },
		"no permission": func(a *attack, path string) {
			a.File(path, line)
			a.Must(os.Chmod(path, 0))
			a.Must(os.Chmod(a.In("etc"), 0))
		},
	}
	for name, put := range bombs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			put(a, a.In("etc/passwd"))
			a.Spec.Process.Env = []string{"PATH=/"}
			a.Spec.Process.User.UID = 1000
			started := time.Now()
			r := a.run()
			if r == nil {
				t.Fatal("refused: HOME is not worth that")
			}
			env := strings.Join(r.Process.Env, " ")
			if name == "no permission" && env == "PATH=/ HOME=/home/x" {
				return // the runtime may read it
			}
			if env != "PATH=/ HOME=/" {
				t.Errorf("the environment is %q", env)
			}
			if took := time.Since(started); took > bed.Slowly(5*time.Second) {
				t.Errorf("it took %v", took)
			}
		})
	}
}

// TestLineInjection puts what ends a line, or a string, into every text of the
// config (CVE-2022-4318).
func TestLineInjection(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(a *attack, bad string){
		"hostname":        func(a *attack, bad string) { a.Spec.Hostname = "x" + bad },
		"domainname":      func(a *attack, bad string) { a.Spec.Domainname = "x" + bad },
		"sysctl value":    func(a *attack, bad string) { a.Spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "1" + bad} },
		"cgroupsPath":     func(a *attack, bad string) { a.Spec.Linux.CgroupsPath += bad },
		"filesystem type": func(a *attack, bad string) { a.Mount("/x", "tmpfs"+bad, "x") },
		"env name":        func(a *attack, bad string) { a.Spec.Process.Env = append(a.Spec.Process.Env, bad[:1]+"=x") },
	} {
		for _, bad := range []string{"\n", "\r", "\x00", "\nx", "\x1b[31m"} {
			if name == "env name" && bad != "\x00" {
				continue // the environment is no line
			}
			t.Run(fmt.Sprintf("%s %q", name, bad), func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				shape(a, bad)
				r := a.Run("report")
				if r.Status == 0 {
					if name == "hostname" || name == "domainname" {
						return // for the kernel to judge; it reaches nobody but the container
					}
					t.Errorf("it was taken")
					return
				}
				r.Fails()
				if bytes.ContainsAny([]byte(strings.TrimSuffix(r.Stderr, "\n")), "\n\r\x00\x1b") {
					t.Errorf("the error passes it on: %q", r.Stderr)
				}
			})
		}
	}
	for name, env := range map[string][]string{
		"no =": {"NOTHING"}, "no name": {"=x"}, "empty": {""}, "NUL": {"A=\x00"},
	} {
		t.Run("env, "+name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Spec.Process.Env = env
			a.refused("process.env[0]: ")
		})
	}
	t.Run("HOME with a newline changes nothing in the image", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		const passwd = "root:x:0:0::/root:/bin/sh\n"
		a.File(a.In("etc/passwd"), passwd)
		a.Spec.Process.Env = []string{"HOME=/x\nevil:x:0:0::/:/bin/sh"}
		a.run()
		if got := a.text(a.In("etc/passwd")); got != passwd {
			t.Errorf("/etc/passwd is %q", got)
		}
	})
	t.Run("an environment that is too large", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Spec.Process.Env = []string{"PATH=/", "BIG=" + strings.Repeat("x", 1<<20)}
		a.refused("process.args[0]: exec ", "argument list too long")
	})
	t.Run("very many variables", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Spec.Process.Env = []string{"HOME=/"}
		for n := range 20_000 {
			a.Spec.Process.Env = append(a.Spec.Process.Env, fmt.Sprintf("V%d=%d", n, n))
		}
		if r := a.run(); r == nil || len(r.Process.Env) != 20_001 {
			t.Error("they did not arrive")
		}
	})
}
