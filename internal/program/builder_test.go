package program

import (
	"testing"

	"golang.org/x/sys/unix"
)

// What goes wrong while building is told by Finish, with the step it belongs to.
func TestFinish(t *testing.T) {
	for _, test := range []struct {
		name string
		emit func(b *Builder)
		want string
	}{
		{"nothing wrong", func(b *Builder) { b.Setsid() }, ""},
		{"a NUL in a path", func(b *Builder) { b.Chdir("/a\x00b") },
			`mounts[0]: do it: "/a\x00b" holds a NUL byte`},
		{"the first of two", func(b *Builder) { b.Chdir("\x00"); b.Step("b", "c"); b.Chdir("\x00b") },
			`mounts[0]: do it: "\x00" holds a NUL byte`},
		{"a label placed twice", func(b *Builder) {
			l := b.Label()
			b.Setsid().On(unix.EPERM, l)
			b.Place(l)
			b.Setsid()
			b.Place(l)
		}, "mounts[0]: do it: internal error: a label is placed twice"},
		{"a label that is not placed", func(b *Builder) { b.Setsid().On(unix.EPERM, b.Label()) },
			"internal error: label 2 is not placed"},
		{"a label placed behind the last call", func(b *Builder) {
			l := b.Label()
			b.Setsid().Then(l)
			b.errs = nil
			b.labels[l] = 99
		}, "internal error: call 0 (setsid): jump to call 99"},
		{"a label before its call", func(b *Builder) {
			l := b.Label()
			b.Setsid()
			b.Place(l)
			b.Setsid()
			b.Setsid().Then(l)
		}, "internal error: call 2 (setsid): jump to call 1"},
		{"a call that fails to nowhere", func(b *Builder) { b.FailTo(0); b.Setsid() },
			"internal error: call 0 (setsid): a failure leads nowhere"},
		{"an interface name that is too long", func(b *Builder) { b.SetInterfaceFlags(b.Slot("fd"), "abcdefghijklmnopq", 1) },
			"internal error: datum 2 (ifreq): 17 bytes of text in 16"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := NewBuilder()
			b.Step("mounts[0]", "do it")
			end := b.Label()
			b.FailTo(end)
			test.emit(b)
			b.FailTo(0)
			b.Place(end)
			b.ExitGroup(1)
			p, err := b.Finish()
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error: %q\nwant:  %q", got, test.want)
			}
			if (p == nil) != (err != nil) {
				t.Errorf("a program and an error, or neither: %v, %v", p, err)
			}
		})
	}
}

// Equal strings and structs are placed once.
func TestSharing(t *testing.T) {
	b := NewBuilder()
	b.Step("test", "share")
	end := b.Label()
	b.FailTo(end)
	b.Openat2(CWD, "a", InRoot)
	before := len(b.p.Data)
	b.Openat2(CWD, "a", InRoot)
	b.MountSetattrAt(CWD, "a", 0, MountAttr{Set: 1})
	b.MountSetattrAt(CWD, "a", 0, MountAttr{Set: 1})
	if got := len(b.p.Data) - before; got != 1 {
		t.Errorf("%d data are added, want 1", got)
	}
	b.MountSetattrAt(CWD, "a", 0, MountAttr{Set: 2})
	b.Openat2(CWD, "b", DirInRoot)
	if got := len(b.p.Data) - before; got != 4 {
		t.Errorf("%d data are added, want 4", got)
	}
}

func TestListing(t *testing.T) {
	b := NewBuilder()
	failed, done := b.Label(), b.Label()
	b.FailTo(failed)
	b.Step("mounts[1]", "mount tmpfs on /dev")
	target := b.Slot("target")
	b.Openat2(CWD, "dev", DirInRoot).Into(target).On(unix.ENOENT, done)
	b.Close(target).Then(done)
	b.Step("linux.seccomp", "do nothing")
	b.Step("process", "end")
	b.Place(done)
	b.FailWith(unix.ENOENT, "it is not there")
	b.FailTo(0)
	b.Place(failed)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	const want = `mounts[1]: mount tmpfs on /dev
    0  target = openat2(AT_FDCWD, "dev", {flags=O_PATH|O_DIRECTORY|O_CLOEXEC, resolve=RESOLVE_IN_ROOT|RESOLVE_NO_MAGICLINKS}, 24)  ENOENT: goto 2
    1  close(target)                                                          goto 2

linux.seccomp: do nothing

process: end
    2  -ENOENT                                                                fail: it is not there
    3  exit_group(1)
`
	if got := p.Listing(); got != want {
		t.Errorf("listing:\n%s\nwant:\n%s", got, want)
	}
}
