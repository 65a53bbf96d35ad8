package container

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// crowd is how many do the same at once.
const crowd = 50

// atOnce calls do n times at once and is what came of it.
func atOnce(n int, do func(i int) error) []error {
	errs := make([]error, n)
	begin := make(chan struct{})
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			<-begin
			errs[i] = do(i)
		})
	}
	close(begin)
	wait.Wait()
	return errs
}

// wins counts those that succeeded; the others have to be of an allowed kind.
func wins(t *testing.T, errs []error, allowed func(error) bool) int {
	t.Helper()
	n := 0
	for _, err := range errs {
		switch {
		case err == nil:
			n++
		case !allowed(err):
			t.Errorf("got %v", err)
		}
	}
	return n
}

func none(error) bool { return false }

func TestCreateOneIDAtOnce(t *testing.T) {
	b := newBed(t, "sleep")
	before := b.picture()
	id := b.id()
	errs := atOnce(crowd, func(int) error { return b.Create(id, b.options()) })
	if n := wins(t, errs, func(err error) bool { return errors.Is(err, ErrExist) }); n != 1 {
		t.Errorf("%d creates of one id succeeded", n)
	}
	if got := b.status(id); got != Created {
		t.Errorf("it is %s", got)
	}
	b.ok(b.Start(id))
	b.delete(id)
	b.unchangedBut(before, b.rootfs())
}

func TestCreateManyIDsAtOnce(t *testing.T) {
	b := newBed(t, "sleep")
	before := b.picture()
	var ids [crowd]string
	for i := range ids {
		ids[i] = b.id()
	}
	for _, do := range []func(int) error{
		func(i int) error { return b.Create(ids[i], b.options()) },
		func(i int) error { return b.Start(ids[i]) },
		func(i int) error {
			record, err := b.store().Peek(ids[i])
			if err == nil {
				err = b.Delete(ids[i], Force)
				reap(record.Pid)
			}
			return err
		},
	} {
		wins(t, atOnce(crowd, do), none)
	}
	b.unchangedBut(before, b.rootfs())
}

func TestStartAtOnce(t *testing.T) {
	b := newBed(t, "sleep")
	for range 10 {
		id := b.created()
		n := wins(t, atOnce(8, func(int) error { return b.Start(id) }), func(err error) bool {
			return strings.HasSuffix(err.Error(), ": cannot start an already running container")
		})
		if n != 1 || b.status(id) != Running {
			t.Errorf("%d starts succeeded, it is %s", n, b.status(id))
		}
		b.delete(id)
	}
}

// TestEverythingAtOnce starts, kills, describes and deletes one container at
// once. Each may find it gone, and in the end it is gone without a trace.
func TestEverythingAtOnce(t *testing.T) {
	b := newBed(t, "sleep")
	first := b.created() // makes the mount points
	b.delete(first)
	before := b.picture()
	for range 20 {
		id := b.created()
		pid := b.pid(id)
		errs := atOnce(16, func(i int) error {
			switch i % 4 {
			case 0:
				return b.Start(id)
			case 1:
				return b.Kill(id, unix.SIGKILL, FirstProcess)
			case 2:
				_, err := b.State(id)
				return err
			}
			return b.Delete(id, Force)
		})
		wins(t, errs, func(err error) bool {
			return errors.Is(err, ErrNotExist) || errors.Is(err, ErrNotRunning) || strings.Contains(err.Error(), ": cannot start a")
		})
		reap(pid)
		b.unchanged(&before)
	}
}

// TestCreateAgainstDelete makes and removes containers of one id at once.
func TestCreateAgainstDelete(t *testing.T) {
	b := newBed(t, "exit", "0")
	first := b.created()
	b.delete(first)
	before := b.picture()
	id := b.id()
	for range 5 {
		errs := atOnce(12, func(i int) error {
			if i%2 == 0 {
				return b.Create(id, b.options())
			}
			return b.Delete(id, Force)
		})
		wins(t, errs, func(err error) bool { return errors.Is(err, ErrExist) })
	}
	b.ok(b.Delete(id, Force))
	b.buryAll()
	b.unchanged(&before)
}
