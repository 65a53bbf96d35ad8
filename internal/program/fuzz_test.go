package program_test

import (
	"testing"

	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/program/vm"
	"golang.org/x/sys/unix"
)

// FuzzDecode proves that Decode takes any bytes without a panic, and that what
// it accepts is a program that runs to an end: execve, exit or a violation.
func FuzzDecode(f *testing.F) {
	for _, cpu := range program.CPUs {
		f.Add(seed(f).Encode(cpu))
	}
	f.Add([]byte{})
	f.Add(make([]byte, program.FirstCallOffset))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := program.Decode(b); err != nil {
			return
		}
		for _, cpu := range program.CPUs {
			trace, err := vm.Run(b, []vm.Descriptor{{Number: 3, Kind: vm.Channel}}, &vm.Fake{CPU: cpu})
			if err != nil {
				continue
			}
			for _, p := range trace.Processes {
				if p.End == vm.Return {
					t.Fatal("the run is over, but a process has not ended")
				}
			}
		}
	})
}

func seed(t testing.TB) *program.Program {
	t.Helper()
	b := program.NewBuilder()
	failed, missing, child := b.Label(), b.Label(), b.Label()
	b.FailTo(failed)
	b.Step("test", "be a seed")
	b.Clone3(unix.CLONE_PARENT|unix.CLONE_NEWNS, 0, child)
	b.ExitGroup(0)
	b.Place(child)
	fd := b.Slot("fd")
	b.Openat2(program.CWD, "a", program.DirInRoot).Into(fd).On(unix.ENOENT, missing)
	b.SendWithFD(program.FD(3), b.Failure(), program.MessageSize, fd)
	b.Close(fd)
	b.Place(missing)
	b.Execve(b.String("/a"), b.Strings("argv", []string{"a"}), b.Strings("envp", nil))
	b.FailTo(0)
	b.Place(failed)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}
