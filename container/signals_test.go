package container

import (
	"errors"
	"slices"
	"testing"

	"github.com/vial-run/vial/internal/launch"
	"golang.org/x/sys/unix"
)

// TestGuard: what ends the making of a container, and what is kept for its process.
func TestGuard(t *testing.T) {
	for _, c := range []struct {
		name  string
		sent  []unix.Signal
		asked unix.Signal
	}{
		{"nothing", nil, 0},
		{"others", []unix.Signal{unix.SIGUSR1, unix.SIGQUIT, unix.Signal(64)}, 0},
		{"interrupt", []unix.Signal{unix.SIGUSR1, unix.SIGTERM, unix.SIGINT}, unix.SIGTERM},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := NewSignals()
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, signal := range c.sent {
				s.Send(signal)
			}
			g := newGuard(s)
			err = g.begin()
			if g.asked != c.asked || (c.asked != 0) != errors.Is(err, launch.ErrInterrupted) {
				t.Errorf("%v: %v", g.asked, err)
			}
			if !slices.Equal(g.held, c.sent) {
				t.Errorf("held %v, sent %v", g.held, c.sent)
			}
		})
	}
	s, err := NewSignals()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	g := newGuard(s)
	g.pass(true)
	s.Send(unix.SIGINT)
	if g.Asked() || !slices.Equal(g.held, []unix.Signal{unix.SIGINT}) {
		t.Error("a signal for the process ends vial")
	}
	g.pass(false)
	s.Send(unix.SIGINT)
	if !g.Asked() {
		t.Error("an interrupt does not end vial")
	}
	var none *guard
	if none.Asked() || none.Descriptor() != -1 || none.begin() != nil {
		t.Error("a guard of no signals asks for something")
	}
}

// TestForwarding: it ends when it is told to, and not before all that came first
// is passed on.
func TestForwarding(t *testing.T) {
	s, err := NewSignals()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	own, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(own)
	s.Send(unix.SIGWINCH) // which nobody minds
	s.forwarding(listener{pidfd: own})()
	if left := s.take(); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
	var none *Signals
	none.forwarding(listener{pidfd: own})()
}
