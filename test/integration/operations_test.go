package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// What follows is about the operations of runtime.md that docs/conformance.md
// lists; container.TestStatuses calls each of them in each status.

func TestOperationsNeedAnID(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("report")
	for _, words := range [][]string{
		{"state"}, {"start"}, {"kill"}, {"delete"}, {"delete", "--force"}, {"exec"},
		{"create"}, {"create", "--bundle", b.Dir}, {"run", "--bundle", b.Dir},
		{"create", b.ID + "-x"}, {"create", "--bundle", b.Path("none"), b.ID + "-x"},
	} {
		r := b.Vial(words...)
		if r.Status == 0 || !strings.HasPrefix(r.Stderr, "vial: ") {
			t.Errorf("%q: status %d, %q", words, r.Status, r.Stderr)
		}
	}
	same(t, "containers", b.Vial("list", "-q").OK().Stdout, b.ID+"\n")
	same(t, "the status", b.Status(), "created")
}

// TestStateProperties holds the state against what runtime.md and the schema of
// states say of it. The schema knows no paused containers, but lets a runtime
// have further properties.
func TestStateProperties(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Annotations = map[string]string{"org.example": "yes", "other": ""}
	pid := b.Created("sleep")
	state := func(status string) map[string]any {
		var s map[string]any
		b.Must(json.Unmarshal([]byte(b.Vial("state", b.ID).OK().Stdout), &s))
		same(t, "status", s["status"], any(status))
		same(t, "id", s["id"], any(b.ID))
		same(t, "bundle", s["bundle"], any(b.Dir))
		if version, _ := s["ociVersion"].(string); !regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+([-+].+)?$`).MatchString(version) {
			t.Errorf("ociVersion is %v", s["ociVersion"])
		}
		annotations, _ := s["annotations"].(map[string]any)
		if len(annotations) != 2 || annotations["org.example"] != "yes" || annotations["other"] != "" {
			t.Errorf("annotations are %v", s["annotations"])
		}
		return s
	}
	same(t, "pid", state("created")["pid"], any(float64(pid)))
	b.Vial("start", b.ID).OK()
	same(t, "pid", state("running")["pid"], any(float64(pid)))
	b.Vial("kill", b.ID, "KILL").OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	same(t, "pid", state("stopped")["pid"], any(0.0))
}

// TestConfigIsKept changes config.json between create and start.
func TestConfigIsKept(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("print", "first", "report")
	other := *b.Spec.Process
	b.Spec.Process = &other
	b.Spec.Process.Args, b.Spec.Process.Env, b.Spec.Hostname = []string{"/probe", "print", "second"}, nil, "other"
	text, err := json.Marshal(b.Spec)
	b.Must(err)
	b.File(b.Path("config.json"), string(text))
	p := b.Started().Process
	same(t, "args", strings.Join(p.Args, " "), "/probe print first report")
	same(t, "hostname", p.Hostname, "bed")
	same(t, "PATH is in the environment", slices.Contains(p.Env, "PATH=/bin:/"), true)
}

// TestDeleteLeavesTheRest: what was there before, and what others made, stays.
func TestDeleteLeavesTheRest(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	other := b.Beside()
	other.Created("report")
	parents := []string{filepath.Join(filepath.Dir(b.Cgroup("pids")), b.ID+"-parent")}
	b.Must(os.Mkdir(parents[0], 0o755))
	t.Cleanup(func() {
		more, _ := filepath.Glob("/sys/fs/cgroup/*/" + b.ID + "-parent")
		for _, dir := range append(parents, more...) {
			_ = os.Remove(dir)
		}
	})
	b.Spec.Linux.CgroupsPath = "/" + b.ID + "-parent/leaf"
	b.Tmpfs(b.Path("volume"))
	b.File(b.Path("volume/kept"), "x")
	b.Bind(b.Path("volume"), "/volume")
	b.Bind(b.File(b.Path("file"), "x"), "/file")
	b.Created("write", "/volume/made", "x", "write", "/made", "x")
	b.Vial("start", b.ID).OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("delete", b.ID).OK()
	for _, path := range []string{"volume/kept", "volume/made", "file", "rootfs/made", "rootfs/volume", "rootfs/probe", "config.json"} {
		if _, err := os.Stat(b.Path(path)); err != nil {
			t.Errorf("%s is gone: %v", path, err)
		}
	}
	if _, err := os.Stat(parents[0]); err != nil {
		t.Errorf("a cgroup that was there before is gone: %v", err)
	}
	same(t, "another container", other.Status(), "created")
}

// TestResctrl: nothing looks at the resctrl filesystem, let alone writes to it.
func TestResctrl(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	if listing := b.Listing(); strings.Contains(listing, "resctrl") {
		t.Error("the program has to do with resctrl")
	}
	text, err := os.ReadFile(bed.Vial())
	b.Must(err)
	if strings.Contains(string(text), "/sys/fs/resctrl") {
		t.Error("vial knows where resctrl is mounted")
	}
}
