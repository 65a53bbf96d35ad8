package vm

import (
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Descriptors that the programs of these tests inherit.
var inherited = []Descriptor{
	{Number: 3, Kind: Channel, Cloexec: true},
	{Number: 4, Kind: StartFifo, Cloexec: true},
	{Number: 5, Kind: ResultFifo, Cloexec: true},
	{Number: 6, Kind: CgroupDir, Cloexec: true},
}

// A sketch is a program under construction with the two blocks that failures
// lead to.
type sketch struct {
	*program.Builder
	setupFailed, startFailed, orphaned program.Target
}

func newSketch() *sketch {
	b := program.NewBuilder()
	s := &sketch{b, b.Label(), b.Label(), b.Label()}
	b.FailTo(s.setupFailed)
	b.Step("test", "do a thing")
	return s
}

// endings emits where failures lead, as far as the program has ways there.
func (s *sketch) endings(targets ...program.Target) {
	s.FailTo(0)
	s.Step(program.Runtime, "report a failure")
	for _, t := range targets {
		s.Place(t)
		switch t {
		case s.setupFailed:
			s.report(func() *program.Call { return s.Send(program.FD(3), s.Failure(), program.MessageSize) }, 1)
		case s.startFailed:
			s.report(func() *program.Call { return s.WriteFrom(program.FD(5), s.Failure(), program.MessageSize) }, 255)
		case s.orphaned:
			s.ExitGroup(1)
		}
	}
}

func (s *sketch) report(emit func() *program.Call, status int) {
	end := s.Label()
	emit().On(program.AnyErrno, end)
	s.Place(end)
	s.ExitGroup(status)
}

func (s *sketch) message(first, second int) program.Arg {
	return s.Struct(program.Datum{Kind: program.DatumStruct, Name: "message", Size: program.MessageSize, Fields: []program.Field{
		{Name: "what", Off: 0, Width: 8, Value: program.Int(first)},
		{Name: "value", Off: 8, Width: 8, Value: program.Int(second)},
	}})
}

func (s *sketch) clone() {
	child := s.Label()
	pid := s.message(program.MessagePid, 0)
	s.Clone3(unix.CLONE_PARENT|unix.CLONE_NEWNS|unix.CLONE_INTO_CGROUP, 6, child).Into(pid.At(8).Slot())
	s.Send(program.FD(3), pid, program.MessageSize)
	s.ExitGroup(0)
	s.Place(child)
}

func (s *sketch) ask(kind program.RequestKind, buffer program.Arg, size int) {
	s.Send(program.FD(3), s.message(program.MessageRequest, s.Request(kind)), program.MessageSize)
	s.Receive(program.FD(3), buffer, size).OnZero(s.orphaned)
}

func (s *sketch) exec() {
	s.Execve(s.String("/bin/true"), s.Strings("argv", []string{"true"}), s.Strings("envp", nil))
}

func (s *sketch) finish(t *testing.T) *program.Program {
	t.Helper()
	p, err := s.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// container is a program with everything that compiled ones have: a clone, a
// directory made if it is missing, a request, the wait for start.
func container(t *testing.T) *program.Program {
	s := newSketch()
	s.CloseRange(7, 0)
	s.CloseRange(3, unix.CLOSE_RANGE_CLOEXEC)
	s.clone()
	fs, mount, target := s.Slot("fs"), s.Slot("mount"), s.Slot("target")
	s.Step("mounts[0]", "mount tmpfs on /dev/shm")
	s.Fsopen("tmpfs").Into(fs)
	s.FsconfigString(fs, "mode", "755")
	s.FsconfigCreate(fs)
	s.Fsmount(fs, unix.MOUNT_ATTR_NOSUID).Into(mount)
	s.Close(fs)
	missing, made := s.Label(), s.Label()
	s.Openat2(program.CWD, "dev", program.DirInRoot).Into(target).On(unix.ENOENT, missing).Then(made)
	s.Place(missing)
	s.Mkdirat(program.CWD, "dev", 0o755)
	s.Openat2(program.CWD, "dev", program.DirBeneath).Into(target)
	s.Place(made)
	s.MoveMount(mount, target)
	s.Close(mount)
	s.Close(target)
	s.Step(program.Runtime, "say that all is set up")
	s.ask(program.RequestReady, s.Buffer("answer", 8, ""), 8)
	s.Step("process.args[0]", "look for true")
	found := s.Label()
	s.Faccessat2(program.CWD, "/bin/true", unix.X_OK, unix.AT_EACCESS).On(unix.ENOENT, found)
	s.Place(found)
	s.Read(program.FD(4), s.Buffer("start", 8, ""), 1)
	s.FailTo(s.startFailed)
	s.Step("process.args[0]", "execute true").Plain = true
	s.exec()
	s.endings(s.setupFailed, s.startFailed, s.orphaned)
	return s.finish(t)
}

func TestRunClean(t *testing.T) {
	p := container(t)
	for _, cpu := range program.CPUs {
		trace, err := Run(p.Encode(cpu), inherited, &Fake{CPU: cpu, Requests: p.Requests})
		if err != nil {
			t.Fatalf("%s: %v", cpu, err)
		}
		want := `process 0
  close_range(7, 4294967295, 0) = 0
  close_range(3, 4294967295, 4) = 0
  clone3(&, 88) = 1001
  sendto(3, &, 16, 16384, 0, 0) = 16
  exit_group(0)
  through the channel: 1 1001
process 1
  fsopen("tmpfs", 1) = 7
  fsconfig(7, 1, "mode", "755", 0) = 0
  fsconfig(7, 6, 0, 0, 0) = 0
  fsmount(7, 1, 2) = 8
  close(7) = 0
  openat2(-100, "dev", &, 24) = 7
  move_mount(8, &, 7, &, 68) = 0
  close(8) = 0
  close(7) = 0
  sendto(3, &, 16, 16384, 0, 0) = 16
  recvfrom(3, "answered", 8, 0, 0, 0) = 8
  faccessat2(-100, "/bin/true", 1, 512) = 0
  read(4, &, 1) = 1
  execve("/bin/true", &, &)
  through the channel: 2 0
  becomes /bin/true [true] [], with [0 1 2]
`
		if got := trace.Text(p); got != want {
			t.Errorf("%s: trace:\n%s\nwant:\n%s", cpu, got, want)
		}
	}
}

func TestScript(t *testing.T) {
	p := container(t)
	for _, test := range []struct {
		name string
		rule Rule
		want string
	}{
		{"an errno that is caught", Rule{Sys: program.SysOpenat2, Path: "dev", Times: 1, Errno: unix.ENOENT},
			"openat2(-100, \"dev\", &, 24) = ENOENT\n  mkdirat(-100, \"dev\", 493) = 0\n  openat2(-100, \"dev\", &, 24) = 7\n"},
		{"an errno that is not", Rule{Sys: program.SysFsmount, Errno: unix.ENOSPC},
			"fsmount(7, 1, 2) = ENOSPC\n  sendto(3, &, 16, 16384, 0, 0) = 16\n  exit_group(1)\n  through the channel: 832 28\n"},
		{"the parent is gone", Rule{Sys: program.SysRecvfrom},
			"recvfrom(3, &, 8, 0, 0, 0) = 0\n  exit_group(1)\n"},
		{"a race that ends", Rule{Sys: program.SysOpenat2, Times: 2, Errno: unix.EAGAIN},
			strings.Repeat("openat2(-100, \"dev\", &, 24) = EAGAIN\n  ", 2) + "openat2(-100, \"dev\", &, 24) = 7\n"},
		{"a race that does not", Rule{Sys: program.SysOpenat2, Errno: unix.EAGAIN},
			"close(7) = 0\n  " + strings.Repeat("openat2(-100, \"dev\", &, 24) = EAGAIN\n  ", 129) + "sendto(3, &, 16, 16384, 0, 0) = 16\n  exit_group(1)\n"},
		{"the second call of a kind", Rule{Sys: program.SysClose, Skip: 1, Errno: unix.EIO},
			"close(7) = 0\n  openat2(-100, \"dev\", &, 24) = 7\n  move_mount(8, &, 7, &, 68) = 0\n  close(8) = EIO\n"},
		{"a failure after start", Rule{Sys: program.SysExecve, Errno: unix.ENOEXEC},
			"execve(\"/bin/true\", &, &) = ENOEXEC\n  write(5, &, 16) = 16\n  exit_group(255)\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			rule := test.rule
			k := &Fake{CPU: program.ARM64, Requests: p.Requests, Script: []*Rule{&rule}}
			trace, err := Run(p.Encode(program.ARM64), inherited, k)
			if err != nil {
				t.Fatal(err)
			}
			if got := trace.Text(p); !strings.Contains(got, test.want) {
				t.Errorf("trace:\n%s\nis without:\n%s", got, test.want)
			}
		})
	}
}

func TestViolations(t *testing.T) {
	closed := func(s *sketch) program.Slot {
		fs := s.Slot("fs")
		s.Fsopen("tmpfs").Into(fs)
		s.Close(fs)
		return fs
	}
	for _, test := range []struct {
		name string
		emit func(*sketch)
		want string
	}{
		{"a descriptor that is closed", func(s *sketch) { s.Close(closed(s)) },
			"close: argument 0: descriptor 7 is not open"},
		{"a descriptor that failed to open", func(s *sketch) {
			fs, failed := s.Slot("fs"), s.Label()
			s.Fsopen("nope").Into(fs).On(unix.ENODEV, failed)
			s.Place(failed)
			s.FsconfigCreate(fs)
		}, "fsconfig: argument 0: descriptor -19 is not open"},
		{"a filesystem without a superblock", func(s *sketch) {
			fs := s.Slot("fs")
			s.Fsopen("tmpfs").Into(fs)
			s.Fsmount(fs, 0)
		}, `fsmount: argument 0: descriptor 7 (filesystem context "tmpfs") is of the wrong kind`},
		{"a file where a mount belongs", func(s *sketch) {
			fd := s.Slot("fd")
			s.Openat2(program.CWD, "dev", program.DirInRoot).Into(fd)
			s.MoveMount(fd, fd)
		}, `move_mount: argument 0: descriptor 7 (path "dev") is of the wrong kind`},
		{"a value too long", func(s *sketch) {
			fs := s.Slot("fs")
			s.Fsopen("overlay").Into(fs)
			s.FsconfigString(fs, "lowerdir", strings.Repeat("x", 256))
		}, "fsconfig: a value of 256 bytes"},
		{"a descriptor without close-on-exec", func(s *sketch) { s.Openat(program.CWD, "f", program.O_RDONLY) },
			`openat: the new descriptor (file "f") is not close-on-exec`},
		{"a lookup that leads out", func(s *sketch) {
			fd := s.Slot("fd")
			s.Openat2(program.CWD, "root", program.DirInRoot).Into(fd)
			s.Openat2(fd.Content(), "etc", program.How{Flags: program.O_PATH | program.O_CLOEXEC})
		}, `openat2: a lookup from 7 (path "root") that may lead out of it`},
		{"a name with a slash", func(s *sketch) {
			fd := s.Slot("fd")
			s.Openat2(program.CWD, "root", program.DirInRoot).Into(fd)
			s.Mkdirat(fd.Content(), "a/b", 0o755)
		}, `mkdirat: argument 1: "a/b" is more than a name in 7 (path "root")`},
		{"flags that O_PATH excludes", func(s *sketch) {
			s.Openat2(program.CWD, "d", program.How{Flags: program.O_PATH | program.O_RDWR | program.O_CLOEXEC})
		}, "openat2: flags 0x280002 do not go with O_PATH"},
		{"a mode for a file that is not made", func(s *sketch) {
			s.Openat2(program.CWD, "d", program.How{Flags: program.O_RDWR | program.O_CLOEXEC, Mode: 0o600})
		}, "openat2: mode 0600 does not fit the flags 0x80002"},
		{"writing to what is read", func(s *sketch) {
			fd := s.Slot("fd")
			s.Openat(program.CWD, "f", program.O_RDONLY|program.O_CLOEXEC).Into(fd)
			s.Write(fd.Content(), "x")
		}, `write: 7 (file "f") is not open for writing`},
		{"access times that are not cleared", func(s *sketch) {
			s.MountSetattrAt(program.CWD, "/", 0, program.MountAttr{Set: unix.MOUNT_ATTR_NOATIME})
		}, "mount_setattr: access times are set but not cleared"},
		{"effective beyond permitted", func(s *sketch) { s.Capset(3, 1, 0) },
			"capset: capabilities 0x2 are effective but not permitted"},
		{"soft above hard", func(s *sketch) { s.Setrlimit(unix.RLIMIT_NOFILE, 2, 1) },
			"prlimit64: soft limit 2 is above hard limit 1"},
		{"an id that means none", func(s *sketch) { s.Setresuid(0xffffffff) },
			"setresuid: id 4294967295"},
		{"an answer not asked for", func(s *sketch) { s.Receive(program.FD(3), s.Buffer("b", 8, ""), 8) },
			"recvfrom: it waits for an answer that it did not ask for"},
		{"a number in place of a string", func(s *sketch) {
			s.Execve(program.Int(5), s.Strings("argv", []string{"a"}), s.Strings("envp", nil))
		}, "execve: argument 0: 1 bytes at 0x5 lie outside the program"},
		{"a string without end", func(s *sketch) {
			home := s.Buffer("home", 16, "HOME=")
			s.ask(program.RequestReadyHome, home.At(5), 11)
			s.Execve(s.String("/a"), s.Strings("argv", []string{"a"}), s.Pointers("envp", []program.Arg{home}))
		}, "execve: the environment is without the home directory of 11 bytes that the parent found"},
		{"too many arguments of nothing", func(s *sketch) { s.Execve(s.String("/a"), s.Strings("argv", nil), s.Strings("envp", nil)) },
			"execve: argv is empty"},
		{"an interface name without end", func(s *sketch) {
			fd := s.Slot("fd")
			s.Socket(unix.AF_INET, unix.SOCK_DGRAM).Into(fd)
			s.SetInterfaceFlags(fd, "abcdefghijklmnop", unix.IFF_UP)
		}, `ioctl: the interface name "abcdefghijklmnop" is empty or has no end`},
		{"a descriptor to send that is closed", func(s *sketch) {
			fs := closed(s)
			s.SendWithFD(program.FD(3), s.message(2, s.Request(program.RequestReadyHome)), 16, fs)
		}, "sendmsg: descriptor 7, to be sent, is not open"},
		{"a cgroup that is no directory", func(s *sketch) { s.Clone3(unix.CLONE_INTO_CGROUP, 2, s.setupFailed) },
			"clone3: descriptor 2 is no cgroup directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSketch()
			test.emit(s)
			s.endings(s.setupFailed, s.orphaned)
			p := s.finish(t)
			k := &Fake{CPU: program.AMD64, Requests: p.Requests, Script: []*Rule{{Sys: program.SysFsopen, Path: "nope", Errno: unix.ENODEV}}}
			_, err := Run(p.Encode(program.AMD64), inherited, k)
			if got := errorText(err); !strings.HasSuffix(got, ": "+test.want) {
				t.Errorf("error: %q, want …%q", got, test.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// Every system call that a program can make is known to the fake kernel.
func TestFakeKnowsAll(t *testing.T) {
	known := 0
	for number := range uint64(1024) {
		if sys, ok := program.SysOf(program.AMD64, number); ok {
			known++
			if handlers[sys] == nil {
				t.Errorf("the fake kernel does not know %s", sys)
			}
		}
	}
	if known != len(handlers) || known < 40 {
		t.Errorf("%d system calls have numbers, the fake kernel knows %d", known, len(handlers))
	}
}

// The interpreter keeps a result even if it is an errno, and a value that is
// set fails if it is one.
func TestResultOfFailure(t *testing.T) {
	s := newSketch()
	a, b, next := s.Slot("a"), s.Slot("b"), s.Label()
	s.Unshare(unix.CLONE_NEWNS).Into(a).On(unix.EPERM, next)
	s.Place(next)
	s.Set(a.Content()).Into(b)
	s.endings(s.setupFailed)
	p := s.finish(t)
	k := &Fake{CPU: program.AMD64, Script: []*Rule{{Sys: program.SysUnshare, Errno: unix.EPERM}}}
	trace, err := Run(p.Encode(program.AMD64), inherited, k)
	if err != nil {
		t.Fatal(err)
	}
	first := trace.Processes[0]
	if len(first.Failures) != 1 || first.Failures[0] != (Failure{1, unix.EPERM, 2}) {
		t.Errorf("failures: %v", first.Failures)
	}
	if len(first.Messages) != 1 || first.Messages[0].First != program.FirstCallOffset+program.CallSize || first.Messages[0].Second != uint64(unix.EPERM) {
		t.Errorf("messages: %v", first.Messages)
	}
}

// A program may be long, and clones double its processes, but a run ends.
func TestBound(t *testing.T) {
	for _, test := range []struct {
		name string
		emit func(*sketch)
		want string
	}{
		{"clones", func(s *sketch) {
			for range 64 {
				next := s.Label()
				s.Clone3(unix.CLONE_PARENT, 0, next)
				s.Place(next)
			}
		}, "the program makes too many processes"},
		{"repeats", func(s *sketch) { s.Openat2(program.CWD, "race", program.InRoot).Retry = 1 << 31 },
			"the program makes too many calls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSketch()
			test.emit(s)
			s.endings(s.setupFailed)
			k := &Fake{CPU: program.AMD64, Script: []*Rule{{Sys: program.SysOpenat2, Path: "race", Errno: unix.EAGAIN}}}
			_, err := Run(s.finish(t).Encode(program.AMD64), inherited, k)
			if got := errorText(err); got != test.want {
				t.Errorf("error: %q, want %q", got, test.want)
			}
		})
	}
}
