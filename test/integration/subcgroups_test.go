package integration

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// TestSubCgroups: a container that makes cgroups of its own and lives in them, as
// one with a service manager does, is paused, looked at and removed as a whole.
func TestSubCgroups(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Mount("/sys/fs/cgroup", "cgroup", "cgroup")
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	b.Mkdir(b.In("out"))
	var acts []string
	for _, dir := range ownCgroups(t) {
		acts = append(acts, "mkdir", dir+"/inner", "mkdir", dir+"/inner/most", "set", dir+"/inner/most/cgroup.procs", "1")
	}
	if bed.V2() {
		// From here on nothing can be put into the container's cgroup itself.
		acts = append(acts, "set", "/sys/fs/cgroup/cgroup.subtree_control", "+"+strings.Fields(readHost(t, "/sys/fs/cgroup/cgroup.controllers"))[0])
	}
	b.Spec.Process.Args = append(append([]string{"/probe"}, acts...), "children", "3", "tick", "/out/n")
	b.Detached().OK()
	b.Until("it counts", func() bool { text, err := os.ReadFile(b.In("out/n")); return err == nil && len(text) > 0 })
	worked(t, b.Parse(b.Output()))
	same(t, "processes", len(pidsOf(b)), 4)
	if n := events(b, b.Vial("events", "--stats", b.ID).OK().Stdout)[0].Data.Pids.Current; n < 4 {
		t.Errorf("statistics count %d processes", n)
	}
	b.Vial("pause", b.ID).OK()
	before := readHost(t, b.In("out/n"))
	time.Sleep(20 * time.Millisecond)
	same(t, "the count", readHost(t, b.In("out/n")), before)
	b.Vial("resume", b.ID).OK()
	if bed.V2() {
		for _, flags := range [][]string{{}, {"--cgroup", "inner/most"}} {
			if p := inside(b, flags...); lastLine(p.Cgroup) != "0::/inner/most" {
				t.Errorf("exec %q is in %s", flags, p.Cgroup)
			}
		}
	} else if p := inside(b, "--cgroup", "pids,devices:inner/most"); !strings.Contains(p.Cgroup, ":pids:/inner/most\n") {
		t.Errorf("exec is in %s", p.Cgroup)
	}
	b.Vial("kill", b.ID, "KILL").OK()
	b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("delete", b.ID).OK()
	b.NothingLeft()
	b.Detached().OK()
	b.Until("the children are there", func() bool { return len(pidsOf(b)) == 4 })
	b.Vial("pause", b.ID).OK()
	b.Vial("delete", "--force", b.ID).OK()
	b.NothingLeft()
}

// ownCgroups are the container's cgroups as it sees them, but those that need to
// be filled before anything can enter.
func ownCgroups(t *testing.T) (dirs []string) {
	t.Helper()
	if bed.V2() {
		return []string{"/sys/fs/cgroup"}
	}
	for _, controller := range []string{"devices", "freezer", "pids", "memory"} {
		if _, err := os.Stat("/sys/fs/cgroup/" + controller); err == nil {
			dirs = append(dirs, "/sys/fs/cgroup/"+controller)
		}
	}
	return dirs
}
