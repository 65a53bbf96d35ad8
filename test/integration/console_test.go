package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// terminals is a bundle whose process has a terminal.
func terminals(t *testing.T, acts ...string) *bed.Bundle {
	t.Helper()
	b := bed.New(t)
	b.Spec.Process.Terminal = true
	b.Spec.Process.Args = append([]string{"/probe"}, acts...)
	return b
}

// shown is what a probe has printed in a terminal.
func shown(t *testing.T, b *bed.Bundle, screen string) *report.Terminal {
	t.Helper()
	for line := range strings.Lines(screen) {
		if r := b.Parse(strings.TrimSpace(line)); len(r.Acts) > 0 && r.Acts[0].Terminal != nil {
			return r.Acts[0].Terminal
		}
	}
	t.Fatalf("nothing of a terminal in %q", screen)
	return nil
}

// whole is a process's terminal as it should be.
func whole(name string, rows, columns uint16) report.Terminal {
	return report.Terminal{
		Is: [3]bool{true, true, true}, Same: true, Name: name, Rows: rows, Columns: columns,
		Controls: true, Foreground: true, Console: true,
	}
}

func TestTerminal(t *testing.T) {
	t.Parallel()
	b := terminals(t, "terminal", "report", "copy", "exit", "7")
	own := b.Terminal(33, 101)
	before := own.Modes()
	p := b.Start()
	b.Until("the terminal is raw", own.Raw)
	own.Type("typed\r")
	own.Await("typed\r\ntyped\r\n") // the echo, and the copy
	own.Type("\x04")
	r := p.Wait()
	same(t, "the status", r.Status, 7)
	own.Await("}\r\n")
	same(t, "the terminal", *shown(t, b, own.Seen()), whole("/dev/pts/0", 33, 101))
	report := b.Parse(own.Seen()[strings.Index(own.Seen(), "{"):])
	if d := report.Process.Descriptors; len(d) != 3 {
		t.Errorf("open are\n%s", numbers(d))
	}
	same(t, "a controlling terminal", report.Process.Terminal, true)
	same(t, "the caller's modes", own.Modes(), before)
	b.NothingLeft()
}

// TestTerminalKeys: what would be signals to vial are characters, which the
// container's terminal makes signals of.
func TestTerminalKeys(t *testing.T) {
	t.Parallel()
	for key, signal := range map[string]string{"\x03": "SIGINT", "\x1c": "SIGQUIT", "\x1a": "SIGTSTP"} {
		t.Run(signal, func(t *testing.T) {
			t.Parallel()
			b := terminals(t, "signal-wait")
			own := b.Terminal(24, 80)
			p := b.Start()
			own.Await("ready\r\n")
			b.Until("the terminal is raw", own.Raw)
			own.Type(key)
			same(t, "the status", p.Wait().Status, 0)
			own.Await(signal + "\r\n")
		})
	}
	t.Run("a signal to vial", func(t *testing.T) {
		t.Parallel()
		b := terminals(t, "signal-wait")
		own := b.Terminal(24, 80)
		before := own.Modes()
		p := b.Start()
		own.Await("ready\r\n")
		p.Signal(unix.SIGTERM)
		same(t, "the status", p.Wait().Status, 0)
		own.Await("SIGTERM\r\n")
		same(t, "the caller's modes", own.Modes(), before)
	})
}

func TestTerminalSize(t *testing.T) {
	t.Parallel()
	b := terminals(t, "winch")
	own := b.Terminal(24, 80)
	p := b.Start()
	own.Await("ready\r\n")
	b.Until("the terminal is raw", own.Raw) // then vial looks at signals, too
	own.Resize(50, 132)
	own.Await("size 50 132\r\n")
	p.Wait().OK()
}

// TestTerminalIsRestored ends vial in every way that it can do something about.
func TestTerminalIsRestored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		change func(b *bed.Bundle)
		status int
	}{
		{"the process ends", func(b *bed.Bundle) { b.Spec.Process.Args = []string{"/probe", "exit", "3"} }, 3},
		{"the process is missing", func(b *bed.Bundle) { b.Spec.Process.Args = []string{"/nope"} }, 1},
		{"the working directory is none", func(b *bed.Bundle) { b.Spec.Process.Cwd = "/probe" }, 1},
		{"a startContainer hook fails", func(b *bed.Bundle) {
			b.Spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/probe", Args: []string{"probe", "exit", "1"}}}}
		}, 1},
		{"a poststart hook fails", func(b *bed.Bundle) {
			b.Spec.Process.Args = []string{"/probe", "sleep"}
			b.Spec.Hooks = &specs.Hooks{Poststart: []specs.Hook{{Path: bed.Probe(), Args: []string{"probe", "exit", "1"}}}}
		}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := terminals(t)
			c.change(b)
			own := b.Terminal(24, 80)
			before := own.Modes()
			same(t, "the status", b.Start().Wait().Status, c.status)
			same(t, "the caller's modes", own.Modes(), before)
			b.NothingLeft()
		})
	}
	t.Run("the container is killed", func(t *testing.T) {
		t.Parallel()
		b := terminals(t, "signal-wait")
		own := b.Terminal(24, 80)
		before := own.Modes()
		p := b.Start()
		own.Await("ready\r\n")
		b.Until("the terminal is raw", own.Raw)
		b.Stdio, b.Attributes = nil, nil
		b.Vial("kill", b.ID, "KILL").OK()
		same(t, "the status", p.Wait().Status, 137)
		same(t, "the caller's modes", own.Modes(), before)
	})
}

// TestTerminalUser: the terminal is the user's, who may open it by its names.
func TestTerminalUser(t *testing.T) {
	t.Parallel()
	b := terminals(t, "terminal", "open", "/dev/pts/0", "rw", "open", "/dev/tty", "rw", "open", "/dev/console", "rw", "open", "/dev/stdin", "rw")
	b.Spec.Process.User = specs.User{UID: 1000, GID: 1001}
	r := b.Report("terminal", "open", "/dev/pts/0", "rw", "open", "/dev/tty", "rw", "open", "/dev/console", "rw", "open", "/dev/stdin", "rw")
	worked(t, r)
	f := r.Acts[0].File
	same(t, "owner, group and mode", fmt.Sprintf("%d:%d %o", f.UID, f.GID, f.Mode), "1000:5 620")
}

// TestTerminalAlone has a terminal for the process and none for vial.
func TestTerminalAlone(t *testing.T) {
	t.Parallel()
	t.Run("standard input is null", func(t *testing.T) {
		t.Parallel()
		b := terminals(t)
		b.Spec.Process.ConsoleSize = &specs.Box{Height: 12, Width: 34}
		r := b.Run("terminal", "print", "a line").OK()
		same(t, "the terminal", *shown(t, b, r.Stdout), whole("/dev/pts/0", 12, 34))
		if strings.Contains(r.Stdout, "\r") {
			t.Errorf("lines end with a carriage return: %q", r.Stdout)
		}
	})
	t.Run("standard input comes to its end", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "one\n", "one\ntwo"} {
			b := terminals(t, "copy", "print", "end")
			in, feed, err := os.Pipe()
			b.Must(err)
			defer in.Close()
			_, err = feed.WriteString(text)
			b.Must(err)
			feed.Close()
			b.Stdio = map[int]*os.File{0: in}
			r := b.RunSpec().OK()
			if !strings.HasSuffix(r.Stdout, "end\n") || strings.Count(r.Stdout, "one\n") != 2*strings.Count(text, "one") {
				t.Errorf("%q becomes %q", text, r.Stdout)
			}
		}
	})
	t.Run("all three are closed", func(t *testing.T) {
		t.Parallel()
		b := terminals(t, "copy")
		b.Spec.Process.Args = []string{"/probe", "print", "x", "write", "/done", "x"}
		b.Stdio = map[int]*os.File{0: nil, 1: nil, 2: nil}
		same(t, "the status", b.RunSpec().Status, 0)
		if _, err := os.Stat(b.In("done")); err != nil {
			t.Error("the process did not run")
		}
	})
	t.Run("nothing of the output is lost", func(t *testing.T) {
		t.Parallel()
		b := terminals(t)
		r := b.Run("flood", "20000", "exit", "5")
		same(t, "the status", r.Status, 5)
		if n := strings.Count(r.Stdout, "\n"); n != 20000 || !strings.HasSuffix(r.Stdout, "line 19999\n") {
			t.Errorf("%d lines came through", n)
		}
	})
	t.Run("nobody reads the output", func(t *testing.T) {
		t.Parallel()
		b := terminals(t, "flood", "1000000")
		reader, out, err := os.Pipe()
		b.Must(err)
		reader.Close()
		defer out.Close()
		b.Stdio = map[int]*os.File{1: out}
		if r := b.RunSpec(); r.Status == 0 {
			t.Error("the process has written everything")
		}
	})
}

// TestTerminalHangsUp kills vial: the process loses its terminal.
func TestTerminalHangsUp(t *testing.T) {
	t.Parallel()
	b := terminals(t, "signal-wait")
	b.Listing()
	own := b.Terminal(24, 80)
	p := b.Launch("run", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID)
	own.Await("ready\r\n")
	b.Adopt(b.Path("pid"))
	p.Signal(unix.SIGKILL)
	p.Wait()
	b.Stdio, b.Attributes = nil, nil
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
}

func TestConsoleSocket(t *testing.T) {
	t.Parallel()
	b := terminals(t, "terminal", "copy")
	b.Spec.Process.ConsoleSize = &specs.Box{Height: 43, Width: 132}
	socket := b.Listen(b.Path("console.sock"))
	b.File(b.Path("config.json"), "")
	b.Listing()
	b.Vial("create", "--bundle", b.Dir, "--console-socket", socket.Path, "--pid-file", b.Path("pid"), b.ID).OK()
	b.Adopt(b.Path("pid"))
	text, f := socket.Receive()
	same(t, "the text", text, "/dev/pts/ptmx")
	masterOf(t, b, f)
	console := b.Console(f)
	b.Vial("start", b.ID).OK()
	console.Type("typed\n")
	console.Await("typed\r\ntyped\r\n")
	console.Type("\x04")
	console.Await("}\r\n")
	same(t, "the terminal", *shown(t, b, console.Seen()), whole("/dev/pts/0", 43, 132))
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
}

// masterOf sees to it that what was received is the master of a terminal.
func masterOf(t *testing.T, b *bed.Bundle, f *os.File) {
	t.Helper()
	var st unix.Stat_t
	var fs unix.Statfs_t
	b.Must(unix.Fstat(int(f.Fd()), &st))
	b.Must(unix.Fstatfs(int(f.Fd()), &fs))
	if fs.Type != unix.DEVPTS_SUPER_MAGIC || st.Ino != 2 || st.Rdev != unix.Mkdev(5, 2) {
		t.Errorf("received is inode %d, device %x, on %x", st.Ino, st.Rdev, fs.Type)
	}
	if _, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPTN); err != nil {
		t.Errorf("received is no master: %v", err)
	}
}

func TestConsoleSocketDetached(t *testing.T) {
	t.Parallel()
	b := terminals(t, "terminal", "copy")
	socket := b.Listen(b.Path("console.sock"))
	b.Listing()
	b.Vial("run", "--detach", "--bundle", b.Dir, "--console-socket", socket.Path, "--pid-file", b.Path("pid"), b.ID).OK()
	b.Adopt(b.Path("pid"))
	_, f := socket.Receive()
	console := b.Console(f)
	console.Type("\x04")
	console.Await("}\r\n")
	same(t, "the terminal", *shown(t, b, console.Seen()), whole("/dev/pts/0", 0, 0))
}

func TestConsoleSocketFailures(t *testing.T) {
	t.Parallel()
	b := terminals(t, "report")
	b.Listing()
	good := b.Listen(b.Path("good")).Path
	fails := func(want string, words ...string) {
		t.Helper()
		b.Vial(append(words, "--bundle", b.Dir, b.ID)...).Fails(words[0]+" "+b.ID+": ", want)
		b.NothingLeft()
		if _, err := os.Stat(b.Root); err == nil {
			t.Error("the state root was made")
		}
	}
	fails("process.terminal: cannot allocate tty if vial will detach without setting console socket: name one with --console-socket", "create")
	fails("process.terminal: cannot allocate tty if vial will detach without setting console socket", "run", "--detach")
	fails("cannot use console socket if vial will not detach or allocate tty", "run", "--console-socket", good)
	fails("connect to the console socket "+b.Path("nope")+": no such file or directory", "create", "--console-socket", b.Path("nope"))
	fails("connect to the console socket "+b.Path("config.json")+": connection refused", "create", "--console-socket", b.Path("config.json"))
	b.Spec.Process.Terminal = false
	b.Listing()
	fails("cannot use console socket if vial will not detach or allocate tty", "create", "--console-socket", good)
}

// TestConsolePlaces puts /dev/console where it is hard to.
func TestConsolePlaces(t *testing.T) {
	t.Parallel()
	t.Run("no /dev, read-only root", func(t *testing.T) {
		t.Parallel()
		b := terminals(t)
		b.Unmount("/dev", "/dev/shm", "/dev/mqueue")
		b.Spec.Root.Readonly = true
		same(t, "the terminal", *shown(t, b, b.Run("terminal").OK().Stdout), whole("/dev/pts/0", 0, 0))
	})
	t.Run("a masked console stays masked", func(t *testing.T) {
		t.Parallel()
		b := terminals(t)
		b.Spec.Linux.MaskedPaths = []string{"/dev/console"}
		want := whole("/dev/pts/0", 0, 0)
		want.Console = false
		same(t, "the terminal", *shown(t, b, b.Run("terminal").OK().Stdout), want)
	})
	t.Run("no terminal, no console", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		same(t, "/dev/console", act(t, b.Report("stat", "/dev/console"), 0).Errno, "ENOENT")
	})
	t.Run("no devpts", func(t *testing.T) {
		t.Parallel()
		b := terminals(t)
		b.Unmount("/dev/pts")
		b.Run("report").Fails("process.terminal: make a terminal in /dev/pts: openat2: no such file or directory")
		b.Mount("/dev/pts", "tmpfs", "pts")
		b.Run("report").Fails("process.terminal: make a terminal in /dev/pts: no devpts is mounted there")
	})
	t.Run("a startContainer hook has the state, not the terminal", func(t *testing.T) {
		t.Parallel()
		b := terminals(t, "terminal")
		b.Mkdir(b.In("out"))
		b.Spec.Hooks = &specs.Hooks{StartContainer: []specs.Hook{{Path: "/probe", Args: []string{"probe", "hook", "/out/hook", "word"}}}}
		same(t, "the terminal", *shown(t, b, b.RunSpec().OK().Stdout), whole("/dev/pts/0", 0, 0))
		text, err := os.ReadFile(b.In("out/hook"))
		b.Must(err)
		if !strings.Contains(string(text), "ociVersion") || !strings.Contains(string(text), `"Descriptors":{"0":"pipe:`) {
			t.Errorf("the hook saw %s", text)
		}
	})
}

func TestExecTerminal(t *testing.T) {
	t.Parallel()
	b := running(t, func(b *bed.Bundle) { b.Spec.Process.User = specs.User{UID: 1000} })
	// The first process has no terminal, so there is no console.
	alone := func(rows, columns uint16) report.Terminal {
		w := whole("/dev/pts/0", rows, columns)
		w.Console = false
		return w
	}
	t.Run("in the foreground", func(t *testing.T) {
		own := b.Terminal(25, 90)
		defer func() { b.Stdio, b.Attributes = nil, nil }()
		before := own.Modes()
		p := b.Launch("exec", "--tty", b.ID, "/probe", "terminal", "copy", "exit", "9")
		b.Until("the terminal is raw", own.Raw)
		own.Type("\x04")
		same(t, "the status", p.Wait().Status, 9)
		own.Await("}\r\n")
		same(t, "the terminal", *shown(t, b, own.Seen()), alone(25, 90))
		same(t, "the caller's modes", own.Modes(), before)
	})
	t.Run("without a terminal", func(t *testing.T) {
		r := b.Vial("exec", "-t", "--user", "7", b.ID, "/probe", "terminal").OK()
		same(t, "the terminal", *shown(t, b, r.Stdout), alone(0, 0))
		same(t, "the owner", b.Parse(r.Stdout).Acts[0].File.UID, 7)
	})
	t.Run("detached", func(t *testing.T) {
		socket := b.Listen(b.Path("exec.sock"))
		b.Vial("exec", "--detach", "--tty", "--console-socket", socket.Path, "--pid-file", b.Path("exec.pid"), b.ID, "/probe", "terminal", "copy").OK()
		_, f := socket.Receive()
		masterOf(t, b, f)
		console := b.Console(f)
		console.Type("x\n")
		console.Await("x\r\nx\r\n")
		console.Type("\x04")
		console.Await("}\r\n")
		same(t, "the terminal", *shown(t, b, console.Seen()), alone(0, 0))
		text, err := os.ReadFile(b.Path("exec.pid"))
		b.Must(err)
		pid, err := strconv.Atoi(string(text))
		b.Must(err)
		// Until it is reaped, the first process of its pid namespace cannot end.
		_, err = unix.Wait4(pid, nil, unix.WALL, nil)
		b.Must(err)
	})
	t.Run("of a process file", func(t *testing.T) {
		file := b.File(b.Path("process.json"), `{"terminal":true,"consoleSize":{"height":5,"width":6},"args":["/probe","terminal"],"cwd":"/","user":{"uid":0,"gid":0}}`)
		r := b.Vial("exec", "--process", file, b.ID).OK()
		got := shown(t, b, r.Stdout)
		same(t, "rows and columns", [2]uint16{got.Rows, got.Columns}, [2]uint16{5, 6})
	})
	t.Run("whose it is not clear", func(t *testing.T) {
		execFails(b.Vial("exec", "--detach", "--tty", b.ID, "/probe", "report"), t, "cannot allocate tty if vial will detach without setting console socket")
		execFails(b.Vial("exec", "--tty", "--console-socket", "x", b.ID, "/probe", "report"), t, "cannot use console socket if vial will not detach or allocate tty")
		execFails(b.Vial("exec", "--detach", "--console-socket", "x", b.ID, "/probe", "report"), t, "cannot use console socket if vial will not detach or allocate tty")
	})
}
