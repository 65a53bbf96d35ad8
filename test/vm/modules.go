package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// findModules is where each module of a kernel is. A package of Debian's has
// no modules.dep: it is made where it is installed.
func findModules(dir string) (map[string]string, error) {
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if name, _, ok := strings.Cut(filepath.Base(path), ".ko"); ok && err == nil && entry.Type().IsRegular() {
			found[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	return found, err
}

// A driver is a module that a machine loads.
type driver struct {
	name string
	text []byte
}

// load is the named modules and those they depend on, in the order in which to
// load them. A module that the kernel has built in is in no file, and left out.
func (k kernel) load(names []string) ([]driver, error) {
	var order []driver
	done := map[string]bool{}
	var visit func(name string) error
	visit = func(name string) error {
		path := k.modules[name]
		if done[name] || path == "" {
			return nil
		}
		done[name] = true
		text, err := readModule(path)
		if err != nil {
			return err
		}
		needs, err := dependencies(text)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		for _, n := range needs {
			if err := visit(n); err != nil {
				return err
			}
		}
		order = append(order, driver{name, text})
		return nil
	}
	for _, name := range names {
		if err := visit(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

func readModule(path string) ([]byte, error) {
	if !strings.HasSuffix(path, ".xz") {
		return os.ReadFile(path)
	}
	out, err := exec.Command("xz", "-dc", path).Output()
	if err != nil {
		return nil, fmt.Errorf("xz -dc %s: %w", path, err)
	}
	return out, nil
}

// dependencies are the names behind depends= in a module's section .modinfo.
func dependencies(text []byte) ([]string, error) {
	f, err := elf.NewFile(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, nil
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for entry := range strings.SplitSeq(string(info), "\x00") {
		if list, ok := strings.CutPrefix(entry, "depends="); ok && list != "" {
			return strings.Split(strings.ReplaceAll(list, "-", "_"), ","), nil
		}
	}
	return nil, nil
}
