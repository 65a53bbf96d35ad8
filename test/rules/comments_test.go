package rules

import (
	"go/ast"
	"path"
	"strings"
)

// packageComments holds that every package says what it is for: in exactly one
// file, in at most 40 lines, and beginning as Go wants it.
func packageComments(t *tree) []string {
	type pkg struct {
		first    *file
		comments []*ast.File
	}
	var order []string
	all := map[string]*pkg{}
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || strings.Contains(f.path, "/testdata/") {
			continue
		}
		p := all[f.dir()]
		if p == nil {
			p = &pkg{first: f}
			all[f.dir()], order = p, append(order, f.dir())
		}
		if f.syntax.Doc != nil {
			p.comments = append(p.comments, f.syntax)
		}
	}
	var found []string
	for _, dir := range order {
		p := all[dir]
		if len(p.comments) == 0 {
			found = append(found, p.first.path+":1: package "+p.first.syntax.Name.Name+" has no comment: say what comes in, what goes out, what it may not know")
			continue
		}
		if len(p.comments) > 1 {
			found = append(found, t.at(p.comments[1].Package, "a second comment for package %s: one file has it", p.comments[1].Name.Name))
		}
		found = append(found, t.packageComment(p.comments[0])...)
	}
	return found
}

func (t *tree) packageComment(f *ast.File) []string {
	text := strings.TrimSpace(f.Doc.Text())
	want := "Package " + strings.TrimSuffix(f.Name.Name, "_test") + " "
	also := want
	if f.Name.Name == "main" {
		name := path.Base(path.Dir(t.fset.Position(f.Pos()).Filename))
		want, also = "Command ", strings.ToUpper(name[:1])+name[1:]+" "
	}
	if !strings.HasPrefix(text, want) && !strings.HasPrefix(text, also) {
		return []string{t.at(f.Doc.Pos(), "the package comment does not begin with %q", want)}
	}
	if n := strings.Count(text, "\n") + 1; n > 40 {
		return []string{t.at(f.Doc.Pos(), "the package comment has %d lines, 40 are the most", n)}
	}
	return nil
}
