package container

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// TestUpdateIsKept: the limits are in force and with the container's config, or
// neither is.
func TestUpdateIsKept(t *testing.T) {
	b := newBed(t, "sleep")
	id := b.created()
	record, err := b.store().Peek(id)
	b.ok(err)
	change := func(text string) *specs.LinuxResources {
		return &specs.LinuxResources{Unified: map[string]string{"cgroup.max.depth": text}}
	}
	file := filepath.Join(record.Cgroup.Paths[""], "cgroup.max.depth")
	if dir, v1 := record.Cgroup.Paths["pids"]; v1 {
		file = filepath.Join(dir, "pids.max")
		change = func(text string) *specs.LinuxResources {
			limit := int64(len(text)) // some number
			return &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
		}
	}
	look := func() (limit, kept string) {
		t.Helper()
		text, err := os.ReadFile(file)
		b.ok(err)
		config, err := os.ReadFile(filepath.Join(b.Root, id, keptConfig))
		b.ok(err)
		return strings.TrimSpace(string(text)), string(config)
	}
	b.ok(b.Update(id, change("7")))
	limit, kept := look()
	if limit != "7" && limit != "1" || !strings.Contains(kept, limit) {
		t.Errorf("the limit is %s, and what is kept %s", limit, kept)
	}
	// The config cannot be kept: something is in the way of the new one.
	blocked := filepath.Join(b.Root, id, "."+keptConfig+".new")
	b.ok(os.Mkdir(blocked, 0o700))
	if err := b.Update(id, change("12")); err == nil || !strings.HasPrefix(err.Error(), "update "+id+": keep the new limits: ") {
		t.Error(err)
	}
	b.ok(os.Remove(blocked))
	if afterwards, config := look(); afterwards != limit || config != kept {
		t.Errorf("the limit was %s and is %s, and what is kept %s", limit, afterwards, config)
	}
	b.ok(b.Update(id, &specs.LinuxResources{}))
	b.ok(b.Start(id))
	weight := uint16(5)
	b.fails(b.Update(id, &specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: &weight}}),
		"update "+id+": linux.resources.blockIO.weight: 5 is out of range (10 to 1000)")
}
