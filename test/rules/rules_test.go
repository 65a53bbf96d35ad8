package rules

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// A rule looks at a tree, and names every place in it that breaks the rule.
type rule struct {
	name string
	find func(*tree) []string
}

func rules() []rule {
	return []rule{
		{"imports lead inwards", importBorders},
		{"tests look from the outside", outsiders},
		{"what a package may touch", effects},
		{"pure packages make no system calls", constantsOnly},
		{"unsafe and assembly", unsafeImports},
		{"only main exits", exits},
		{"only launch starts processes", launches},
		{"packages have a comment", packageComments},
		{"packages have no state", globals},
		{"names", names},
		{"sizes", sizes},
		{"the repository stands alone", alone},
		{"phrases that engines match", callerPhrases},
		{"make targets", makeTargets},
		{"documents lead somewhere", links},
		{"every demand has a test", shownDemands},
	}
}

// TestRules holds the rules of the repository.
func TestRules(t *testing.T) {
	repository, err := load(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	if !repository.whole() {
		t.Fatalf("only %d files: is this the repository?", len(repository.files))
	}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, line := range r.find(repository) {
				t.Error(line)
			}
		})
	}
}

// TestRulesCanFail sees every rule fail, each on a tree that is bad in just
// that way.
func TestRulesCanFail(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range append(badCode(), badTrees()...) {
		t.Run(b.rule+", "+b.why, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range b.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			bad, err := load(root)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range rules() {
				if r.name == b.rule {
					seen[r.name] = true
					same(t, strings.Join(r.find(bad), "\n"), b.want)
				}
			}
		})
	}
	for _, r := range rules() {
		if !seen[r.name] {
			t.Errorf("%s: no bad tree shows that it can fail", r.name)
		}
	}
}

// TestAllowances sees an exception without a reason, and one without a need.
func TestAllowances(t *testing.T) {
	a := allow("table", []allowance{{"x", "here", "because"}, {"y", "here", " "}, {"z", "here", "because"}})
	if !a.has("x", "here") || a.has("x", "there") {
		t.Error("an exception is for one place")
	}
	same(t, strings.Join(a.stale(&tree{files: make([]file, 100)}), "\n"),
		"table: y in here: give the reason\ntable: z in here: nothing needs this exception any more: take it away")
}

func same(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("\ngot:\n%s\nwant:\n%s", got, want)
	}
}
