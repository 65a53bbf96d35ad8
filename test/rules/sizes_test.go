package rules

import (
	"fmt"
	"go/ast"
	"strings"
)

// Limits of lines, in code that is not a test.
const (
	longestFunction = 80
	longestFile     = 500
)

// long are the exceptions: a function by name, a file by "file".
func long() []allowance { return nil }

// sizes holds how long functions and files may be.
func sizes(t *tree) []string {
	exceptions := allow("long", long())
	var found []string
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || f.isTest() || strings.Contains(f.path, "/testdata/") {
			continue
		}
		if n := strings.Count(f.text, "\n"); n > longestFile && !exceptions.has("file", f.path) {
			found = append(found, fmt.Sprintf("%s:1: the file has %d lines, %d are the most", f.path, n, longestFile))
		}
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
			if n > longestFunction && !exceptions.has(fn.Name.Name, f.path) {
				found = append(found, t.at(fn.Pos(), "%s has %d lines, %d are the most", fn.Name.Name, n, longestFunction))
			}
		}
	}
	return append(found, exceptions.stale(t)...)
}
