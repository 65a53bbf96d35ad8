package rules

import (
	"go/ast"
	"go/token"
	"go/types"
	"strings"
)

// mutable are the package variables that change after the start.
func mutable() []allowance {
	return []allowance{
		{"mountOptions", "internal/config", "findOption points into the table, and nobody writes through it"},
		{"pipe", "internal/signals", "a signal handler finds its pipe nowhere else"},
		{"chained", "internal/signals", "a signal handler finds Go's nowhere else"},
	}
}

// linked are the variables that the linker sets.
func linked() []allowance {
	return []allowance{
		{"version", "cmd/vial", "set by make"},
		{"commit", "cmd/vial", "set by make"},
	}
}

// globals holds that a package has no state: no init function runs before main,
// and a variable of a package is a table or an error, which nothing assigns to,
// takes the address of, or calls a pointer's method on. What another package
// could change (a slice, a map, a pointer) is not exported.
func globals(t *tree) []string {
	exceptions, ldflags := allow("mutable", mutable()), allow("linked", linked())
	var found []string
	for _, files := range t.packages() {
		p := t.check(files)
		for _, f := range files {
			found = append(found, p.initFunctions(f)...)
			found = append(found, p.variables(f, ldflags, exceptions)...)
			found = append(found, p.writes(f, exceptions)...)
		}
	}
	return append(append(found, exceptions.stale(t)...), ldflags.stale(t)...)
}

// A checked package knows what each name in it means. What it imports is not
// read, so types from elsewhere are unknown; its own are not.
type checked struct {
	*tree
	pkg  *types.Package
	info types.Info
	dir  string
}

// nothing imports packages that are empty.
type nothing struct{}

func (nothing) Import(p string) (*types.Package, error) {
	pkg := types.NewPackage(p, p[strings.LastIndexByte(p, '/')+1:])
	pkg.MarkComplete()
	return pkg, nil
}

func (t *tree) check(files []*file) *checked {
	c := &checked{tree: t, dir: files[0].dir(), info: types.Info{
		Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
	}}
	var syntax []*ast.File
	for _, f := range files {
		syntax = append(syntax, f.syntax)
	}
	config := types.Config{Importer: nothing{}, Error: func(error) {}}
	c.pkg, _ = config.Check(c.dir, t.fset, syntax, &c.info) // errors: what is imported is empty
	return c
}

func (c *checked) initFunctions(f *file) []string {
	var found []string
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
			found = append(found, c.at(fn.Pos(), "an init function: every command would pay for it"))
		}
	}
	return found
}

// variables looks at what a package's variables are.
func (c *checked) variables(f *file, ldflags, exceptions *allowances) []string {
	var found []string
	for _, d := range f.syntax.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.VAR {
			continue
		}
		for _, s := range decl.Specs {
			spec := s.(*ast.ValueSpec)
			for _, name := range spec.Names {
				switch {
				case name.Name == "_", ldflags.has(name.Name, c.dir), exceptions.has(name.Name, c.dir):
				case len(spec.Values) == 0:
					found = append(found, c.at(name.Pos(), "%s has no value: it can only be meant to change", name.Name))
				case state(spec):
					found = append(found, c.at(name.Pos(), "%s is made to change", name.Name))
				}
			}
		}
	}
	return found
}

// state tells whether a variable's type or value comes from package sync.
func state(spec *ast.ValueSpec) bool {
	for _, e := range append([]ast.Expr{spec.Type}, spec.Values...) {
		if e == nil {
			continue
		}
		for n := range ast.Preorder(e) {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "sync" || x.Name == "atomic") {
					return true
				}
			}
		}
	}
	return false
}

// writes finds what changes a package's variable.
func (c *checked) writes(f *file, exceptions *allowances) []string {
	var found []string
	note := func(e ast.Expr, how string) {
		if v := c.global(e); v != nil && !exceptions.has(v.Name(), c.dir) {
			found = append(found, c.at(e.Pos(), "%s %s, a variable of the package: pass it instead", how, v.Name()))
		}
	}
	for n := range ast.Preorder(f.syntax) {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for _, e := range n.Lhs {
				note(e, "assigns to")
			}
		case *ast.RangeStmt:
			if n.Tok == token.ASSIGN {
				note(n.Key, "assigns to")
				note(n.Value, "assigns to")
			}
		case *ast.IncDecStmt:
			note(n.X, "counts in")
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				note(n.X, "takes the address of")
			}
		case *ast.CallExpr:
			c.written(n, note)
		}
	}
	return found
}

// written looks at calls that change an argument or their receiver.
func (c *checked) written(call *ast.CallExpr, note func(ast.Expr, string)) {
	switch fun := call.Fun.(type) {
	case *ast.Ident:
		switch fun.Name {
		case "delete", "clear", "copy":
			if len(call.Args) > 0 {
				note(call.Args[0], "changes")
			}
		}
	case *ast.SelectorExpr:
		s := c.info.Selections[fun]
		if s == nil || s.Kind() != types.MethodVal {
			return
		}
		method, ok := s.Obj().(*types.Func)
		if !ok {
			return
		}
		_, pointer := method.Signature().Recv().Type().(*types.Pointer)
		if _, already := s.Recv().(*types.Pointer); pointer && !already {
			note(fun.X, "calls a pointer's method on")
		}
	}
}

// global is the package's variable that an expression leads to, or nil.
func (c *checked) global(e ast.Expr) *types.Var {
	for e != nil {
		switch x := e.(type) {
		case *ast.Ident:
			v, ok := c.info.Uses[x].(*types.Var)
			if ok && c.pkg != nil && v.Parent() == c.pkg.Scope() {
				return v
			}
			return nil
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.SliceExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
	return nil
}
