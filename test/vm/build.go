package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// suites are the packages whose tests need a kernel of their own to run on.
func suites() []string {
	return []string{
		"internal/cgroup", "internal/host/gather", "internal/launch", "internal/state", "internal/sys",
		"container", "test/integration", "test/hostile", "test/faults",
	}
}

// A payload is a directory with all that a machine is given:
//
//	bin/vial bin/probe bin/init   the programs
//	PACKAGE/test                  the compiled tests
//	PACKAGE/testdata              what they read
//	plan                          a line for each package
//	flags                         of every test binary, a line each
type payload struct {
	dir, root string
	suites    []string
}

const module = "github.com/vial-run/vial/"

func build(tmp string, o options) (payload, error) {
	p := payload{dir: tmp, root: filepath.Join(tmp, "payload")}
	if err := os.MkdirAll(filepath.Join(p.root, "bin"), 0o755); err != nil {
		return p, err
	}
	for name, source := range map[string]string{"vial": "cmd/vial", "probe": "test/probe", "init": "test/vm/init"} {
		if err := compile("build", filepath.Join(p.root, "bin", name), source); err != nil {
			return p, err
		}
	}
	for _, suite := range suites() {
		if !listed(o.suites, suite) {
			continue
		}
		dir := filepath.Join(p.root, suite)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return p, err
		}
		if err := compile("test", filepath.Join(dir, "test"), suite); err != nil {
			return p, err
		}
		if err := copyTestdata(suite, dir); err != nil {
			return p, err
		}
		p.suites = append(p.suites, suite)
	}
	// Half of the machine's time: a test that hangs has to tell where.
	flags := "-test.timeout=" + (o.timeout / 2).String() + "\n"
	if o.run != "" {
		flags += "-test.run=" + o.run + "\n"
	}
	if err := os.WriteFile(filepath.Join(p.root, "flags"), []byte(flags), 0o644); err != nil {
		return p, err
	}
	return p, os.WriteFile(filepath.Join(p.root, "plan"), []byte(strings.Join(p.suites, "\n")+"\n"), 0o644)
}

// compile builds a package, or its tests, for the machine.
func compile(verb, path, source string) error {
	words := []string{verb, "-trimpath", "-ldflags", "-s -w", "-o", path}
	if verb == "test" {
		words = append(words, "-c")
	}
	cmd := exec.Command("go", append(words, module+source)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH=amd64")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s %s: %w", verb, source, err)
	}
	return nil
}

func copyTestdata(suite, dir string) error {
	source, err := exec.Command("go", "list", "-f", "{{.Dir}}", module+suite).Output()
	if err != nil {
		return fmt.Errorf("go list %s: %w", suite, err)
	}
	from := filepath.Join(strings.TrimSpace(string(source)), "testdata")
	if _, err := os.Stat(from); os.IsNotExist(err) {
		return nil
	}
	return os.CopyFS(filepath.Join(dir, "testdata"), os.DirFS(from))
}
