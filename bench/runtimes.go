package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// names are the runtimes, vial first: the others are what it is compared with.
var names = []string{"vial", "runc", "crun"}

// A Runtime is one of the programs.
type Runtime struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Version string `json:"version"`
	root    string // its state directory
}

// find finds the runtimes: by flag, by environment variable, a peer else in
// $PATH, and vial is else built. A peer that is named as nothing is left out,
// and so is one that nobody named and that is not there.
func find(paths map[string]string, p *place) ([]Runtime, error) {
	var found []Runtime
	for _, name := range names {
		path, named := paths[name]
		if !named {
			path, named = os.LookupEnv(strings.ToUpper(name))
		}
		var err error
		switch {
		case name == "vial" && path == "":
			path, err = buildVial(p)
		case named && path == "":
			continue // it is not wanted
		case named:
			path, err = absolute(path)
		default:
			if path, err = absolute(name); err != nil {
				continue
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if path, err = p.install(name, path); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		r := Runtime{Name: name, Path: path, root: filepath.Join(p.dir, "state-"+name)}
		if r.Version, err = versionOf(path); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		found = append(found, r)
	}
	return found, nil
}

// install puts a program where all of them are executed from, as `make install`
// does. How a file has come into the page cache tells in the time that it takes to
// execute it: one that a linker has written page by page, as Go's does, takes 5 %
// longer than one that was written in large pieces.
func (p *place) install(name, path string) (string, error) {
	installed := filepath.Join(p.programs, name)
	said, err := exec.Command("install", "-m", "0755", path, installed).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("install: %w: %s", err, bytes.TrimSpace(said))
	}
	return installed, nil
}

func absolute(path string) (string, error) {
	path, err := exec.LookPath(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(path)
}

func buildVial(p *place) (string, error) {
	path := filepath.Join(p.dir, "built")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/vial-run/vial/cmd/vial")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return "", fmt.Errorf("build it from this module (or name one with -vial): %w", err)
	}
	return path, nil
}

// versionOf is what stands behind the word version in the first line of
// --version, and the commit if a line names it.
func versionOf(path string) (string, error) {
	text, err := exec.Command(path, "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w", path, err)
	}
	return parseVersion(string(text)), nil
}

func parseVersion(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	if _, after, ok := strings.Cut(first, "version "); ok {
		first = after
	}
	for line := range strings.Lines(rest) {
		commit, ok := strings.CutPrefix(strings.TrimSpace(line), "commit: ")
		if ok && commit != "unknown" && !strings.Contains(first, commit) {
			return first + " (" + commit + ")"
		}
	}
	return first
}

// command is a command line of the runtime.
func (r *Runtime) command(verb string, args ...string) []string {
	return append([]string{r.Path, "--root", r.root, verb}, args...)
}
