package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// hostPIDs has the container see the host's processes, and the host the
// container's as its own.
func hostPIDs(b *bed.Bundle) {
	var kept []specs.LinuxNamespace
	for _, n := range b.Spec.Linux.Namespaces {
		if n.Type != specs.PIDNamespace {
			kept = append(kept, n)
		}
	}
	b.Spec.Linux.Namespaces = kept
}

// TestPause: a paused process stands still, until it is resumed.
func TestPause(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Mkdir(b.In("out"))
	b.Spec.Process.Args = []string{"/probe", "tick", "/out/n"}
	b.Detached().OK()
	count := func() string {
		text, _ := os.ReadFile(b.In("out/n"))
		return string(text)
	}
	b.Until("it counts", func() bool { return len(count()) > 0 })
	b.Vial("resume", b.ID).Fails("resume "+b.ID, "container not paused")
	for range 2 {
		b.Vial("pause", b.ID).OK()
		same(t, "the status", b.Status(), "paused")
		before := count()
		time.Sleep(20 * time.Millisecond)
		same(t, "the count", count(), before)
		b.Vial("pause", b.ID).Fails("pause "+b.ID, "container not running")
		b.Vial("start", b.ID).Fails("cannot start a container in the paused state")
		execFails(b.Vial("exec", b.ID, "/probe", "report"), t, "cannot exec in a paused container (use --ignore-paused to override)")
		b.Vial("delete", b.ID).Fails("cannot delete container " + b.ID + " that is not stopped: paused")
		b.Vial("resume", b.ID).OK()
		same(t, "the status", b.Status(), "running")
		b.Until("it counts on", func() bool { return count() != before })
	}
	b.Vial("pause", b.ID).OK()
	b.Vial("delete", "--force", b.ID).OK()
	b.NothingLeft()
}

// A container that waits for start can be paused, and waits for start again.
func TestPauseCreated(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("report")
	b.Vial("pause", b.ID).OK()
	b.Vial("start", b.ID).Fails("cannot start a container in the paused state")
	b.Vial("resume", b.ID).OK()
	same(t, "the status", b.Status(), "created")
	if p := b.Started().Process; p == nil {
		t.Error("it did not run")
	}
	b.Vial("pause", b.ID).Fails("container not running")
	b.Vial("resume", b.ID).Fails("container not paused")
}

// What keeps forking comes to a stand too.
func TestPauseStorm(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.Args = []string{"/probe", "storm"}
	b.Detached().OK()
	b.Until("the storm is there", func() bool { return strings.Contains(b.Output(), "ready") })
	for range 3 {
		b.Vial("pause", b.ID).OK()
		first := b.Vial("ps", "--format", "json", b.ID).OK().Stdout
		time.Sleep(20 * time.Millisecond)
		same(t, "the processes", b.Vial("ps", "--format", "json", b.ID).OK().Stdout, first)
		b.Vial("resume", b.ID).OK()
	}
	b.Vial("delete", "--force", b.ID).OK()
	b.NothingLeft()
}

// TestKillPaused: SIGKILL ends a paused container, whosever its pids are, and
// any other signal waits until it goes on.
func TestKillPaused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		pids func(*bed.Bundle)
		kill []string
	}{
		{"kill", func(*bed.Bundle) {}, []string{"KILL"}},
		{"kill, host pids", hostPIDs, []string{"KILL"}},
		{"kill all", func(*bed.Bundle) {}, []string{"--all", "KILL"}},
		{"kill all, host pids", hostPIDs, []string{"--all", "KILL"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			c.pids(b)
			b.Spec.Process.Args = []string{"/probe", "signal-wait"}
			b.Detached().OK()
			b.Until("the process runs", func() bool { return strings.Contains(b.Output(), "ready") })
			b.Vial("pause", b.ID).OK()
			b.Vial("kill", b.ID, "WINCH").OK()
			same(t, "the status", b.Status(), "paused")
			if strings.Contains(b.Output(), "WINCH") {
				t.Error("the signal was handled while it was paused")
			}
			b.Vial(append([]string{"kill", b.ID}, c.kill...)...).OK()
			b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
			b.Vial("delete", b.ID).OK()
			b.NothingLeft()
		})
	}
	b := bed.New(t)
	b.Spec.Process.Args = []string{"/probe", "signal-wait"}
	b.Detached().OK()
	b.Until("the process runs", func() bool { return strings.Contains(b.Output(), "ready") })
	b.Vial("pause", b.ID).OK()
	b.Vial("kill", b.ID, "TERM").OK()
	b.Vial("resume", b.ID).OK()
	b.Until("the signal is handled", func() bool { return strings.Contains(b.Output(), "SIGTERM") })
}

// TestExecIgnorePaused: it gets into a paused container, and runs once that is
// resumed.
func TestExecIgnorePaused(t *testing.T) {
	t.Parallel()
	b := running(t, nil)
	b.Vial("pause", b.ID).OK()
	p := b.Launch("exec", "--ignore-paused", b.ID, "/probe", "print", "inside")
	b.Until("it has entered the cgroup", func() bool { return len(pidsOf(b)) > 1 })
	time.Sleep(20 * time.Millisecond)
	same(t, "its output", p.Output(), "")
	same(t, "the status", b.Status(), "paused")
	b.Vial("resume", b.ID).OK()
	same(t, "its output", p.Wait().OK().Stdout, "inside\n")
	b.Vial("pause", b.ID).OK()
	p = b.Launch("exec", "--ignore-paused", b.ID, "/probe", "print", "inside")
	b.Vial("delete", "--force", b.ID).OK()
	if r := p.Wait(); r.Status == 0 {
		t.Errorf("it ran in a container that was killed: %s", r.Stdout)
	}
	b.NothingLeft()
}
