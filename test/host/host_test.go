package host

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	before := Picture{"a", "b", "b", "c"}
	if diff := before.Diff(Picture{"c", "b", "b", "a"}); diff != "" {
		t.Errorf("no difference is %q", diff)
	}
	if diff, want := before.Diff(Picture{"b", "c", "d"}), "- a\n- b\n+ d"; diff != want {
		t.Errorf("got %q, want %q", diff, want)
	}
}

// TestTake makes one thing after the other, and looks whether it shows.
func TestTake(t *testing.T) {
	dir := t.TempDir()
	view := View{Dirs: []string{dir, dir + "/missing"}}
	take := func() Picture {
		p, err := view.Take()
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	before := take()
	shows := func(want string) {
		now := take()
		if diff := before.Diff(now); !strings.Contains(diff, want) {
			t.Errorf("got %q, want %q", diff, want)
		}
		before = now
	}
	f, err := os.Create(dir + "/file")
	if err != nil {
		t.Fatal(err)
	}
	shows("+ file " + dir + "/file -rw")
	f.Close()
	shows(" → " + dir + "/file")

	cmd := exec.Command("true")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	shows("+ process ")
	_ = cmd.Wait()
	shows("- process ")
	if diff := before.Diff(take()); diff != "" {
		t.Errorf("nothing happened, but: %s", diff)
	}
}
