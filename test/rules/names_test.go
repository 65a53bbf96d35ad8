package rules

import (
	"path"
	"slices"
	"strings"
)

// names holds that a file or package is named for its concern. A name that says
// "other" is where things go to be lost. vial is for Linux, and says so once,
// so no file says it again.
func names(t *tree) []string {
	var found []string
	seen := map[string]bool{}
	for _, f := range t.files {
		for dir := f.dir(); dir != "." && !seen[dir]; dir = path.Dir(dir) {
			seen[dir] = true
			if empty(path.Base(dir)) {
				found = append(found, dir+": a name that says nothing: name it for its concern")
			}
		}
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		if strings.HasSuffix(f.path, ".go") && empty(stem) || f.syntax != nil && empty(f.syntax.Name.Name) {
			found = append(found, f.path+": a name that says nothing: name it for its concern")
		}
		if f.syntax != nil && slices.Contains(strings.Split(stem, "_")[1:], "linux") {
			found = append(found, f.path+": all of vial is for Linux")
		}
	}
	return found
}

func empty(name string) bool {
	for word := range strings.SplitSeq(strings.ToLower(name), "_") {
		switch strings.TrimSuffix(word, "s") {
		case "util", "common", "helper", "misc", "shared", "lib":
			return true
		}
	}
	return false
}
