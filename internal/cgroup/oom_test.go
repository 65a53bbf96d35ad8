package cgroup

import (
	"errors"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// awaitOOM polls as who watches does, and tells whether it has happened.
func awaitOOM(t *testing.T, w *OOMWatch, limit time.Duration) bool {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		poll := []unix.PollFd{{Fd: int32(w.FD), Events: w.Events}}
		if _, err := unix.Poll(poll, millis(limit)); err != nil && err != unix.EINTR {
			t.Fatal(err)
		}
		happened, err := w.Happened()
		if err != nil {
			t.Fatal(err)
		}
		if happened {
			return true
		}
	}
	return false
}

func TestWatchOOM(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 && !hasControllers("/sys/fs/cgroup", "memory") {
			p := plan(t, facts, name(t), nil)
			if err := p.Create(); err != nil {
				t.Fatal(err)
			}
			w, err := WatchOOM(p.Paths())
			if err != nil || w.FD >= 0 {
				t.Errorf("without a controller for memory: %+v, %v", w, err)
			}
			if happened, err := w.Happened(); err != nil || happened {
				t.Errorf("without a controller for memory: %t, %v", happened, err)
			}
			return
		}
		p := plan(t, facts, name(t), &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Swap: ptr(int64(32 << 20))}})
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		w, err := WatchOOM(p.Paths())
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		if happened, err := w.Happened(); err != nil || happened {
			t.Errorf("at once: %t, %v", happened, err)
		}
		for range 2 {
			c := enter(t, p, "eat")
			if !awaitOOM(t, w, time.Minute) {
				t.Error("a process was killed, and nobody says so")
			}
			c.Process.Wait()
			_, _ = w.Happened() // v1 may say it more than once
		}
		if err := Remove(p.Paths()); err != nil {
			t.Fatal(err)
		}
		if happened, err := w.Happened(); err != nil || happened {
			t.Errorf("once the cgroup is gone: %t, %v", happened, err)
		}
	})
}
