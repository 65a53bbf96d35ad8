package rules

import (
	"go/ast"
	"slices"
	"strings"
)

const xunix = "golang.org/x/sys/unix"

// harmless are the packages that any package of vial may import: they compute,
// touch nothing, and are in the binary anyway.
func harmless() []string {
	return []string{
		"bytes", "cmp", "encoding/binary", "errors", "fmt", "io", "iter", "maps", "math", "math/bits",
		"path", "slices", "sort", "strconv", "strings", "unicode", "unicode/utf8",
	}
}

// pure are the packages whose answer depends on what they are given alone. Of
// package unix they take constants and types, never a call (see pureUnix).
func pure() []string {
	return []string{
		"internal/compile", "internal/config", "internal/field", "internal/host",
		"internal/image", "internal/program", "internal/seccomp",
	}
}

// others are all other imports, each with who needs it for what.
func others() []allowance {
	const specs = "github.com/opencontainers/runtime-spec/specs-go"
	return []allowance{
		{"context", "cmd/vial", "events are never given up"},
		{"encoding/json", "cmd/vial", "prints state, list and features, and quotes log lines; config.json is decoded by hand"},
		{"flag", "cmd/vial", "the command line"},
		{"os", "cmd/vial", "arguments, output, the exit"},
		{"path/filepath", "cmd/vial", "paths that the caller gives"},
		{"runtime", "cmd/vial", "its version"},
		{"runtime/debug", "cmd/vial", "what it was built of"},
		{"text/tabwriter", "cmd/vial", "the table of list"},
		{"time", "cmd/vial", "times in logs and in list"},
		{"github.com/moby/sys/user", "cmd/vial", "the owner's name in list"},
		{specs, "cmd/vial", "the version of the spec"},
		{specs + "/features", "cmd/vial", "the output of features"},
		{xunix, "cmd/vial", "numbers of signals"},

		{"context", "container", "Wait and Events can be given up"},
		{"os", "container", "files of the host: pid file, bundle"},
		{"path/filepath", "container", "the bundle's paths"},
		{"runtime", "container", "a thread of its own, for what is without the umask"},
		{"sync", "container", "goroutines that wait, and those that delete"},
		{"time", "container", "when a container was made, and an end to Wait"},
		{"github.com/moby/sys/user", "container", "reads the container's passwd, with limits"},
		{specs, "container", "configs made in memory"},
		{xunix, "container", "system calls"},

		{"os", "internal/cgroup", "cgroup files"},
		{"time", "internal/cgroup", "deadlines of kill and remove"},
		{specs, "internal/cgroup", "linux.resources"},
		{xunix, "internal/cgroup", "system calls"},

		{"sync", "internal/console", "two directions share a master that either may close"},
		{"time", "internal/console", "how long a read that is needless is waited for"},
		{xunix, "internal/console", "system calls"},

		{xunix, "internal/host/gather", "system calls"},
		{"runtime", "internal/launch", "a thread that makes namespaces"},
		{"time", "internal/launch", "a process that has executed its program in a moment"},
		{"syscall", "internal/launch", "fork and exec with a table of descriptors, which package unix has not"},
		{xunix, "internal/launch", "system calls"},

		{"io/fs", "internal/state", "errors that callers test for"},
		{"io/fs", "container", "a state root that does not exist yet holds no containers"},
		{"os", "internal/state", "fifos as files, the root with its parents"},
		{"time", "internal/state", "when a container was made"},
		{xunix, "internal/state", "system calls"},

		{"time", "internal/systemd", "every wait is bounded"},
		{xunix, "internal/systemd", "the socket"},

		{"math/rand/v2", "internal/program/vm", "which ways to try, from a seed"},
		{xunix, "internal/program/vm", "constants"},

		{specs, "internal/compile", "fields that need no further meaning"},
		{xunix, "internal/compile", "constants"},
		{"reflect", "internal/config", "writes a config.json (spec), which is not on the way of a container"},
		{specs, "internal/config", "what it decodes into"},
		{xunix, "internal/config", "constants"},
		{"runtime", "internal/image", "for which CPU it was built"},
		{"unsafe", "internal/image", "reads the interpreter out of vial's own text"},
		{xunix, "internal/image", "constants"},
		{xunix, "internal/program", "constants"},
		{"sync/atomic", "internal/signals", "what a handler reads"},
		{"unsafe", "internal/signals", "arguments of rt_sigaction(2)"},
		{xunix, "internal/signals", "system calls"},
		{"runtime", "internal/sys", "keeps arguments alive over a system call"},
		{"unsafe", "internal/sys", "arguments of system calls that package unix has not"},
		{xunix, "internal/sys", "system calls"},
	}
}

// effects holds what each package may touch: whatever is imported from outside
// vial and is not harmless stands in the table above.
func effects(t *tree) []string {
	table := allow("others", others())
	var found []string
	for _, f := range t.products() {
		for _, s := range f.imports() {
			what := importPath(s)
			if strings.HasPrefix(what, module) || slices.Contains(harmless(), what) || table.has(what, f.dir()) {
				continue
			}
			why := "it is not in others in test/rules/effects_test.go"
			if slices.Contains(pure(), f.dir()) {
				why = "the package is pure"
			}
			found = append(found, t.at(s.Pos(), "%s may not import %s: %s", f.dir(), what, why))
		}
	}
	return append(found, table.stale(t)...)
}

// pureUnix are the functions of package unix that only compute.
func pureUnix() []string {
	return []string{"Errno", "Signal", "Mkdev", "Major", "Minor", "ErrnoName", "SignalName", "SignalNum"}
}

// constantsOnly holds that pure packages make no system calls, which the
// imports alone do not tell: package unix has the constants too.
func constantsOnly(t *tree) []string {
	var found []string
	for _, f := range t.products() {
		if !slices.Contains(pure(), f.dir()) {
			continue
		}
		for n := range ast.Preorder(f.syntax) {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				continue
			}
			if from, name, ok := f.selector(call.Fun); ok && from == xunix && !slices.Contains(pureUnix(), name) {
				found = append(found, t.at(call.Pos(), "%s may not call unix.%s: the package is pure", f.dir(), name))
			}
		}
	}
	return found
}

// unsafeImports holds where package unsafe and assembly are, whatever the table
// above says.
func unsafeImports(t *tree) []string {
	var found []string
	for i := range t.files {
		f := &t.files[i]
		if strings.HasSuffix(f.path, ".s") && f.dir() != "internal/image" && f.dir() != "internal/signals" {
			found = append(found, f.path+":1: assembly is for internal/image and internal/signals only")
		}
		if f.syntax == nil {
			continue
		}
		for _, s := range f.imports() {
			switch what := importPath(s); {
			case what == "C":
				found = append(found, t.at(s.Pos(), "cgo: vial is pure Go"))
			case what == "unsafe" && f.product() && !slices.Contains([]string{"internal/image", "internal/signals", "internal/sys"}, f.dir()):
				found = append(found, t.at(s.Pos(), "%s may not import unsafe: only internal/image, internal/signals and internal/sys do", f.dir()))
			}
		}
	}
	return found
}
