package rules

import (
	"fmt"
	"regexp"
	"strings"
)

// A stranger is what has no place in the repository, since it would mean
// nothing to who has only that.
type stranger struct {
	pattern string
	why     string
}

func strangers() []stranger {
	return []stranger{
		{`/(work|workspace|builds?|checkout)/[a-z]`, "a path of somebody's machine"},
		{`/root/(go|\.|work)`, "a path of somebody's machine"},
		{`/home/[a-z]+/(go|src|git|projects)\b`, "a path of somebody's machine"},
		{`/tmp/brief`, "a path of somebody's machine"},
		{`\.\./shared`, "a path outside the repository"},
		{`\b(design|style|security|cli-contract)\.md [0-9]`, "a document that is not here"},
		{`(?i)\b[a-z0-9.-]*(registry|artifactory|mirror|nexus|proxy)[a-z0-9-]*\.([a-z0-9-]+\.)*(com|corp|dev|internal|io|lan|local|net|org)\b`, "the address of a registry"},
		{`\b(docker\.io|ghcr\.io|quay\.io|gcr\.io)\b`, "the address of a registry"},
		{`\bhttps?://[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+`, "the address of somebody's machine"},
		{`(?i)\b(anthropic|claude|chatgpt|copilot|openAI)\b`, "tells who wrote it, not what it does"},
		{`(?i)\b(sub-?)?agents?\b`, "tells who wrote it, not what it does"},
		{`\bhelpers?\b`, "a word that says nothing: name what it does"},
		{`(?i)\bissue #?[0-9]+\b`, "an issue of a tracker that is not here"},
	}
}

// familiar are words in which a pattern finds something that it is not about.
func familiar() []allowance {
	return []allowance{}
}

// alone holds that the repository speaks of vial, and of nothing that its
// reader does not have. It does not read itself: here the words have to stand.
func alone(t *tree) []string {
	exceptions := allow("familiar", familiar())
	var found []string
	for _, s := range strangers() {
		pattern := regexp.MustCompile(s.pattern)
		for _, f := range t.files {
			if f.dir() == "test/rules" {
				continue
			}
			n := 0
			for line := range strings.Lines(f.text) {
				n++
				for _, word := range pattern.FindAllString(line, -1) {
					if !exceptions.has(word, f.path) {
						found = append(found, fmt.Sprintf("%s:%d: %q: %s", f.path, n, word, s.why))
					}
				}
			}
		}
	}
	return append(found, exceptions.stale(t)...)
}
