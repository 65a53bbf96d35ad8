package rules

import (
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata/deps.txt")

const depsFile = "testdata/deps.txt"

// banned are packages that vial must never link, with everything below them.
func banned() []string {
	return []string{"crypto", "go", "html", "log", "net", "os/exec", "os/user", "plugin", "regexp", "testing", "text/template"}
}

// linkedPackages are all packages in the binary for a CPU, without those that
// the standard library keeps to itself: they come and go with its versions.
func linkedPackages(t *testing.T, arch string) []string {
	t.Helper()
	cmd := exec.Command("go", "list", "-deps", "./cmd/vial")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for p := range strings.Lines(string(out)) {
		p = strings.TrimSpace(p)
		first, _, _ := strings.Cut(p, "/")
		standard := !strings.Contains(first, ".")
		if standard && slices.ContainsFunc(strings.Split(p, "/"), func(s string) bool { return s == "internal" || s == "vendor" }) {
			continue
		}
		all = append(all, p)
	}
	slices.Sort(all)
	return all
}

// TestLinked holds the list of packages in the binary, so that a heavy new
// one is seen in review. go test ./test/rules -update writes it anew.
func TestLinked(t *testing.T) {
	got := linkedPackages(t, "amd64")
	text := strings.Join(got, "\n") + "\n"
	if *update {
		if err := os.WriteFile(depsFile, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(depsFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range difference(strings.Fields(string(want)), got) {
		t.Errorf("%s: %s; if that is meant: go test ./test/rules -update, and give the reason in the commit", depsFile, line)
	}
	for _, line := range bannedIn(got) {
		t.Error(line)
	}
	if arm := linkedPackages(t, "arm64"); !slices.Equal(got, arm) {
		t.Errorf("arm64 differs: %v", difference(got, arm))
	}
}

// bannedIn says which of the packages must not be there.
func bannedIn(packages []string) []string {
	var found []string
	for _, p := range packages {
		for _, b := range banned() {
			if p == b || strings.HasPrefix(p, b+"/") {
				found = append(found, p+" must never be in the binary")
			}
		}
	}
	return found
}

// difference tells two sorted lists apart.
func difference(want, got []string) []string {
	var lines []string
	for _, p := range got {
		if !slices.Contains(want, p) {
			lines = append(lines, "new: "+p)
		}
	}
	for _, p := range want {
		if !slices.Contains(got, p) {
			lines = append(lines, "gone: "+p)
		}
	}
	return lines
}

// TestLinkedCanFail sees the two comparisons fail.
func TestLinkedCanFail(t *testing.T) {
	same(t, strings.Join(difference([]string{"errors", "os"}, []string{"net", "os"}), "\n"), "new: net\ngone: errors")
	same(t, strings.Join(bannedIn([]string{"network", "net/http/httptrace", "testing"}), "\n"),
		"net/http/httptrace must never be in the binary\ntesting must never be in the binary")
}
