package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vial-run/vial/test/integration/bed"
)

// TestLifecycle walks a container from create to delete.
func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Annotations = map[string]string{"org.example": "yes"}
	b.Mkdir(b.In("out"))
	pid := b.Created("write", "/out/started", "x", "signal-wait")
	same(t, "the status", b.Status(), "created")
	if _, err := os.Stat(b.In("out/started")); err == nil {
		t.Error("the process ran before start")
	}
	var s struct {
		OCIVersion, ID, Status, Bundle, Rootfs, Owner string
		Pid                                           int
		Created                                       time.Time
		Annotations                                   map[string]string
	}
	b.Must(json.Unmarshal([]byte(b.Vial("state", b.ID).OK().Stdout), &s))
	same(t, "ociVersion", s.OCIVersion, b.Spec.Version)
	same(t, "id", s.ID, b.ID)
	same(t, "pid", s.Pid, pid)
	same(t, "bundle", s.Bundle, b.Dir)
	same(t, "the annotation", s.Annotations["org.example"], "yes")

	b.Create().Fails("create "+b.ID, "container with given ID already exists")
	b.Vial("delete", b.ID+"-no").Fails("container does not exist")
	b.Vial("start", b.ID).OK()
	b.Until("the process runs", func() bool { return strings.Contains(b.Output(), "ready") })
	same(t, "the status", b.Status(), "running")
	b.Vial("start", b.ID).Fails("start "+b.ID, "cannot start an already running container")
	b.Vial("delete", b.ID).Fails("delete "+b.ID, "cannot delete container "+b.ID+" that is not stopped: running")
	b.Vial("kill", b.ID, "TERM").OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("start", b.ID).Fails("cannot start a container that has stopped")
	b.Vial("kill", b.ID, "TERM").Fails("container not running")
	b.Vial("delete", b.ID).OK()
	b.NothingLeft()
	b.Vial("state", b.ID).Fails("container does not exist")
	b.Vial("delete", b.ID).Fails("container does not exist")
	b.Vial("delete", "--force", b.ID).OK()
}

// TestTerminateCreated: a container that waits for start ends when it is asked to,
// as runc's do.
func TestTerminateCreated(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("exit", "0")
	b.Vial("kill", b.ID).OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("start", b.ID).Fails("start "+b.ID, "cannot start a container that has stopped")
	b.Vial("delete", b.ID).OK()
	b.NothingLeft()
}

func TestDeleteCreated(t *testing.T) {
	t.Parallel()
	for _, force := range []bool{false, true} {
		b := bed.New(t)
		b.Mkdir(b.In("out"))
		b.Created("write", "/out/started", "x")
		words := []string{"delete", b.ID}
		if force {
			words = []string{"delete", "--force", b.ID}
		}
		b.Vial(words...).OK()
		b.NothingLeft()
		if _, err := os.Stat(b.In("out/started")); err == nil {
			t.Error("the process ran")
		}
	}
}

func TestRunDetached(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.Args = []string{"/probe", "sleep"}
	b.Detached().OK()
	same(t, "the status", b.Status(), "running")
	b.Vial("delete", "--force", b.ID).OK()
	b.NothingLeft()
}

func TestRunKeep(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.Args = []string{"/probe", "exit", "7"}
	same(t, "the exit status", b.Kept().Status, 7)
	same(t, "the status", b.Status(), "stopped")
	b.Vial("delete", b.ID).OK()
	b.NothingLeft()
}

func TestList(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("sleep")
	same(t, "list -q", b.Vial("list", "-q").OK().Stdout, b.ID+"\n")
	table := b.Vial("list").OK().Stdout
	if !strings.HasPrefix(table, "ID ") || !strings.Contains(table, b.ID) || !strings.Contains(table, " created ") {
		t.Errorf("list: %s", table)
	}
	var all []struct{ ID, Status string }
	b.Must(json.Unmarshal([]byte(b.Vial("list", "--format", "json").OK().Stdout), &all))
	if len(all) != 1 || all[0].ID != b.ID || all[0].Status != "created" {
		t.Errorf("list --format json: %+v", all)
	}
}

// TestPidFile: the digits and nothing else; a link in its place is replaced.
func TestPidFile(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.File(b.Path("victim"), "untouched")
	b.Link(b.Path("victim"), b.Path("pid"))
	pid := b.Created("report")
	same(t, "the pid file", readHost(t, b.Path("pid")), itoa(pid))
	same(t, "what the link led to", readHost(t, b.Path("victim")), "untouched")
	other := bed.New(t)
	other.Mkdir(other.Path("pid/x"))
	other.Create("report").Fails("create "+other.ID, "pid file")
	other.NothingLeft()
	if left, _ := filepath.Glob(other.Path(".pid*")); len(left) > 0 {
		t.Errorf("temporary files are left: %v", left)
	}
}

// TestWalk is what the README does by hand.
func TestWalk(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Vial("spec", "--", "/probe", "report").OK()
	p := b.Parse(b.Vial("run", b.ID).OK().Stdout).Process
	same(t, "the hostname", p.Hostname, "runc")
	same(t, "no_new_privs", p.NoNewPrivs, true)
	b.NothingLeft()
	p = b.Parse(b.Vial("run", "--rootfs", "rootfs", b.ID, "--", "/probe", "report").OK().Stdout).Process
	same(t, "the hostname", p.Hostname, "runc")
	b.Vial("spec").Fails("spec: File config.json exists. Remove it first")
}
