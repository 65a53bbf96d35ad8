package rules

import "strings"

// A bad tree breaks one rule, or is good where a hasty rule would complain
// (want is empty then).
type bad struct {
	rule, why string
	files     map[string]string
	want      string
}

func one(path, text string) map[string]string { return map[string]string{path: text} }

// badCode are trees with code that breaks a rule.
func badCode() []bad {
	return append(badImports(), badStatements()...)
}

func badImports() []bad {
	const vial = "github.com/vial-run/vial/"
	return []bad{
		{"imports lead inwards", "outwards", one("internal/program/p.go", `package program
import _ "`+vial+`internal/compile"`),
			"internal/program/p.go:2: internal/program may not import internal/compile: imports lead inwards"},
		{"imports lead inwards", "past the public API", one("cmd/vial/p.go", `package main
import _ "`+vial+`internal/config"`),
			"cmd/vial/p.go:2: cmd/vial may not import internal/config: see inward in test/rules/imports_test.go"},
		{"imports lead inwards", "sideways", one("internal/launch/p.go", `package launch
import _ "`+vial+`internal/state"`),
			"internal/launch/p.go:2: internal/launch may not import internal/state: imports lead inwards"},
		{"imports lead inwards", "the machine for tests", one("container/p.go", `package container
import _ "`+vial+`internal/program/vm"`),
			"container/p.go:2: container imports internal/program/vm, which is for tests"},
		{"imports lead inwards", "a new package", one("internal/new/p.go", "package new"),
			"internal/new/p.go:1: the package is in no layer: put it into layers in test/rules/imports_test.go"},
		{"imports lead inwards", "code for tests", one("container/p.go", `package container
import _ "`+vial+`test/host"`),
			"container/p.go:2: imports test/host, which is no part of vial"},
		{"tests look from the outside", "the inside", one("test/integration/p_test.go", `package integration
import _ "`+vial+`internal/state"`),
			"test/integration/p_test.go:2: test/integration may not import internal/state: it looks at vial from the outside"},
		{"what a package may touch", "files in a pure package", one("internal/compile/p.go", `package compile
import "os"`),
			"internal/compile/p.go:2: internal/compile may not import os: the package is pure"},
		{"what a package may touch", "something new", one("internal/state/p.go", `package state
import "net"`),
			"internal/state/p.go:2: internal/state may not import net: it is not in others in test/rules/effects_test.go"},
		{"pure packages make no system calls", "a call", one("internal/config/p.go", `package config
import "golang.org/x/sys/unix"
var fd, _ = unix.Open("/", unix.O_PATH, 0)
var e = unix.Errno(1)`),
			"internal/config/p.go:3: internal/config may not call unix.Open: the package is pure"},
		{"unsafe and assembly", "all three", map[string]string{
			"container/p.go":   "package container\nimport \"unsafe\"",
			"bench/p.go":       "package main\nimport \"C\"",
			"internal/sys/p.s": "RET",
		}, "bench/p.go:2: cgo: vial is pure Go\n" +
			"container/p.go:2: container may not import unsafe: only internal/image, internal/signals and internal/sys do\n" +
			"internal/sys/p.s:1: assembly is for internal/image and internal/signals only"},
	}
}

func badStatements() []bad {
	return []bad{
		{"only main exits", "in a verb", one("cmd/vial/list.go", `package main
import ("log"; "os")
func f() { os.Exit(1); log.Fatalf("x") }`),
			"cmd/vial/list.go:3: os.Exit: only cmd/vial/main.go exits\ncmd/vial/list.go:3: log.Fatalf: only cmd/vial/main.go exits"},
		{"only main exits", "in main", one("cmd/vial/main.go", "package main\nimport \"os\"\nfunc f() { os.Exit(1) }"), ""},
		{"only main exits", "a panic", one("container/p.go", `package container
func f(err error) { panic(err) }
func g(err error) { panic("vial: internal error: " + err.Error()) }`),
			`container/p.go:2: a panic's text begins with "vial: internal error"`},
		{"only launch starts processes", "elsewhere", one("container/p.go", `package container
import "os/exec"
var start = exec.Command`),
			"container/p.go:3: os/exec.Command: only internal/launch starts processes"},
		{"packages have a comment", "none", one("bench/p.go", "package main"),
			"bench/p.go:1: package main has no comment: say what comes in, what goes out, what it may not know"},
		{"packages have a comment", "two", map[string]string{
			"container/a.go": "// Package container a.\npackage container",
			"container/b.go": "// Package container b.\npackage container",
		}, "container/b.go:2: a second comment for package container: one file has it"},
		{"packages have a comment", "about nothing", one("container/p.go", "// Stuff.\npackage container"),
			`container/p.go:1: the package comment does not begin with "Package container "`},
		{"packages have a comment", "endless", one("container/p.go", "// Package container a.\n"+strings.Repeat("// a\n", 40)+"package container"),
			"container/p.go:1: the package comment has 41 lines, 40 are the most"},
		{"packages have no state", "init", one("container/p.go", "package container\nfunc init() {}"),
			"container/p.go:2: an init function: every command would pay for it"},
		{"packages have no state", "all ways to have some", one("container/p.go", `package container
import "sync"
type box struct { n int }
func (b *box) set() { b.n = 1 }
func (b box) get() int { return b.n }
var none int
var once sync.Once
var table = map[int]int{}
var one = box{}
var list = []int{1}
func f() {
	table[1] = 2
	list[0]++
	one.set()
	_ = one.get()
	_ = &one
	delete(table, 1)
	table := map[int]int{}
	table[1] = 2
}`),
			`container/p.go:6: none has no value: it can only be meant to change
container/p.go:7: once has no value: it can only be meant to change
container/p.go:12: assigns to table, a variable of the package: pass it instead
container/p.go:13: counts in list, a variable of the package: pass it instead
container/p.go:14: calls a pointer's method on one, a variable of the package: pass it instead
container/p.go:16: takes the address of one, a variable of the package: pass it instead
container/p.go:17: changes table, a variable of the package: pass it instead`},
		{"packages have no state", "a value that is computed once", one("internal/image/p.go", `package image
import "sync"
var bytes = sync.OnceValue(func() int { return 1 })`),
			"internal/image/p.go:3: bytes is made to change"},
	}
}

// badTrees are bad in other ways.
func badTrees() []bad {
	const tooLong = "package compile\nfunc f() {\n"
	return []bad{
		{"names", "that say nothing", map[string]string{
			"internal/util/x.go":       "package util",
			"container/helpers.go":     "package container",
			"container/mount_linux.go": "package container",
		}, "container/helpers.go: a name that says nothing: name it for its concern\n" +
			"container/mount_linux.go: all of vial is for Linux\n" +
			"internal/util: a name that says nothing: name it for its concern\n" +
			"internal/util/x.go: a name that says nothing: name it for its concern"},
		{"sizes", "a function", one("internal/compile/p.go", tooLong+strings.Repeat("\tf()\n", 79)+"}"),
			"internal/compile/p.go:2: f has 81 lines, 80 are the most"},
		{"sizes", "a function that just fits", one("internal/compile/p.go", tooLong+strings.Repeat("\tf()\n", 78)+"}"), ""},
		{"sizes", "a file", one("bench/p.go", "package main\n"+strings.Repeat("\n", 500)),
			"bench/p.go:1: the file has 501 lines, 500 are the most"},
		{"sizes", "a test", one("bench/p_test.go", "package main\n"+strings.Repeat("\n", 500)), ""},
		{"the repository stands alone", "strangers", map[string]string{
			"a.md":       "see /builds/vial/x\nask the helper\n",
			"b.go":       "package b // pull from docker.io",
			"c.go":       "package c\nfunc f(t T) { t.Helper() }",
			".ci/config": "see issue 12",
		}, `a.md:1: "/builds/v": a path of somebody's machine
b.go:1: "docker.io": the address of a registry
a.md:2: "helper": a word that says nothing: name what it does
.ci/config:1: "issue 12": an issue of a tracker that is not here`},
		{"phrases that engines match", "reworded", one("internal/state/process.go", `package state
// container not running
var ErrNotRunning = errors.New("the container is not running")`),
			`internal/state/process.go: ErrNotRunning does not say "container not running" any more, which is read by containerd's runc shim and CRI-O: a kill that comes too late is no error`},
		{"phrases that engines match", "said elsewhere", one("container/p.go", `package container
func f() string { return "the container does not exist" }`),
			`container/p.go:2: f says "container does not exist", which engines match: it is for what phrases in test/rules/phrases_test.go says`},
		{"make targets", "a wrong one", map[string]string{
			"Makefile":  "PREFIX ?= x\ninstall: vial\nvial:\n\tgo build\n",
			"README.md": "You make some tea.\n```\nmake vial\nmake tea\n```\nand `make instal`\n",
		}, "README.md: make tea: the Makefile has no such target\nREADME.md: make instal: the Makefile has no such target"},
		{"documents lead somewhere", "or not", map[string]string{
			"README.md":             "[a](A.md) [b](README.md#x) `internal/*/mounts.go` `internal/compile/rootfs.go` `a/b` [c](https://example.org)\n",
			"internal/x/mounts.go":  "package x",
			"internal/compile/y.go": "package compile",
		}, "README.md:1: A.md does not exist\nREADME.md:1: internal/compile/rootfs.go does not exist"},
		{"every demand has a test", "or not", map[string]string{
			"docs/conformance.md": "## config.md\n### Root\n| # | n | demand | is | shown by |\n| -: | -: | - | - | - |\n" +
				"| 1 | 1 | a | met | `x.TestGood`, `x.TestGood/case` |\n| 2 | 2 | b | refused | none |\n" +
				"| 4 | 1 | c | differs | `x.TestNone`, `x.TestGood/no case` `x.TestSkipped` |\n| 4 | 1 | d | maybe | `x.TestGood` |\n| 5 | 1 | e |\n",
			"container/x/x_test.go": "package x\nfunc TestGood(t *testing.T) { t.Run(\"case\", nil) }\nfunc TestSkipped(t *testing.T) { bed.Skip(t, \"x\") }",
		}, "docs/conformance.md:8: want | number | words | demand | is | `package.Test` |\n" +
			"docs/conformance.md:9: want | number | words | demand | is | `package.Test` |\n" +
			"docs/conformance.md:6: Root 2: no test shows it\n" +
			"docs/conformance.md:7: Root 4: want number 3\n" +
			"docs/conformance.md:7: Root 4: x.TestNone: there is no such test\n" +
			"docs/conformance.md:7: Root 4: x.TestGood/no case: the test has no such case\n" +
			"docs/conformance.md:7: Root 4: x.TestSkipped: the test is always skipped"},
	}
}
