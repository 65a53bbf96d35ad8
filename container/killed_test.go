package container

import (
	"errors"
	"slices"
	"testing"

	"github.com/vial-run/vial/internal/state"
	"github.com/vial-run/vial/test/host"
	"golang.org/x/sys/unix"
)

// killedCreate waits until a killed create has come to rest, and tells what is
// left: nothing, a directory, or a container that is whole because the kill
// came after all was done.
func (b *bed) killedCreate(id string) string {
	b.t.Helper()
	left := ""
	eventually(b.t, "nothing runs but the process of a whole container", func() bool {
		running := b.running()
		record, err := b.store().Peek(id)
		switch {
		case errors.Is(err, ErrNotExist):
			left = "nothing"
			if exists(b.Root + "/" + id) {
				left = "a directory"
			}
		case err != nil:
			b.t.Fatal(err)
		case record.Phase == state.PhaseCreating:
			left = "a directory with a record"
		case slices.Equal(running, []int{record.Pid}):
			left = "whole"
			return b.status(id) == Created
		default:
			left = "a record of a process that is dead"
		}
		return len(running) == 0
	})
	return left
}

// running are the children of this process that have not ended; those that have
// are buried.
func (b *bed) running() []int {
	b.t.Helper()
	children, err := host.Children()
	b.ok(err)
	return slices.DeleteFunc(children, func(pid int) bool {
		ended, err := unix.Wait4(pid, nil, unix.WALL|unix.WNOHANG, nil)
		return ended == pid || err != nil
	})
}

// TestKilledBeforeLeave kills vial when the record is there and the process has
// no leave to go on yet: when it opens the pid file.
func TestKilledBeforeLeave(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	b.ok(unix.Mkdir(b.bundle+"/pids", 0o700))
	watch, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		t.Skip("needs fanotify:", err)
	}
	err = unix.FanotifyMark(watch, unix.FAN_MARK_ADD, unix.FAN_OPEN_PERM|unix.FAN_EVENT_ON_CHILD, unix.AT_FDCWD, b.bundle+"/pids")
	if err != nil {
		unix.Close(watch)
		t.Skip("needs fanotify with permissions:", err)
	}
	id := b.id()
	cmd := b.command("create", "--pid-file", "pids/pid", id)
	b.ok(cmd.Start())
	poll := []unix.PollFd{{Fd: int32(watch), Events: unix.POLLIN}}
	n, err := unix.Poll(poll, 10_000)
	_ = cmd.Process.Kill()
	unix.Close(watch) // lets the open go on, if the kill does not
	_ = cmd.Wait()
	if n != 1 || err != nil {
		t.Fatalf("the pid file was not opened: %d, %v", n, err)
	}
	eventually(t, "the process has ended, since vial has", func() bool {
		return b.killedCreate(id) == "a record of a process that is dead"
	})
	b.says(b.vial("create", id), answer{})
	b.says(b.vial("delete", "--force", id), answer{})
	b.buryAll()
}
