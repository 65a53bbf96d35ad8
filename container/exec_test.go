package container

import (
	"fmt"
	"testing"

	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// TestExecWhileItEnds enters a container whose first process has been killed and
// cannot end: the kernel has it wait until everybody else of its pid namespace
// is buried, and this test does not bury the one that it has started.
func TestExecWhileItEnds(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.in(Running)
	pid := b.pid(id)
	o := ExecOptions{Args: []string{"/probe", "sleep"}}
	first, err := b.Exec(id, o)
	b.ok(err)
	late, err := b.join(id, o, detached)
	b.ok(err)
	defer late.close()
	refused := fmt.Errorf("clone3: %w", unix.ENOMEM) // of a process that had joined before
	if late.ended(refused) {
		t.Error("it counts as ended while it lives")
	}
	b.ok(b.Kill(id, unix.SIGKILL, FirstProcess))
	eventually(t, "the first process is on its way out", func() bool {
		exiting, err := state.Exiting(pid)
		return err == nil && exiting
	})
	if !late.ended(refused) || !late.ended(errKilled) {
		t.Error("it does not count as ended while it waits")
	}
	for range 3 {
		if _, err = b.Exec(id, o); err == nil {
			t.Fatal("it was entered")
		}
		b.fails(err, "exec "+id+": cannot exec in a stopped container")
	}
	status, err := first.Wait()
	if err != nil || status != 128+int(unix.SIGKILL) {
		t.Errorf("the first one: status %d, %v", status, err)
	}
	reap(pid)
	if exiting, err := state.Exiting(pid); err != nil || !exiting {
		t.Errorf("buried, it is exiting %t, %v", exiting, err)
	}
}
