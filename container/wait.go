package container

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/vial-run/vial/internal/state"
	"github.com/vial-run/vial/internal/sys"
	"golang.org/x/sys/unix"
)

// ErrNotChild says that there is no exit status to be had: the container was
// made by another program, or somebody has waited for it already.
var ErrNotChild = errors.New("the container's first process is no child of this program, or has been waited for")

// Wait waits until the first process of a container has ended and is its exit
// status, 128 and the number of the signal if one killed it. The container has
// to be one that this program has made, by Create or RunDetached; it need not be
// started yet. It is left to be deleted.
//
// A status is to be had once: whoever waits later, or at the same time, gets
// ErrNotChild. When ctx ends, Wait gives up and is its error; the container is
// not touched. While it waits it holds no thread.
func (r *Runtime) Wait(ctx context.Context, id string) (int, error) {
	status, err := r.wait(ctx, id)
	return status, within("wait", id, err)
}

func (r *Runtime) wait(ctx context.Context, id string) (int, error) {
	if err := state.CheckID(id); err != nil {
		return 1, err
	}
	defer r.awaited.add(id)()
	record, err := r.store().Peek(id)
	if err != nil {
		return 1, err
	}
	// Nonblocking, so that Go's poller takes it.
	pidfd, err := childPidfd(record, unix.PIDFD_NONBLOCK)
	if err != nil {
		return 1, err
	}
	status, err := awaitEnd(ctx, pidfd)
	if err != nil {
		return 1, err
	}
	return statusAfter(status), nil
}

// childPidfd is a descriptor of a container's first process, which may have
// ended, if it is a child that this program has not waited for.
func childPidfd(record state.Record, flags int) (int, error) {
	if record.Pid <= 0 {
		return -1, ErrNotRunning // it is still being created
	}
	pidfd, err := sys.PidfdOpen(record.Pid, flags)
	if errors.Is(err, unix.ESRCH) {
		return -1, ErrNotChild
	}
	if err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", record.Pid, err)
	}
	_, _, err = sys.Waitid(pidfd, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT|unix.WALL)
	same := false
	switch {
	case errors.Is(err, unix.ECHILD), errors.Is(err, unix.EINVAL):
		err = ErrNotChild
	case err == nil:
		same, err = record.Names()
	}
	if err == nil && !same {
		err = ErrNotChild // another child that has got the number
	}
	if err != nil {
		unix.Close(pidfd)
		return -1, err
	}
	return pidfd, nil
}

// awaitEnd waits for a child and closes its pidfd.
func awaitEnd(ctx context.Context, pidfd int) (status unix.WaitStatus, err error) {
	f := os.NewFile(uintptr(pidfd), "pidfd")
	defer f.Close()
	defer context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })()
	conn, err := f.SyscallConn()
	if err != nil {
		return 0, err
	}
	waitErr := error(nil)
	err = conn.Read(func(fd uintptr) bool {
		ended := false
		status, ended, waitErr = sys.Waitid(int(fd), unix.WEXITED|unix.WNOHANG|unix.WALL)
		return ended || waitErr != nil
	})
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return 0, context.Cause(ctx)
	case errors.Is(waitErr, unix.ECHILD):
		return 0, ErrNotChild
	case err == nil:
		err = waitErr
	}
	if err != nil {
		return 0, fmt.Errorf("wait for the container's first process: %w", err)
	}
	return status, nil
}

// bury waits for a first process that has ended and is this program's child, so
// that no zombie is left, unless somebody else waits for it.
func (r *Runtime) bury(record state.Record) {
	if r.awaited.has(record.ID) {
		return
	}
	pidfd, err := childPidfd(record, 0)
	if err != nil {
		return
	}
	_, _, _ = sys.Waitid(pidfd, unix.WEXITED|unix.WNOHANG|unix.WALL)
	unix.Close(pidfd)
}

// awaited are the containers for which somebody in this program waits.
type awaited struct {
	mu  sync.Mutex
	ids map[string]int
}

// add counts one who waits, until done is called.
func (a *awaited) add(id string) (done func()) {
	a.count(id, 1)
	return func() { a.count(id, -1) }
}

func (a *awaited) count(id string, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ids == nil {
		a.ids = map[string]int{}
	}
	if a.ids[id] += n; a.ids[id] == 0 {
		delete(a.ids, id)
	}
}

func (a *awaited) has(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.ids[id] > 0
}
