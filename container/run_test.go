package container

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/signals"
	"golang.org/x/sys/unix"
)

func TestRunExitStatus(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.writeSpec()
	b.says(b.vial("run", b.id()), answer{}) // makes the mount points
	before := b.picture()
	for _, status := range []int{0, 1, 3, 255} {
		b.does("print", "out", "warn", "err", "exit", strconv.Itoa(status))
		b.writeSpec()
		b.says(b.vial("run", b.id()), answer{stdout: "out\n", stderr: "err\n", status: status})
	}
	// Without a pid namespace, where the kernel would protect it from itself.
	b.spec.Linux.Namespaces = slices.DeleteFunc(b.spec.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == specs.PIDNamespace })
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		b.does("kill", unix.SignalName(signal))
		b.writeSpec()
		b.says(b.vial("run", b.id()), answer{status: 128 + int(signal)})
	}
	b.unchanged(&before)
}

// TestRunForwardsSignals sends signals to a vial that runs a container.
func TestRunForwardsSignals(t *testing.T) {
	b := newBed(t, "signal-wait", "exit", "4")
	b.writeSpec()
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGUSR1, unix.SIGWINCH} {
		if signals.Ignored(signal) {
			continue // by whoever runs the tests (nohup(1)): so vial does too
		}
		read, write, err := os.Pipe()
		b.ok(err)
		cmd := b.command("run", b.id())
		cmd.Stdout, cmd.Stderr = write, os.Stderr
		b.ok(cmd.Start())
		write.Close()
		ready := make([]byte, 6)
		_, err = io.ReadFull(read, ready)
		b.ok(err)
		b.ok(cmd.Process.Signal(signal))
		rest, err := io.ReadAll(read)
		b.ok(err)
		read.Close()
		_ = cmd.Wait()
		if got, want := string(rest), unix.SignalName(signal)+"\n"; got != want || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("got %q and status %d, want %q and 4", got, cmd.ProcessState.ExitCode(), want)
		}
	}
}

// TestRunIsDeleted deletes a container from under the vial that runs it.
func TestRunIsDeleted(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.id()
	cmd := b.command("run", id)
	b.ok(cmd.Start())
	b.becomes(id, Running)
	b.says(b.vial("delete", "--force", id), answer{})
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != 128+int(unix.SIGKILL) {
		t.Errorf("status %d", got)
	}
	b.becomes(id, "")
}

func TestRunKeep(t *testing.T) {
	b := newBed(t, "exit", "3")
	b.writeSpec()
	before := b.picture()
	id := b.id()
	b.says(b.vial("run", "--keep", id), answer{status: 3})
	if got := b.status(id); got != Stopped {
		t.Errorf("it is %s", got)
	}
	record, err := b.store().Peek(id)
	b.ok(err)
	for _, dir := range record.Cgroup.Paths {
		if !exists(dir) {
			t.Errorf("%s is gone", dir)
		}
	}
	b.says(b.vial("delete", id), answer{})
	b.unchangedBut(before, b.rootfs())
}

func TestRunDetached(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.id()
	b.says(b.vial("run", "--detach", "--pid-file", "pid", id), answer{})
	if got := b.status(id); got != Running {
		t.Errorf("it is %s", got)
	}
	b.hasPidFile(id)
}

func TestPidFile(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	victim := filepath.Join(b.bundle, "victim")
	b.ok(os.WriteFile(victim, []byte("as it was"), 0o600))
	b.ok(os.Symlink("victim", filepath.Join(b.bundle, "pid")))
	id := b.id()
	b.says(b.vial("create", "--pid-file", "pid", id), answer{})
	b.hasPidFile(id)
	if text, err := os.ReadFile(victim); err != nil || string(text) != "as it was" {
		t.Errorf("what the link led to says %q, %v", text, err)
	}
}

// hasPidFile checks the pid file of a bundle: digits, and nothing beside it.
func (b *bed) hasPidFile(id string) {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.bundle, "pid"))
	b.ok(err)
	if got, want := string(text), strconv.Itoa(b.pid(id)); got != want {
		b.t.Errorf("the pid file says %q, want %q", got, want)
	}
	entries, err := os.ReadDir(b.bundle)
	b.ok(err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			b.t.Errorf("%s is left", e.Name())
		}
	}
}

func TestKillNames(t *testing.T) {
	for _, name := range []string{"USR1", "SIGUSR1", "sigusr1", "usr1", strconv.Itoa(int(unix.SIGUSR1)), ""} {
		b := newBed(t, "signal-wait", "exit", "0")
		b.writeSpec()
		id := b.id()
		read, write, err := os.Pipe()
		b.ok(err)
		cmd := b.command("run", "--detach", id)
		cmd.Stdout = write
		b.ok(cmd.Run())
		write.Close()
		ready := make([]byte, 6)
		_, err = io.ReadFull(read, ready)
		b.ok(err)
		args, want := []string{"kill", id, name}, "SIGUSR1\n"
		if name == "" {
			args, want = args[:2], "SIGTERM\n"
		}
		b.says(b.vial(args...), answer{})
		rest, err := io.ReadAll(read)
		b.ok(err)
		read.Close()
		if string(rest) != want {
			t.Errorf("kill %q: got %q", name, rest)
		}
	}
	b := newBed(t, "sleep")
	for _, name := range []string{"NOPE", "-1", "65", "SIG", "KILL9"} {
		b.says(b.vial("kill", "x", "--", name), answer{stderr: fmt.Sprintf("vial: kill: unknown signal %q\n", name), status: 1})
	}
}

// TestKillAll kills a process that somebody has put into the container's cgroup.
func TestKillAll(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.in(Running)
	record, err := b.store().Peek(id)
	b.ok(err)
	guest := b.command()
	guest.Path, guest.Args = probeBinary, []string{"probe", "sleep"}
	b.ok(guest.Start())
	for _, dir := range record.Cgroup.Paths {
		b.ok(os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(guest.Process.Pid)), 0))
	}
	b.says(b.vial("kill", "--all", id, "KILL"), answer{})
	_ = guest.Wait()
	if guest.ProcessState.String() != "signal: killed" {
		t.Errorf("the guest ended with %v", guest.ProcessState)
	}
	b.becomes(id, Stopped)
}
