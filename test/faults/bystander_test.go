package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// A bystander is a container that runs while others are in trouble. Its state
// root is its own; what it shares with them is the host.
type bystander struct {
	b      *bed.Bundle
	pid    int
	before string
}

func newBystander(t *testing.T) *bystander {
	t.Helper()
	b := bed.New(t)
	by := &bystander{b: b, pid: b.Created("sleep")}
	b.Vial("start", b.ID).OK()
	by.before = by.picture()
	return by
}

// picture is all that can be seen of the bystander.
func (by *bystander) picture() string {
	var all strings.Builder
	dir := filepath.Join(by.b.Root, by.b.ID)
	entries, err := os.ReadDir(dir)
	fmt.Fprintln(&all, err)
	for _, e := range entries {
		fmt.Fprintln(&all, e)
		if e.Type().IsRegular() {
			fmt.Fprintln(&all, text(filepath.Join(dir, e.Name())))
		}
	}
	stat := text(fmt.Sprintf("/proc/%d/stat", by.pid))
	if fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]); len(fields) > 19 {
		fmt.Fprintln(&all, "parent", fields[1], "since", fields[19])
	}
	for _, name := range []string{"mountinfo", "cgroup"} {
		fmt.Fprintln(&all, text(fmt.Sprintf("/proc/%d/%s", by.pid, name)))
	}
	fmt.Fprintln(&all, text(by.b.Cgroup("pids")+"/cgroup.procs"))
	return all.String()
}

// check fails t if the bystander is not as it was, and if vial does not say
// that it runs.
func (by *bystander) check(t testing.TB) {
	t.Helper()
	if now := by.picture(); now != by.before {
		t.Errorf("the bystander was\n%s\nand is\n%s", by.before, now)
	}
}
