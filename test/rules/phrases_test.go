package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// A phrase is a piece of a message that programs match: to change it is to
// break them.
type phrase struct {
	text  string
	file  string // where it is produced, and nowhere else
	by    string // the symbol that produces it
	reads string // who reads it, and what for
}

// phrases are all such pieces. What the kernel says is not among them: vial
// puts the text of an errno last and as it is, so "permission denied" (126),
// "no such file or directory" (127) and "no such process" are there too.
func phrases() []phrase {
	return []phrase{
		{"container not running", "internal/state/process.go", "ErrNotRunning",
			"containerd's runc shim and CRI-O: a kill that comes too late is no error"},
		{"container does not exist", "internal/state/state.go", "ErrNotExist",
			"containerd's runc shim: what is gone need not be killed or deleted"},
		{"container with given ID already exists", "internal/state/state.go", "ErrExist",
			"people and test suites written for runc"},
		{"executable file not found in $PATH", "internal/compile/args.go", "executable",
			"moby and Podman: exit status 127 instead of 125 or 126"},
		{"executable file not found in $PATH", "internal/config/process.go", "checkArgs",
			"the same, for a command that is the empty string"},
		{"flag needs an argument: --", "cmd/vial/parse.go", "missing",
			"Podman: it calls with a flag and no value to learn whether the runtime knows the flag"},
	}
}

// callerPhrases holds that each phrase is produced where the table says, by a
// string that the program can print and not only a comment, and by nothing else.
func callerPhrases(t *tree) []string {
	var found []string
	for _, p := range phrases() {
		there := false
		for _, f := range t.products() {
			for _, u := range f.utters(p.text) {
				switch {
				case f.path == p.file && u.by == p.by:
					there = true
				case !known(p.text, f.path, u.by):
					found = append(found, t.at(u.pos, "%s says %q, which engines match: it is for what phrases in test/rules/phrases_test.go says", u.by, p.text))
				}
			}
		}
		if !there && t.has(p.file) {
			found = append(found, fmt.Sprintf("%s: %s does not say %q any more, which is read by %s", p.file, p.by, p.text, p.reads))
		}
	}
	return found
}

func (t *tree) has(path string) bool {
	for _, f := range t.files {
		if f.path == path {
			return true
		}
	}
	return t.whole()
}

func known(text, file, by string) bool {
	for _, p := range phrases() {
		if p.text == text && p.file == file && p.by == by {
			return true
		}
	}
	return false
}

// An utterance is a string in the code, and the function or variable it is in.
type utterance struct {
	by  string
	pos token.Pos
}

// utters finds strings that hold text.
func (f *file) utters(text string) []utterance {
	var all []utterance
	for _, d := range f.syntax.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			all = append(all, utteredIn(d, d.Name.Name, text)...)
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if v, ok := s.(*ast.ValueSpec); ok {
					all = append(all, utteredIn(v, v.Names[0].Name, text)...)
				}
			}
		}
	}
	return all
}

func utteredIn(n ast.Node, by, text string) []utterance {
	var all []utterance
	for n := range ast.Preorder(n) {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && strings.Contains(s, text) {
				all = append(all, utterance{by, lit.Pos()})
			}
		}
	}
	return all
}
