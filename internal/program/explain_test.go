package program

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	b := NewBuilder()
	failed := b.Label()
	b.FailTo(failed)
	b.Step("mounts[3]", "mount tmpfs on /dev/shm")
	fs := b.Slot("fs")
	b.Fsopen("tmpfs").Into(fs)
	b.Fsmount(fs, 0)
	b.Step("linux.seccomp", "an empty step, as a pass leaves that has nothing to do")
	b.Step("process.args[0]", `exec: "sh"`).Plain = true
	b.Chdir("/")
	b.FailWith(unix.ENOENT, `exec: "sh": executable file not found in $PATH`)
	b.FailTo(0)
	b.Step(Runtime, "report")
	b.Place(failed)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		call  int
		errno unix.Errno
		want  string
	}{
		{0, unix.ENODEV, "mounts[3]: mount tmpfs on /dev/shm: fsopen: no such device"},
		{1, unix.ENOSPC, "mounts[3]: mount tmpfs on /dev/shm: fsmount: no space left on device"},
		{2, unix.EACCES, `process.args[0]: exec: "sh": permission denied`},
		{3, unix.ENOENT, `process.args[0]: exec: "sh": executable file not found in $PATH`},
		{4, unix.EINVAL, "runtime: report: exit_group: invalid argument"},
		{5, unix.EIO, "internal error: the program reports a failure at offset 544: input/output error"},
	} {
		err := p.Explain(uint64(FirstCallOffset+CallSize*test.call), test.errno)
		if err.Error() != test.want {
			t.Errorf("call %d: %q\nwant: %q", test.call, err, test.want)
		}
		if !errors.Is(err, test.errno) {
			t.Errorf("call %d: %q is not %v", test.call, err, test.errno)
		}
		var e *StepError
		if errors.As(err, &e) != (test.call < len(p.Calls)) {
			t.Errorf("call %d: %T", test.call, err)
		} else if e != nil && (e.Call != p.Calls[test.call].Sys || e.Errno != test.errno) {
			t.Errorf("call %d: %+v", test.call, e)
		}
	}
	for _, offset := range []uint64{0, 1, FirstCallOffset - 1, ^uint64(0)} {
		if err := p.Explain(offset, unix.EIO); !errors.Is(err, unix.EIO) || errors.As(err, new(*StepError)) {
			t.Errorf("offset %d: %v", offset, err)
		}
	}
}
