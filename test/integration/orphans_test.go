package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestOrphans: in a container without a pid namespace, processes whose parents
// have ended are those of the run in the foreground, which reaps them, and
// none of them outlives the container, whatever session it is in.
func TestOrphans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		flags []string
		acts  []string
		child bool // of vial's
	}{
		{nil, []string{"orphan", "report", "orphan", "sleep", "orphan", "report", "signal-wait"}, true},
		{[]string{"--no-subreaper"}, []string{"orphan", "sleep", "signal-wait"}, false},
	} {
		t.Run(fmt.Sprint("run ", c.flags), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Namespaces("mount")
			b.Spec.Hostname = ""
			b.Write(c.acts...)
			p := b.Launch(append([]string{"run", "--bundle", b.Dir, "--pid-file", b.Path("pid")}, append(c.flags, b.ID)...)...)
			b.Until("the probe is ready", func() bool { return strings.Contains(p.Output(), "ready") })
			all := func() []string { return strings.Fields(readHost(t, b.Cgroup("pids")+"/cgroup.procs")) }
			b.Until("the other orphans have ended", func() bool { return len(all()) == 2 })
			first := readHost(t, b.Path("pid"))
			orphan := other(t, all(), first)
			same(t, "a child of vial's", parent(t, orphan) == p.Pid(), c.child)
			if session, err := unix.Getsid(orphan); err != nil || session != orphan {
				t.Errorf("the orphan is in the session %d, %v", session, err)
			}
			if c.child {
				b.Until("no zombie is left", func() bool { return children(t, p.Pid()) == 2 })
			}
			p.Signal(unix.SIGTERM)
			same(t, "the status", p.Wait().Status, 0)
			b.NothingLeft()
			if !c.child {
				_, err := unix.Wait4(orphan, nil, unix.WALL, nil) // it is the test's
				b.Must(err)
			}
			if err := unix.Kill(orphan, 0); err != unix.ESRCH {
				t.Errorf("the orphan lives: %v", err)
			}
		})
	}
}

// parent is the pid of a process's parent.
func parent(t *testing.T, pid int) (ppid int) {
	t.Helper()
	for line := range strings.Lines(readHost(t, fmt.Sprintf("/proc/%d/status", pid))) {
		if _, err := fmt.Sscanf(line, "PPid:\t%d", &ppid); err == nil {
			return ppid
		}
	}
	t.Fatalf("process %d has no parent", pid)
	return 0
}

// other is the process of two that is not the first.
func other(t *testing.T, pids []string, first string) int {
	t.Helper()
	for _, text := range pids {
		if pid, err := strconv.Atoi(text); err == nil && text != first {
			return pid
		}
	}
	t.Fatalf("no process beside %s in %q", first, pids)
	return 0
}

// children counts the processes whose parent is pid, zombies too.
func children(t *testing.T, pid int) (n int) {
	t.Helper()
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		text, _ := os.ReadFile(task) // a thread may have ended
		n += len(strings.Fields(string(text)))
	}
	return n
}
