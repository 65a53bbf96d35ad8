package vm

import (
	"slices"
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

func TestCheck(t *testing.T) {
	p := container(t)
	tally, err := Check(p, Options{})
	if err != nil {
		t.Error(err)
	}
	// 26 calls: 4 exits end no other way; each of the others fails with each
	// errno, and 3 of them catch one, the two reports all.
	n := len(Errnos)
	want := Tally{Calls: 26, Clean: 19, Failures: 22 * n, Caught: 2 + 2*n, Walks: tally.Walks}
	if tally != want {
		t.Errorf("tally %+v, want %+v", tally, want)
	}
	if tally.Walks < 22*n {
		t.Errorf("%d walks", tally.Walks)
	}
}

// What Check finds: each of these programs has one thing wrong with it.
func TestCheckFinds(t *testing.T) {
	for _, test := range []struct {
		name string
		emit func(s *sketch)
		want string
	}{
		{"a failure that nobody hears of", func(s *sketch) {
			s.Setsid()
			s.exec()
			s.FailTo(0)
			s.Place(s.setupFailed)
			s.ExitGroup(1)
		}, "0 reports of one failure, when call 1 (setsid) answers EPERM"},
		{"a report through a closed channel", func(s *sketch) {
			s.CloseFD(3)
			s.Setsid()
			s.exec()
			s.endings(s.setupFailed)
		}, "call 4: sendto: argument 0: descriptor 3 is not open, when call 2 (setsid) answers EPERM"},
		{"a report that names nothing", func(s *sketch) {
			s.exec()
			s.FailTo(0)
			end := s.Label()
			s.Place(s.setupFailed)
			s.Send(program.FD(3), s.message(64, 0), program.MessageSize).On(program.AnyErrno, end)
			s.Place(end)
			s.ExitGroup(1)
		}, "the report names offset 64 and errno 0, not 64 and 1, when call 0 (close_range) answers EPERM"},
		{"a report after start through the channel", func(s *sketch) {
			s.Read(program.FD(4), s.Buffer("start", 8, ""), 1)
			s.exec()
			s.endings(s.setupFailed)
		}, "the failure is reported through the channel, not the result fifo, when call 2 (execve) answers EPERM"},
		{"the wrong status", func(s *sketch) {
			s.exec()
			s.FailTo(0)
			s.Place(s.setupFailed)
			s.report(func() *program.Call { return s.Send(program.FD(3), s.Failure(), program.MessageSize) }, 255)
		}, "after the failure it ends with status 255, not 1, when call 1 (execve) answers EPERM"},
		{"more than a report", func(s *sketch) {
			s.exec()
			s.FailTo(0)
			s.Place(s.setupFailed)
			next := s.Label()
			s.Umask(0).On(program.AnyErrno, next)
			s.Place(next)
			s.report(func() *program.Call { return s.Send(program.FD(3), s.Failure(), program.MessageSize) }, 1)
		}, "after the failure 3 calls are made, not just the report and the exit, when call 1 (execve) answers EPERM"},
		{"a failure of the report that is a failure", func(s *sketch) {
			s.exec()
			s.Place(s.setupFailed)
			again := s.Label()
			s.FailTo(again)
			s.Send(program.FD(3), s.Failure(), program.MessageSize)
			s.ExitGroup(1)
			s.FailTo(0)
			s.Place(again)
			s.ExitGroup(1)
		}, "a failure leads to another, of call 2, when call 0 (close_range) answers EPERM, when call 2 (sendto) answers EPERM"},
		{"a failure without a cause", func(s *sketch) {
			s.FailWith(unix.EPERM, "never")
			s.endings(s.setupFailed)
		}, "call 1 fails although nothing goes wrong"},
		{"a silent exit", func(s *sketch) {
			end := s.Label()
			s.Setsid().On(unix.EPERM, end)
			s.exec()
			s.FailTo(0)
			s.Place(end)
			s.ExitGroup(1)
			s.endings(s.setupFailed)
		}, "it exits with status 1 and says nothing, when call 1 (setsid) answers EPERM"},
		{"a program that lives on without its parent", func(s *sketch) {
			s.ask(program.RequestReady, s.Buffer("answer", 8, ""), 8)
			s.Place(s.orphaned)
			s.exec()
			s.endings(s.setupFailed)
		}, "the parent is gone, but the program does more than to exit with an error, when call 2 (recvfrom) answers zero"},
		{"a pid that is kept back", func(s *sketch) {
			child := s.Label()
			s.Clone3(unix.CLONE_PARENT, 0, child)
			s.ExitGroup(0)
			s.Place(child)
			s.exec()
			s.endings(s.setupFailed)
		}, "it does not report the pid of the process that it made"},
		{"a descriptor for the user", func(s *sketch) {
			fs := s.Slot("fs")
			s.Fsopen("tmpfs").Into(fs)
			s.Dup3(fs, 9)
			s.Close(fs)
			s.exec()
			s.endings(s.setupFailed)
		}, "the user's process gets the descriptors [0 1 2 9], not [0 1 2]"},
		{"a descriptor that is forgotten", func(s *sketch) {
			s.Fsopen("tmpfs")
			s.exec()
			s.endings(s.setupFailed)
		}, `descriptor 7 (filesystem context "tmpfs") is open until execve`},
		{"a descriptor of the caller", func(s *sketch) {
			s.CloseRange(3, unix.CLOSE_RANGE_CLOEXEC)
			s.exec()
			s.endings(s.setupFailed)
		}, `descriptor 32 (file "leaked by the caller") is open until execve`},
		{"a descriptor forgotten on one way only", func(s *sketch) {
			root, file := s.Slot("root"), s.Slot("file")
			absent := s.Label()
			s.Openat2(program.CWD, "root", program.DirInRoot).Into(root)
			s.Openat2(root.Content(), "file", program.InRoot).Into(file).On(unix.ENOENT, absent)
			s.Close(file)
			s.Close(root)
			s.Place(absent)
			s.exec()
			s.endings(s.setupFailed)
		}, `descriptor 7 (path "root") is open until execve, when call 2 (openat2) answers ENOENT`},
		{"two detours that do not go together", func(s *sketch) {
			a, b := s.Slot("a"), s.Slot("b")
			noA, noB, done := s.Label(), s.Label(), s.Label()
			s.Fsopen("a").Into(a).On(unix.ENODEV, noA)
			s.Place(noA)
			s.Fsopen("b").Into(b).On(unix.ENODEV, noB)
			s.Close(b)
			s.IsOpen(a).On(unix.EBADF, done)
			s.Close(a)
			s.Place(done)
			s.exec()
			s.FailTo(s.setupFailed)
			s.Place(noB)
			s.Close(a)
			s.exec()
			s.endings(s.setupFailed)
		}, "call 7: close: argument 0: descriptor -19 is not open, when call 1 (fsopen) answers ENODEV, when call 2 (fsopen) answers ENODEV"},
		{"a call that no way leads to", func(s *sketch) {
			s.exec()
			s.Setsid()
			s.endings(s.setupFailed)
		}, "call 2 (setsid) is never reached"},
		{"a request of another step", func(s *sketch) {
			request := s.message(program.MessageRequest, s.Request(program.RequestReady))
			s.Step("elsewhere", "do another thing")
			s.Send(program.FD(3), request, program.MessageSize)
			s.exec()
			s.endings(s.setupFailed)
		}, "call 1 sends request 0, which belongs to another step, when call 2 (execve) answers EPERM"},
		{"a request that there is not", func(s *sketch) {
			s.Send(program.FD(3), s.message(program.MessageRequest, 7), program.MessageSize)
			s.exec()
			s.endings(s.setupFailed)
		}, "call 1 sends the message {2, 7}, which means nothing, when call 2 (execve) answers EPERM"},
		{"two lines in an error", func(s *sketch) {
			s.Step("test", "do a\nthing")
			s.exec()
			s.endings(s.setupFailed)
		}, `Explain gives more than one line: "test: do a\nthing: execve: operation not permitted", when call 1 (execve) answers EPERM`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSketch()
			if !strings.Contains(test.want, "leaked") {
				s.CloseRange(leakedFD, 0)
			}
			test.emit(s)
			_, err := Check(s.finish(t), Options{Inherited: inherited})
			lines := strings.Split(errorText(err), "\n")
			for _, line := range lines {
				if strings.TrimPrefix(line, "amd64: ") == test.want {
					return
				}
			}
			t.Errorf("found:\n%s\nwithout:\n%s", strings.Join(lines, "\n"), test.want)
		})
	}
}

func TestInherited(t *testing.T) {
	got := Inherited(container(t))
	for i := range got {
		got[i].Cloexec = true // which the program has to see to
	}
	if !slices.Equal(got, inherited) {
		t.Errorf("found %v, want %v", got, inherited)
	}
}
