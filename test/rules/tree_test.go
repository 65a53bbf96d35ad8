package rules

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A tree is the repository, or a bad one that a rule is tried on.
type tree struct {
	fset  *token.FileSet
	files []file // sorted by path
}

// A file is a text file of the tree.
type file struct {
	path   string
	text   string
	syntax *ast.File // nil if it is not Go
}

// load reads every text file below root but those that git or make keep.
func load(root fs.FS) (*tree, error) {
	t := &tree{fset: token.NewFileSet()}
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name == ".git" || name == "bin":
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		text, err := fs.ReadFile(root, name)
		if err != nil || !utf8.Valid(text) {
			return err
		}
		f := file{path: name, text: string(text)}
		if strings.HasSuffix(name, ".go") {
			f.syntax, err = parser.ParseFile(t.fset, name, text, parser.ParseComments|parser.SkipObjectResolution)
		}
		t.files = append(t.files, f)
		return err
	})
	return t, err
}

// dir is the file's directory, which names its package.
func (f *file) dir() string { return path.Dir(f.path) }

func (f *file) isTest() bool { return strings.HasSuffix(f.path, "_test.go") }

// product tells whether the file becomes part of vial.
func (f *file) product() bool {
	top, _, _ := strings.Cut(f.path, "/")
	return f.syntax != nil && !f.isTest() && !strings.Contains(f.path, "/testdata/") &&
		(top == "cmd" || top == "container" || top == "internal")
}

// imports are the paths that a Go file imports, with their places.
func (f *file) imports() []*ast.ImportSpec { return f.syntax.Imports }

func importPath(s *ast.ImportSpec) string {
	p, err := strconv.Unquote(s.Path.Value)
	if err != nil {
		return s.Path.Value
	}
	return p
}

// products are the files of vial itself.
func (t *tree) products() []*file {
	var all []*file
	for i := range t.files {
		if t.files[i].product() {
			all = append(all, &t.files[i])
		}
	}
	return all
}

// packages are those files by directory, in the order of the directories.
func (t *tree) packages() [][]*file {
	var all [][]*file
	for _, f := range t.products() {
		i := slices.IndexFunc(all, func(p []*file) bool { return p[0].dir() == f.dir() })
		if i < 0 {
			i, all = len(all), append(all, nil)
		}
		all[i] = append(all[i], f)
	}
	return all
}

// at words a finding at a place in a Go file.
func (t *tree) at(pos token.Pos, format string, args ...any) string {
	p := t.fset.Position(pos)
	return fmt.Sprintf("%s:%d: ", p.Filename, p.Line) + fmt.Sprintf(format, args...)
}

// selector is the package and the name of a call's function, if it has the
// form package.Name, and the package is one that the file imports.
func (f *file) selector(fun ast.Expr) (importedPath, name string, ok bool) {
	s, ok := fun.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	x, ok := s.X.(*ast.Ident)
	if !ok {
		return "", "", false
	}
	for _, i := range f.imports() {
		p := importPath(i)
		if i.Name != nil && i.Name.Name == x.Name || i.Name == nil && path.Base(p) == x.Name {
			return p, s.Sel.Name, true
		}
	}
	return "", "", false
}

// An allowance is an exception to a rule, with its reason.
type allowance struct{ what, where, why string }

// allowances finds exceptions, and remembers which were needed.
type allowances struct {
	table string // its name, for who has to clean it up
	list  []allowance
	used  []bool
}

func allow(table string, list []allowance) *allowances {
	return &allowances{table, list, make([]bool, len(list))}
}

// has tells whether what is allowed at where.
func (a *allowances) has(what, where string) bool {
	for i, e := range a.list {
		if e.what == what && e.where == where {
			a.used[i] = true
			return true
		}
	}
	return false
}

// stale is a line for each exception that nothing needs. It is asked about
// whole repositories only: a bad tree does not hold what the table is about.
func (a *allowances) stale(t *tree) []string {
	var lines []string
	for i, e := range a.list {
		switch {
		case strings.TrimSpace(e.why) == "":
			lines = append(lines, fmt.Sprintf("%s: %s in %s: give the reason", a.table, e.what, e.where))
		case !a.used[i] && t.whole():
			lines = append(lines, fmt.Sprintf("%s: %s in %s: nothing needs this exception any more: take it away", a.table, e.what, e.where))
		}
	}
	return lines
}

// whole tells whether this is the repository and not a bad tree.
func (t *tree) whole() bool { return len(t.files) > 50 }
