package launch

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/field"
	"github.com/vial-run/vial/internal/image"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

const channel = 3 // the only descriptor that these programs inherit

// A script is a small program: stage 0 clones, announces and exits, and body
// is what the other process does.
func script(t *testing.T, body func(b *program.Builder)) *program.Program {
	t.Helper()
	b := program.NewBuilder()
	failed, child := b.Label(), b.Label()
	b.FailTo(failed)
	b.Step(program.Runtime, "clone")
	message := b.Struct(program.Datum{Kind: program.DatumStruct, Name: "message", Size: program.MessageSize, Fields: []program.Field{
		{Name: "pid", Off: 0, Width: 8, Value: program.Int(program.MessagePid)},
		{Name: "value", Off: 8, Width: 8, Value: program.Int(0)},
	}})
	b.Clone3(unix.CLONE_PARENT, 0, child).Into(message.At(8).Slot())
	b.Send(program.FD(channel), message, program.MessageSize)
	b.ExitGroup(0)
	b.Place(child)
	body(b)
	b.FailTo(0)
	b.Step(program.Runtime, "fail")
	b.Place(failed)
	end := b.Label()
	b.Send(program.FD(channel), b.Failure(), program.MessageSize).On(program.AnyErrno, end)
	b.Place(end)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// ask emits a request, and an exit with status 9 if the parent is gone.
func ask(b *program.Builder, kind program.RequestKind, fds ...program.Slot) {
	message := b.Struct(program.Datum{Kind: program.DatumStruct, Name: "message", Size: program.MessageSize, Fields: []program.Field{
		{Name: "request", Off: 0, Width: 8, Value: program.Int(program.MessageRequest)},
		{Name: "index", Off: 8, Width: 8, Value: program.Int(b.Request(kind))},
	}})
	for _, s := range fds {
		b.SendWithFD(program.FD(channel), message, program.MessageSize, s)
	}
	if len(fds) == 0 {
		b.Send(program.FD(channel), message, program.MessageSize)
	}
	gone, on := b.Label(), b.Label()
	b.Receive(program.FD(channel), b.Buffer("answer", 8, ""), 8).OnZero(gone).Then(on)
	b.Place(gone)
	b.ExitGroup(9)
	b.Place(on)
}

func start(t *testing.T, p *program.Program) *Child {
	t.Helper()
	img, err := image.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Start(Plan{Program: p, Image: img, TmpDir: t.TempDir(), Stdio: [3]int{0, 1, 2}, Inherits: func(fd int) []int { return []int{fd} }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Kill(); c.Release() })
	return c
}

// TestAwaitExecve: a process that was started is soon not what started it.
func TestAwaitExecve(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a pid namespace needs privileges")
	}
	p := born(t, unix.CLONE_NEWPID)
	var vial, its unix.Stat_t
	if err := unix.Stat("/proc/self/exe", &vial); err != nil {
		t.Fatal(err)
	}
	for range 50 {
		c := start(t, p)
		c.AwaitExecve()
		if err := unix.Stat(fmt.Sprintf("/proc/%d/exe", c.Pid), &its); err != nil || its.Ino == vial.Ino && its.Dev == vial.Dev {
			t.Fatalf("it still is the test (%v)", err)
		}
		c.Kill()
	}
}

func TestServe(t *testing.T) {
	origin := field.At("mounts").Index(3)
	p := script(t, func(b *program.Builder) {
		b.Step(origin, "open .")
		root, again := b.Slot("root"), b.Slot("again")
		b.Openat2(program.CWD, ".", program.DirInRoot).Into(root)
		b.Openat2(program.CWD, ".", program.DirInRoot).Into(again)
		ask(b, program.RequestMode, root)
		ask(b, program.RequestCopyUp, root, again)
		ask(b, program.RequestReady)
		b.ExitGroup(7)
	})
	c := start(t, p)
	var asked []string
	err := c.Serve(p, func(q Question) ([]byte, error) {
		for _, fd := range q.FDs {
			var st unix.Stat_t
			if err := unix.Fstat(fd, &st); err != nil {
				t.Errorf("%s: fstat: %v", q.Kind, err)
			}
		}
		asked = append(asked, fmt.Sprintf("%s %s %d", q.Kind, q.Step.Origin, len(q.FDs)))
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(asked, ", "), "mode of a directory mounts[3] 1, copy up mounts[3] 2, ready mounts[3] 0"; got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	if status, err := c.Wait(); err != nil || status.ExitStatus() != 7 {
		t.Errorf("status %d, %v; want 7", status.ExitStatus(), err)
	}
}

// born is a program that is started in namespaces, and asks once.
func born(t *testing.T, flags uint64) *program.Program {
	t.Helper()
	b := program.NewBuilder()
	failed := b.Label()
	b.FailTo(failed)
	b.Birth(field.At("linux", "namespaces"), "make a process", flags)
	b.Step(program.Runtime, "ask")
	ask(b, program.RequestReady)
	b.ExitGroup(7)
	b.FailTo(0)
	b.Place(failed)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBorn: a process that is made in namespaces is known as soon as it is started.
func TestBorn(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("a pid namespace needs privileges")
	}
	p := born(t, unix.CLONE_NEWPID|unix.CLONE_NEWUTS)
	c := start(t, p)
	if c.Pid == 0 || c.PidFD < 0 {
		t.Fatalf("pid %d, pidfd %d", c.Pid, c.PidFD)
	}
	if err := c.Serve(p, func(Question) ([]byte, error) {
		own, _ := os.Readlink("/proc/self/ns/pid")
		its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.Pid))
		if err != nil || its == own {
			t.Errorf("its pid namespace is %s: %v", its, err)
		}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if status, err := c.Wait(); err != nil || status.ExitStatus() != 7 {
		t.Errorf("status %d, %v; want 7", status.ExitStatus(), err)
	}
}

// TestNotBorn: a clone that fails is told from an execve that does.
func TestNotBorn(t *testing.T) {
	p := born(t, unix.CLONE_NEWNS|unix.CLONE_FS) // which no kernel takes together
	img, err := image.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	plan := Plan{Program: p, Image: img, TmpDir: t.TempDir(), Stdio: [3]int{0, 1, 2}, Inherits: func(fd int) []int { return []int{fd} }}
	if _, err = Start(plan); err == nil || err.Error() != "linux.namespaces: make a process: clone3: invalid argument" {
		t.Errorf("clone: %v", err)
	}
	if os.Geteuid() != 0 {
		t.Skip("a pid namespace needs privileges")
	}
	plan.Program, plan.Image = born(t, unix.CLONE_NEWPID), []byte("no program")
	if _, err = Start(plan); err == nil || err.Error() != "start the container's first process: exec format error" {
		t.Errorf("execve: %v", err)
	}
}

func TestFailureIsExplained(t *testing.T) {
	p := script(t, func(b *program.Builder) {
		b.Step(field.At("mounts").Index(3), "open /nowhere")
		b.Openat2(program.CWD, "/nowhere", program.DirInRoot)
		b.ExitGroup(0)
	})
	err := start(t, p).Serve(p, nil)
	if err == nil || err.Error() != "mounts[3]: open /nowhere: openat2: no such file or directory" || !errors.Is(err, unix.ENOENT) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedRequest(t *testing.T) {
	p := script(t, func(b *program.Builder) {
		b.Step(program.Runtime, "ask")
		ask(b, program.RequestReady)
		b.ExitGroup(0)
	})
	c := start(t, p)
	err := c.Serve(p, func(Question) ([]byte, error) { return nil, errors.New("no") })
	if err == nil || err.Error() != "runtime: ask: no" {
		t.Errorf("got %v", err)
	}
	pid := c.Pid
	c.Kill()
	if err := unix.Kill(pid, 0); err != unix.ESRCH {
		t.Errorf("process %d is still there: %v", pid, err)
	}
}

// TestDeadParent closes the channel instead of answering: the program ends.
func TestDeadParent(t *testing.T) {
	p := script(t, func(b *program.Builder) {
		b.Step(program.Runtime, "ask")
		ask(b, program.RequestReady)
		b.ExitGroup(0)
	})
	c := start(t, p)
	err := c.Serve(p, func(Question) ([]byte, error) {
		c.Close()
		return nil, errors.New("gone")
	})
	if err == nil {
		t.Fatal("no error")
	}
	// An end of file, or ECONNRESET if the message of stage 0 was not read yet.
	if status, err := c.Wait(); err != nil || status.ExitStatus() != 9 && status.ExitStatus() != 1 {
		t.Errorf("status %d, %v; want 9 or 1", status.ExitStatus(), err)
	}
}

func TestKilledProgram(t *testing.T) {
	p := script(t, func(b *program.Builder) {
		b.Step(program.Runtime, "ask")
		here := b.Slot("here")
		b.Openat2(program.CWD, ".", program.DirInRoot).Into(here)
		ask(b, program.RequestMode, here)
		b.ExitGroup(0)
	})
	c := start(t, p)
	err := c.Serve(p, func(Question) ([]byte, error) { return nil, unix.Kill(c.Pid, unix.SIGKILL) })
	if !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want %v", err, ErrGone)
	}
	if status, err := c.Wait(); err != nil || status.Signal() != unix.SIGKILL {
		t.Errorf("signal %v, %v", status.Signal(), err)
	}
}

// TestKilledAfterReady kills the program after it was told to go on, and before
// the end: that is no end of file as execve makes it.
func TestKilledAfterReady(t *testing.T) {
	p := script(t, func(b *program.Builder) {
		b.Step(program.Runtime, "ask")
		ask(b, program.RequestReady)
		ask(b, program.RequestStartHooks)
		b.ExitGroup(0)
	})
	c := start(t, p)
	err := c.Serve(p, func(q Question) ([]byte, error) {
		if q.Kind == program.RequestReady {
			return nil, nil
		}
		if err := unix.Kill(c.Pid, unix.SIGKILL); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("a hook: %w", ErrGone)
	})
	if !errors.Is(err, ErrGone) {
		t.Errorf("got %v, want %v", err, ErrGone)
	}
	// One that goes on to its end is no failure, whatever it asked for last.
	c = start(t, p)
	if err := c.Serve(p, func(Question) ([]byte, error) { return nil, nil }); err != nil {
		t.Error(err)
	}
}

// TestImageIsFinal opens the image as the container could and tries to change it.
func TestImageIsFinal(t *testing.T) {
	for name, open := range map[string]func() (int, error){
		"memfd": func() (int, error) { return openImage([]byte("image"), t.TempDir(), 50) },
		"file":  func() (int, error) { return openImageFile([]byte("image"), t.TempDir(), 50) },
	} {
		t.Run(name, func(t *testing.T) {
			fd, err := open()
			if errors.Is(err, unix.EOPNOTSUPP) {
				t.Skip("the temporary directory's filesystem has no O_TMPFILE")
			}
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			if fd < 50 {
				t.Errorf("descriptor %d, want 50 or more", fd)
			}
			if _, err := unix.Write(fd, []byte("x")); err == nil {
				t.Error("it can be written")
			}
			if name == "file" {
				return // its content is guarded by ETXTBSY while it is executed
			}
			if again, err := unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_WRONLY, 0); err == nil {
				defer unix.Close(again)
				if _, err := unix.Write(again, []byte("x")); !errors.Is(err, unix.EPERM) {
					t.Errorf("writing to it again: %v, want %v", err, unix.EPERM)
				}
			}
			if err := unix.Ftruncate(fd, 0); err == nil {
				t.Error("it can be truncated")
			}
		})
	}
}
