package rules

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// makeTargets holds that whatever a document or a script says to make can be
// made, and that every target that is declared has a rule.
func makeTargets(t *tree) []string {
	targets := t.targets()
	call := regexp.MustCompile("(?m)^[`$\\s]*make ([a-z][a-z-]*)\\b")
	var found []string
	for _, f := range t.files {
		code := codeOf(f)
		for _, m := range call.FindAllStringSubmatch(code, -1) {
			if !slices.Contains(targets, m[1]) {
				found = append(found, f.path+": make "+m[1]+": the Makefile has no such target")
			}
		}
	}
	return found
}

// codeOf is what a file says to type: the code of a document, the whole of a
// script, nothing of anything else.
func codeOf(f file) string {
	switch {
	case strings.HasSuffix(f.path, ".md"):
		return strings.Join(regexp.MustCompile("(?s)```.*?```|`[^`\n]+`").FindAllString(f.text, -1), "\n")
	case strings.HasSuffix(f.path, ".sh"), strings.HasPrefix(f.path, ".ci/"):
		return f.text
	}
	return ""
}

// targets are those that the Makefile has rules for.
func (t *tree) targets() []string {
	var all []string
	rule := regexp.MustCompile(`(?m)^([a-z][a-z-]*):(?:[^=]|$)`)
	for _, f := range t.files {
		if f.path == "Makefile" {
			for _, m := range rule.FindAllStringSubmatch(f.text, -1) {
				all = append(all, m[1])
			}
		}
	}
	return all
}

// links holds that the documents lead somewhere: a link to a file, and a path
// in back-quotes that begins in a directory of this repository.
func links(t *tree) []string {
	link := regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
	quoted := regexp.MustCompile("`([a-zA-Z0-9_.*/-]+)`")
	var found []string
	for _, f := range t.files {
		if !strings.HasSuffix(f.path, ".md") {
			continue
		}
		n := 0
		for line := range strings.Lines(f.text) {
			n++
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if !strings.Contains(m[1], "://") && !t.exists(path.Join(f.dir(), m[1])) {
					found = append(found, fmt.Sprintf("%s:%d: %s does not exist", f.path, n, m[1]))
				}
			}
			for _, m := range quoted.FindAllStringSubmatch(line, -1) {
				if t.claims(m[1]) && !t.exists(m[1]) {
					found = append(found, fmt.Sprintf("%s:%d: %s does not exist", f.path, n, m[1]))
				}
			}
		}
	}
	return found
}

// claims tells whether a word looks like a path of this repository.
func (t *tree) claims(word string) bool {
	top, _, deeper := strings.Cut(word, "/")
	return deeper && slices.Contains([]string{"cmd", "container", "internal", "test", "bench", "demo", ".ci"}, top)
}

// exists tells whether a file or directory of that name, which may have a *
// in it, is in the tree.
func (t *tree) exists(name string) bool {
	name = path.Clean(strings.TrimSuffix(name, "/..."))
	for _, f := range t.files {
		for p := f.path; p != "."; p = path.Dir(p) {
			if ok, err := path.Match(name, p); ok && err == nil {
				return true
			}
		}
	}
	return false
}
