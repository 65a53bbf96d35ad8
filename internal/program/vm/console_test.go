package vm

import (
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// ptmx opens a terminal as the kernel has it opened: its master first.
func ptmx(s *sketch) program.Slot {
	master := s.Slot("master")
	s.Openat2(program.CWD, "dev/pts/ptmx", program.How{
		Flags: program.O_RDWR | program.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT,
	}).Into(master)
	return master
}

// TestTerminals holds calls on terminals to the order that the kernel demands.
func TestTerminals(t *testing.T) {
	for _, test := range []struct {
		name string
		emit func(*sketch)
		want string
	}{
		{"as it has to be", func(s *sketch) {
			peer := s.Slot("peer")
			s.Setsid()
			master := ptmx(s)
			s.UnlockTerminal(master)
			s.OpenPeer(master).Into(peer)
			s.SetWindowSize(master, 24, 80)
			s.ControlTerminal(peer)
			s.Fchown(peer.Content(), 1000)
		}, ""},
		{"a peer that is locked", func(s *sketch) { s.OpenPeer(ptmx(s)) },
			`ioctl: the peer of 7 (terminal's master "dev/pts/ptmx") is locked`},
		{"a file that is no terminal", func(s *sketch) {
			fd := s.Slot("fd")
			s.Openat2(program.CWD, "dev/ptmx.txt", program.How{Flags: program.O_RDWR | program.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}).Into(fd)
			s.UnlockTerminal(fd)
		}, `ioctl: argument 0: descriptor 7 (file "dev/ptmx.txt") is of the wrong kind`},
		{"a master that is to control", func(s *sketch) {
			s.Setsid()
			s.ControlTerminal(ptmx(s))
		}, `ioctl: argument 0: descriptor 7 (terminal's master "dev/pts/ptmx") is of the wrong kind`},
		{"a process that leads no session", func(s *sketch) {
			peer, master := s.Slot("peer"), ptmx(s)
			s.UnlockTerminal(master)
			s.OpenPeer(master).Into(peer)
			s.ControlTerminal(peer)
		}, "ioctl: the process does not lead its session"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSketch()
			test.emit(s)
			s.endings(s.setupFailed, s.orphaned)
			p := s.finish(t)
			_, err := Run(p.Encode(program.AMD64), inherited, &Fake{CPU: program.AMD64, Requests: p.Requests})
			if got := errorText(err); test.want == "" && got != "" || len(got) < len(test.want) || got[len(got)-len(test.want):] != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}
