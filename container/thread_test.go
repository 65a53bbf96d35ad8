package container

import (
	"runtime"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// TestCallersThread: what the caller's thread has of its own, the process has too,
// unless the caller has said that any thread will do.
func TestCallersThread(t *testing.T) {
	b := newBed(t, "sleep")
	id, made := b.id(), make(chan error)
	go func() {
		runtime.LockOSThread() // and ends with it
		err := unix.Setpriority(unix.PRIO_PROCESS, 0, 7)
		if err == nil {
			err = b.Create(id, b.options())
		}
		made <- err
	}()
	b.ok(<-made)
	priority, err := unix.Getpriority(unix.PRIO_PROCESS, b.pid(id))
	b.ok(err)
	if priority != 20-7 { // what the system call gives: 20 less the nice value
		t.Errorf("its nice value is %d, want 7", 20-priority)
	}
	b.ok(b.Delete(id, Force))
}

// TestAnyThread: with the caller's leave it is another one, which does not stay.
func TestAnyThread(t *testing.T) {
	b := newBed(t, "exit", "7")
	b.AnyThread = true
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if status, err := b.Run("any"+strconv.Itoa(i), RunOptions{Options: b.options()}); err != nil || status != 7 {
				t.Errorf("status %d, %v", status, err)
			}
		})
	}
	all.Wait()
}
