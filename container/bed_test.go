package container

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/host"
	"golang.org/x/sys/unix"
)

// A bed is a bundle with a rootfs that holds nothing but the probe, and a state
// root of its own.
type bed struct {
	*Runtime
	t      *testing.T
	bundle string
	spec   *specs.Spec
	// console takes the terminal, if the spec asks for one.
	console func(*os.File) error
	master  *os.File
}

// newBed makes a bed for the default spec, whose process does what the acts say.
func newBed(t *testing.T, acts ...string) *bed {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for pid := 1; pid > 0; { // whose parent was a command of an earlier test
		pid, _ = unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil)
	}
	dir := t.TempDir()
	b := &bed{t: t, Runtime: &Runtime{Root: filepath.Join(dir, "state")}, bundle: filepath.Join(dir, "bundle")}
	b.ok(os.Mkdir(b.Root, 0o700))
	b.ok(os.MkdirAll(b.rootfs(), 0o755))
	b.ok(os.Link(probeBinary, filepath.Join(b.rootfs(), "probe")))
	var err error
	b.spec, err = DefaultSpec()
	b.ok(err)
	b.spec.Process.Terminal = false
	b.does(acts...)
	return b
}

func (b *bed) rootfs() string { return filepath.Join(b.bundle, "rootfs") }

// does sets what the container's process does.
func (b *bed) does(acts ...string) { b.spec.Process.Args = append([]string{"/probe"}, acts...) }

func (b *bed) options() Options {
	return Options{Bundle: b.bundle, Spec: b.spec, ConsoleOptions: ConsoleOptions{Console: b.console}}
}

// writeSpec writes config.json.
func (b *bed) writeSpec() {
	b.t.Helper()
	text, err := EncodeSpec(b.spec)
	b.ok(err)
	b.ok(os.WriteFile(filepath.Join(b.bundle, "config.json"), text, 0o600))
}

func (b *bed) ok(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// fails checks an error's whole text.
func (b *bed) fails(err error, want string) {
	b.t.Helper()
	if err == nil || err.Error() != want {
		b.t.Errorf("error: %v\nwant:  %s", err, want)
	}
}

var beds atomic.Int64

// id is a new container's id, which is deleted when the test ends.
func (b *bed) id() string {
	id := fmt.Sprintf("%s%03d", prefix, beds.Add(1)) // list sorts them by name
	b.t.Cleanup(func() {
		record, err := b.store().Peek(id)
		if err == nil {
			if err = b.Delete(id, Force); err == nil {
				reap(record.Pid)
			}
		} else if _, err = os.Stat(filepath.Join(b.Root, id)); err == nil {
			err = b.Delete(id, Force)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, ErrNotExist) {
			b.t.Errorf("clean up: %v", err)
		}
	})
	return id
}

// created is a container that waits for Start.
func (b *bed) created() string {
	b.t.Helper()
	id := b.id()
	b.ok(b.Create(id, b.options()))
	return id
}

func (b *bed) status(id string) Status {
	b.t.Helper()
	s, err := b.State(id)
	b.ok(err)
	return s.Status
}

// pid is that of a container's process, which is this one's child.
func (b *bed) pid(id string) int {
	b.t.Helper()
	s, err := b.State(id)
	b.ok(err)
	return s.Pid
}

// delete deletes a container and buries its process.
func (b *bed) delete(id string) {
	b.t.Helper()
	record, err := b.store().Peek(id)
	b.ok(err)
	b.ok(b.Delete(id, Force))
	reap(record.Pid)
}

// reap waits for a child to end, if there is one of that number.
func reap(pid int) {
	for pid > 0 {
		if _, err := unix.Wait4(pid, nil, unix.WALL, nil); err != unix.EINTR {
			return
		}
	}
}

// picture shows all that the bed's containers can leave. No other test may run
// meanwhile.
func (b *bed) picture() host.Picture {
	b.t.Helper()
	p, err := host.View{CgroupPrefix: prefix, Dirs: []string{b.Root, b.bundle}}.Take()
	b.ok(err)
	return p
}

// unchanged tells whether the host is as it was. What is there by then is the
// new measure, so that one leak is one failure.
func (b *bed) unchanged(before *host.Picture) bool {
	b.t.Helper()
	now := b.picture()
	diff := before.Diff(now)
	*before = now
	if diff != "" {
		b.t.Errorf("left behind:\n%s", diff)
	}
	return diff == ""
}

// within waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within ten seconds", what)
		}
	}
}

// An answer is what the command printed and its exit status.
type answer struct {
	stdout, stderr string
	status         int
}

// command is the vial command on the bed's state root, in its bundle.
func (b *bed) command(args ...string) *exec.Cmd {
	cmd := exec.Command(vialBinary, append([]string{"--root", b.Root}, args...)...)
	cmd.Dir = b.bundle
	return cmd
}

// vial runs the vial command.
func (b *bed) vial(args ...string) answer {
	b.t.Helper()
	return b.answer(b.command(args...))
}

// answer runs a command. What it prints goes into files: a container that it
// leaves would keep a pipe open.
func (b *bed) answer(cmd *exec.Cmd) answer {
	b.t.Helper()
	var out [2]*os.File
	for i := range out {
		f, err := os.CreateTemp(b.t.TempDir(), "")
		b.ok(err)
		defer f.Close()
		out[i] = f
	}
	cmd.Stdout, cmd.Stderr = out[0], out[1]
	err := cmd.Run()
	if _, ended := errors.AsType[*exec.ExitError](err); !ended {
		b.ok(err)
	}
	stdout, err := os.ReadFile(out[0].Name())
	b.ok(err)
	stderr, err := os.ReadFile(out[1].Name())
	b.ok(err)
	return answer{string(stdout), string(stderr), cmd.ProcessState.ExitCode()}
}

// says checks an answer.
func (b *bed) says(got, want answer) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("\ngot  %d %q %q\nwant %d %q %q", got.status, got.stdout, got.stderr, want.status, want.stdout, want.stderr)
	}
}

// buryAll waits for children that have ended: those that a vial command has
// left to this process.
func (b *bed) buryAll() {
	b.t.Helper()
	eventually(b.t, "all children have ended", func() bool {
		for {
			if pid, err := unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil); pid <= 0 {
				return err == unix.ECHILD
			}
		}
	})
}

// unchangedBut is unchanged, whatever is new in one directory: a first
// container makes the mount points in its rootfs.
func (b *bed) unchangedBut(before host.Picture, dir string) {
	b.t.Helper()
	for line := range strings.Lines(before.Diff(b.picture())) {
		if !strings.HasPrefix(line, "+ file "+dir) {
			b.t.Errorf("left behind: %s", line)
		}
	}
}
