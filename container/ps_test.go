package container

import (
	"os"
	"strings"
	"testing"
)

func TestOnlyPids(t *testing.T) {
	for _, c := range []struct{ table, want, err string }{
		{"  PID CMD\n    1 init\n   17 a 23\n  170 b\n", "  PID CMD\n   17 a 23\n", ""},
		{"UID PID\nroot 17\nroot\nroot x\n17 1\n", "UID PID\nroot 17\n", ""},
		{"PID\n", "PID\n", ""},
		{"PPID COMMAND\n17 x\n", "", "couldn't find PID field in ps output"},
		{"", "", "couldn't find PID field in ps output"},
	} {
		got, err := onlyPids(c.table, []int{17, 23})
		if text := ""; got != c.want || err != nil && err.Error() != c.err || err == nil && c.err != text {
			t.Errorf("%q: %q, %v", c.table, got, err)
		}
	}
}

func TestFindPS(t *testing.T) {
	none, some := t.TempDir(), t.TempDir()
	if err := os.WriteFile(some+"/ps", nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, list := range []string{some, none + ":" + some, ".::" + some} {
		if got, err := findPS(list); err != nil || got != some+"/ps" {
			t.Errorf("%q: %q, %v", list, got, err)
		}
	}
	if _, err := findPS(none); err == nil || !strings.Contains(err.Error(), "the host has no ps(1) in "+none+": install it") {
		t.Error(err)
	}
	t.Chdir(some)
	if got, err := findPS("."); err == nil {
		t.Errorf("a path that is not absolute: %q", got)
	}
}
