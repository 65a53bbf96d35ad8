package integration

import (
	"fmt"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// numbers are the open descriptors that a process reported, sorted.
func numbers(descriptors map[int]string) string {
	text := ""
	for fd := range 4096 {
		if target, open := descriptors[fd]; open {
			text += fmt.Sprintf("%d %s\n", fd, target)
		}
	}
	return text
}

func TestStdio(t *testing.T) {
	t.Parallel()
	t.Run("nothing but the three", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		if d := b.Process().Descriptors; len(d) != 3 {
			t.Errorf("open are\n%s", numbers(d))
		}
	})
	t.Run("leaked descriptors are closed", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Stdio = map[int]*os.File{}
		root, err := os.Open("/")
		b.Must(err)
		defer root.Close()
		for _, fd := range []int{3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 100, 500} {
			b.Stdio[fd] = root
		}
		if d := b.Process().Descriptors; len(d) != 3 {
			t.Errorf("open are\n%s", numbers(d))
		}
		for fd, target := range descriptorsOf(t, b.Created("report")) {
			if target == "/" {
				t.Errorf("the waiting process holds the host's root as %s", fd)
			}
		}
	})
	t.Run("pipes, both ways", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		in, feed, err := os.Pipe()
		b.Must(err)
		defer in.Close()
		_, err = feed.WriteString("through")
		b.Must(err)
		feed.Close()
		b.Stdio = map[int]*os.File{0: in}
		r := b.Run("copy", "warn", "aside")
		same(t, "standard output", r.Stdout, "through")
		same(t, "standard error", r.Stderr, "aside\n")
	})
}

// TestStdioNull: the host's null device is replaced by the container's own, since
// the process could change the host's for all.
func TestStdioNull(t *testing.T) {
	t.Parallel()
	for _, dev := range []bool{true, false} {
		b := bed.New(t)
		if !dev {
			b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
		}
		var host unix.Stat_t
		b.Must(unix.Stat("/dev/null", &host))
		b.Spec.Process.User.UID = 1000
		b.Capabilities("CAP_CHOWN")
		r := b.Report("report", "stat", "/proc/self/fd/0")
		f := file(t, act(t, r, 0))
		same(t, "standard input", fmt.Sprintf("%s %d:%d", f.Type, f.Major, f.Minor), "char 1:3")
		if f.Device == host.Dev {
			t.Error("it is the host's")
		}
		b.Must(unix.Stat("/dev/null", &host))
		same(t, "the owner of the host's", host.Uid, 0)
		if !strings.HasPrefix(r.Process.Descriptors[0], "/dev/null") && dev {
			t.Errorf("standard input is %q, want the container's own", r.Process.Descriptors[0])
		}
	}
}

// TestExecNull: so it is for a process that joins, whatever the container has put
// in the place of its own.
func TestExecNull(t *testing.T) {
	t.Parallel()
	var host unix.Stat_t
	if err := unix.Stat("/dev/null", &host); err != nil {
		t.Fatal(err)
	}
	for name, acts := range map[string][]string{
		"its own":       nil,
		"missing":       {"unlink", "/dev/null"},
		"a file":        {"unlink", "/dev/null", "write", "/dev/null", "x"},
		"a fifo":        {"unlink", "/dev/null", "mknod", "/dev/null", "p", "0", "0"},
		"another":       {"unlink", "/dev/null", "mknod", "/dev/null", "c", "1", "5"},
		"a link":        {"unlink", "/dev/null", "symlink", "/dev/zero", "/dev/null"},
		"in a link":     {"unlink", "/dev/null", "symlink", "/proc/1/root/dev/null", "/dev/null"},
		"beyond a file": {"mkdir", "/over", "write", "/over/dev", "x", "bind", "/over", "/dev"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Capabilities("CAP_MKNOD", "CAP_SYS_ADMIN")
			b.Spec.Process.Args = slices.Concat([]string{"/probe", "strict"}, acts, []string{"write", "/there", "x", "sleep"})
			b.Spec.Root.Readonly = false
			b.Detached().OK()
			b.Until("it has put something there", func() bool { _, err := os.Lstat(b.In("there")); return err == nil })
			r := b.Vial("exec", "--user", "1000", b.ID, "/probe", "report", "stat", "/proc/self/fd/0").OK().Report()
			f := file(t, act(t, r, 0))
			same(t, "standard input", fmt.Sprintf("%s %d:%d", f.Type, f.Major, f.Minor), "char 1:3")
			if f.Device == host.Dev {
				t.Error("it is the host's")
			}
			if acts == nil {
				same(t, "its path", r.Process.Descriptors[0], "/dev/null")
				same(t, "its owner", f.UID, 0)
			}
		})
	}
}

func TestStdioUser(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.User.UID = 1000
	worked(t, b.Report("open", "/dev/stdout", "w", "open", "/dev/stderr", "w"))
}

// TestStdioClosed starts vial without some of the three.
func TestStdioClosed(t *testing.T) {
	t.Parallel()
	for fds := range 8 {
		t.Run(fmt.Sprintf("closed: %03b", fds), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Stdio = map[int]*os.File{}
			for fd := range 3 {
				if fds&(1<<fd) != 0 {
					b.Stdio[fd] = nil
				}
			}
			b.Mkdir(b.In("out"))
			b.Spec.Process.Args = []string{"/probe", "print", "out", "warn", "err", "write", "/out/done", "x"}
			r := b.RunSpec()
			same(t, "the status", r.Status, 0)
			if _, err := os.Stat(b.In("out/done")); err != nil {
				t.Error("the process did not run")
			}
			if fds&2 == 0 && !strings.HasPrefix(r.Stdout, "out\n") {
				t.Errorf("standard output is %q", r.Stdout)
			}
			if fds&4 == 0 && r.Stderr != "err\n" {
				t.Errorf("standard error is %q", r.Stderr)
			}
		})
	}
}

func descriptorsOf(t *testing.T, pid int) map[string]string {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			all[filepath.Base(link)] = target
		}
	}
	return all
}

// TestExitStatus: run ends as its process does.
func TestExitStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{0, 1, 3, 125, 255} {
		t.Run(itoa(status), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			same(t, "the status", b.Run("exit", itoa(status)).Status, status)
		})
	}
	t.Run("killed by a signal", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Namespaces("mount") // the first process of a pid namespace ignores its own signals
		b.Spec.Hostname = ""
		same(t, "the status", b.Run("kill", "SIGKILL").Status, 128+int(syscall.SIGKILL))
	})
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR1, unix.SIGWINCH, unix.SIGQUIT} {
		t.Run("run passes on "+unix.SignalName(signal), func(t *testing.T) {
			t.Parallel()
			if ossignal.Ignored(signal) {
				bed.Skip(t, "whoever runs the tests has this signal ignored, so vial does too")
			}
			b := bed.New(t)
			b.Spec.Process.Args = []string{"/probe", "signal-wait"}
			p := b.Start()
			b.Until("the probe is ready", func() bool { return strings.Contains(p.Output(), "ready") })
			p.Signal(signal)
			r := p.Wait()
			same(t, "what arrived", r.Stdout, "ready\n"+unix.SignalName(signal)+"\n")
			same(t, "the status", r.Status, 0)
			b.NothingLeft()
		})
	}
	for _, c := range []struct{ word, want string }{
		{"", "SIGTERM"}, {"INT", "SIGINT"}, {"SIGUSR2", "SIGUSR2"}, {"1", "SIGHUP"}, {"usr1", "SIGUSR1"}, {"RTMIN+3", "37"},
	} {
		t.Run("kill "+c.word, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Created("signal-wait")
			b.Vial("start", b.ID).OK()
			b.Until("the probe is ready", func() bool { return strings.Contains(b.Output(), "ready") })
			words := []string{"kill", b.ID}
			if c.word != "" {
				words = append(words, c.word)
			}
			b.Vial(words...).OK()
			b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
			same(t, "what arrived", b.Output(), "ready\n"+c.want+"\n")
		})
	}
	t.Run("kill --all", func(t *testing.T) {
		t.Parallel()
		if bed.V2() {
			needs(t, "hugetlb")
		}
		b := bed.New(t)
		b.Created("sleep")
		b.Vial("start", b.ID).OK()
		b.Vial("kill", "--all", b.ID, "KILL").OK()
		b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	})
}
