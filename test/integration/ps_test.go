package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// pidsOf are the processes that ps --format json lists.
func pidsOf(b *bed.Bundle) (pids []int) {
	b.T.Helper()
	b.Must(json.Unmarshal([]byte(b.Vial("ps", "--format", "json", b.ID).OK().Stdout), &pids))
	return pids
}

func TestPS(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	pid := b.Created("children", "3", "sleep")
	same(t, "json", b.Vial("ps", "--format", "json", b.ID).OK().Stdout, "["+itoa(pid)+"]\n")
	b.Vial("start", b.ID).OK()
	b.Until("the children are there", func() bool { return len(pidsOf(b)) == 4 })
	if pids := pidsOf(b); pids[0] != pid {
		t.Errorf("pids %v, the first is %d", pids, pid)
	}
	b.Env = []string{} // as some engines call: without a PATH
	if _, err := os.Stat("/usr/bin/ps"); err != nil {
		b.Vial("ps", b.ID).Fails("ps "+b.ID, "the host has no ps(1)", "install it", "use --format json, which needs none")
	} else {
		table := b.Vial("ps", b.ID).OK().Stdout
		if strings.Count(table, "\n") != 5 || !strings.HasPrefix(table, "UID ") || strings.Count(table, "/probe children 3 sleep") != 4 {
			t.Errorf("ps: %s", table)
		}
		want := "    PID COMMAND\n"
		for _, pid := range pidsOf(b) {
			want += fmt.Sprintf("%7d probe\n", pid)
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		same(t, "ps -o", squeeze(b.Vial("ps", b.ID, "-e", "-o", "pid,comm").OK().Stdout), squeeze(want))
		b.Vial("ps", b.ID, "-e", "-o", "comm").Fails("couldn't find PID field in ps output")
		b.Vial("ps", b.ID, "--nonsense").Fails("ps "+b.ID, "ps --nonsense: exit status 1: ")
	}
	b.Vial("ps", "-f", "xml", b.ID).Fails("ps: invalid format option")
	b.Vial("kill", b.ID, "KILL").OK()
	b.Until("it has stopped", func() bool { return b.Status() == "stopped" && len(pidsOf(b)) == 0 })
	same(t, "json", b.Vial("ps", "--format", "json", b.ID).OK().Stdout, "null\n")
}

// TestDeleteStorm: a container whose processes come and go goes as a whole.
func TestDeleteStorm(t *testing.T) {
	t.Parallel()
	for range 5 {
		b := bed.New(t)
		b.Spec.Process.Args = []string{"/probe", "storm"}
		b.Detached().OK()
		b.Until("the storm is there", func() bool { return strings.Contains(b.Output(), "ready") })
		b.Vial("delete", "--force", b.ID).OK()
		b.NothingLeft()
		b.Vial("run", "--detach", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID).OK()
		b.Adopt(b.Path("pid"))
		b.Vial("kill", b.ID, "KILL").OK()
		b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
		b.Vial("delete", b.ID).OK()
		b.NothingLeft()
	}
}

// adoptAll takes note of a container's processes, which fall to the tests when
// their parent ends.
func adoptAll(b *bed.Bundle) {
	b.T.Helper()
	for _, pid := range pidsOf(b) {
		b.File(b.Path("adopted"), itoa(pid))
		b.Adopt(b.Path("adopted"))
	}
}

// TestHostPIDs: without a pid namespace of its own, SIGKILL is for every process
// of the container, and so is delete; other signals are for the first.
func TestHostPIDs(t *testing.T) {
	t.Parallel()
	crowd := func(t *testing.T) *bed.Bundle {
		b := bed.New(t)
		hostPIDs(b)
		b.Spec.Process.Args = []string{"/probe", "children", "5", "signal-wait"}
		b.Detached().OK()
		b.Until("the process runs", func() bool { return strings.Contains(b.Output(), "ready") })
		adoptAll(b)
		return b
	}
	t.Run("kill KILL", func(t *testing.T) {
		t.Parallel()
		b := crowd(t)
		b.Vial("kill", b.ID, "KILL").OK()
		b.Until("all have ended", func() bool { return len(pidsOf(b)) == 0 })
		b.Vial("kill", b.ID, "KILL").Fails("unable to kill all processes: container not running")
		b.Vial("kill", "--all", b.ID, "KILL").OK()
	})
	t.Run("kill TERM", func(t *testing.T) {
		t.Parallel()
		b := crowd(t)
		b.Vial("kill", b.ID, "TERM").OK()
		b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
		same(t, "processes that are left", len(pidsOf(b)), 5)
		b.Vial("kill", b.ID, "TERM").Fails("container not running")
		b.Vial("delete", b.ID).OK()
		b.NothingLeft()
	})
	t.Run("kill --all TERM", func(t *testing.T) {
		t.Parallel()
		b := crowd(t)
		b.Vial("kill", "--all", b.ID, "TERM").OK()
		b.Until("all have ended", func() bool { return len(pidsOf(b)) == 0 })
	})
	t.Run("delete --force", func(t *testing.T) {
		t.Parallel()
		b := crowd(t)
		b.Vial("delete", "--force", b.ID).OK()
		b.NothingLeft()
	})
	t.Run("run --keep", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		hostPIDs(b)
		b.Spec.Process.Args = []string{"/probe", "children", "5", "exit", "3"}
		r := b.Kept()
		same(t, "the exit status", r.Status, 3)
		adoptAll(b)
		same(t, "processes that are left", len(pidsOf(b)), 5)
		same(t, "the status", b.Status(), "stopped")
		b.Vial("delete", b.ID).OK()
		b.NothingLeft()
	})
}
