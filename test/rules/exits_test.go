package rules

import (
	"go/ast"
	"strconv"
	"strings"
)

// exits holds that only main ends the process: whoever ends it elsewhere leaves
// half a container behind. A panic says that it is vial's own bug.
func exits(t *tree) []string {
	var found []string
	for _, f := range t.products() {
		for n := range ast.Preorder(f.syntax) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			if from, name, ok := f.selector(call.Fun); ok && ends(from, name) && f.path != "cmd/vial/main.go" {
				found = append(found, t.at(call.Pos(), "%s.%s: only cmd/vial/main.go exits", from, name))
			}
			if id, ok := call.Fun.(*ast.Ident); ok && id.Name == "panic" && !ownsUp(call) {
				found = append(found, t.at(call.Pos(), `a panic's text begins with "vial: internal error"`))
			}
		}
	}
	return found
}

// ends tells whether a function ends the process or its goroutine.
func ends(from, name string) bool {
	switch from {
	case "os", "syscall", xunix:
		return name == "Exit"
	case "log":
		return strings.HasPrefix(name, "Fatal") || strings.HasPrefix(name, "Panic")
	case "runtime":
		return name == "Goexit"
	}
	return false
}

// ownsUp tells whether the panic's argument begins with the words.
func ownsUp(call *ast.CallExpr) bool {
	if len(call.Args) != 1 {
		return false
	}
	e := call.Args[0]
	for {
		switch x := e.(type) {
		case *ast.BinaryExpr:
			e = x.X
			continue
		case *ast.CallExpr: // fmt.Sprintf("vial: internal error: …", …)
			if len(x.Args) > 0 {
				e = x.Args[0]
				continue
			}
		case *ast.BasicLit:
			text, err := strconv.Unquote(x.Value)
			return err == nil && strings.HasPrefix(text, "vial: internal error: ")
		}
		return false
	}
}

// launches holds that package launch alone starts processes.
func launches(t *tree) []string {
	var found []string
	for _, f := range t.products() {
		if f.dir() == "internal/launch" {
			continue
		}
		for n := range ast.Preorder(f.syntax) {
			e, ok := n.(ast.Expr)
			if !ok {
				continue
			}
			from, name, ok := f.selector(e)
			if !ok {
				continue
			}
			switch from + "." + name {
			case "os.StartProcess", "syscall.ForkExec", "syscall.StartProcess", "syscall.Exec", xunix + ".Exec",
				"os/exec.Command", "os/exec.CommandContext":
				found = append(found, t.at(e.Pos(), "%s.%s: only internal/launch starts processes", from, name))
			}
		}
	}
	return found
}
