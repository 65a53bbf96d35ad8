package rules

import (
	"slices"
	"strings"
)

const module = "github.com/vial-run/vial/"

// layers are the packages of vial from the outside in. Each may import those
// of later layers. A package that is in none of them is a finding: who makes
// one decides where it stands.
func layers() [][]string {
	return [][]string{
		{"cmd/vial"},
		{"container"},
		{"internal/cgroup", "internal/compile", "internal/console", "internal/hook", "internal/host",
			"internal/host/gather", "internal/launch", "internal/state"},
		{"internal/program/vm"},
		{"internal/config", "internal/field", "internal/image", "internal/program", "internal/seccomp", "internal/signals", "internal/sys", "internal/systemd"},
	}
}

// sideways are the imports within a layer.
func sideways() []allowance {
	return []allowance{
		{"internal/host", "internal/cgroup", "facts are plain data: which hierarchies there are, and where"},
		{"internal/host", "internal/compile", "facts are plain data, so that every fallback compiles on any host"},
		{"internal/host", "internal/host/gather", "it fills in the facts"},
		{"internal/field", "internal/config", "every problem names its place"},
		{"internal/field", "internal/program", "a step carries its origin"},
		{"internal/program", "internal/image", "it wraps encoded programs, and the assembly knows their format"},
	}
}

// inward tells what else holds where layers alone would allow more.
func inward() []allowance {
	return []allowance{
		{"container", "cmd/vial", "the command is a user of the public API and of nothing below"},
		{"internal/program", "internal/launch", "it runs programs and does not know what they are for"},
		{"internal/sys", "internal/cgroup", "the device filter is loaded by bpf(2)"},
		{"internal/systemd", "internal/cgroup", "with systemd's driver it is systemd that makes the cgroups"},
	}
}

// narrow are the packages that may import only what inward and sideways name.
func narrow() []string { return []string{"cmd/vial", "internal/launch", "internal/cgroup"} }

// importBorders holds who may import whom.
func importBorders(t *tree) []string {
	across, in := allow("sideways", sideways()), allow("inward", inward())
	var found []string
	for _, f := range t.products() {
		from := layerOf(f.dir())
		if from < 0 {
			found = append(found, f.path+":1: the package is in no layer: put it into layers in test/rules/imports_test.go")
			continue
		}
		for _, s := range f.imports() {
			what, ours := strings.CutPrefix(importPath(s), module)
			if !ours {
				continue
			}
			to := layerOf(what)
			switch {
			case to < 0:
				found = append(found, t.at(s.Pos(), "imports %s, which is no part of vial", what))
			case across.has(what, f.dir()), in.has(what, f.dir()):
			case to <= from:
				found = append(found, t.at(s.Pos(), "%s may not import %s: imports lead inwards", f.dir(), what))
			case what == "internal/program/vm":
				found = append(found, t.at(s.Pos(), "%s imports %s, which is for tests", f.dir(), what))
			case slices.Contains(narrow(), f.dir()):
				found = append(found, t.at(s.Pos(), "%s may not import %s: see inward in test/rules/imports_test.go", f.dir(), what))
			}
		}
	}
	return append(append(found, across.stale(t)...), in.stale(t)...)
}

func layerOf(dir string) int {
	return slices.IndexFunc(layers(), func(l []string) bool { return slices.Contains(l, dir) })
}

// inside are the files outside the code that import its inside.
func inside() []allowance {
	return []allowance{
		{"internal/config", "bench/bundle_test.go", "checks that vial takes the configs that it is measured with"},
	}
}

// outsiders holds that tests and measurements see vial from the outside: what
// is not beside the code imports nothing of it but the public API.
func outsiders(t *tree) []string {
	exceptions := allow("inside", inside())
	var found []string
	for i := range t.files {
		f := &t.files[i]
		top, _, _ := strings.Cut(f.path, "/")
		if f.syntax == nil || top != "test" && top != "bench" && top != "demo" {
			continue
		}
		for _, s := range f.imports() {
			what, ours := strings.CutPrefix(importPath(s), module)
			deep := ours && (strings.HasPrefix(what, "internal/") || strings.HasPrefix(what, "cmd/"))
			if deep && !exceptions.has(what, f.path) {
				found = append(found, t.at(s.Pos(), "%s may not import %s: it looks at vial from the outside", f.dir(), what))
			}
		}
	}
	return append(found, exceptions.stale(t)...)
}
