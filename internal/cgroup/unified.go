package cgroup

import (
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// usual are the controllers of cgroup2 that kernels of distributions have. A
// cgroup that has them all needs no further look.
var usual = [...]string{"cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc"}

// domain are controllers that only a cgroup for whole processes can have.
var domain = [...]string{"memory", "io", "hugetlb"}

// enable sees to it that the new cgroup has every controller that the host can
// give: whoever reads statistics of a container expects them, limits or not.
// They are usually there, because the cgroup above has given them on since the
// first container, so what is there is looked at first: writing to
// cgroup.subtree_control takes a lock of the whole system.
func (p *Plan) enable() error {
	d := p.unified()
	leaf, err := openAt(unix.AT_FDCWD, d.Dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return fmt.Errorf("%s: %w", pathField, errorAt("open", d.Dir, err))
	}
	p.leaf = leaf
	have, err := controllers(leaf)
	if err != nil {
		return err
	}
	if all(have, usual[:]) {
		return nil
	}
	text, err := readFile(d.root + "/cgroup.controllers")
	if err != nil {
		return fmt.Errorf("%s: %w", pathField, err)
	}
	available := strings.Fields(text)
	if n := p.missing(available); n != nil {
		return fmt.Errorf("%s%s: the host has no controller %s: %s/cgroup.controllers says %q", resources, n.field, n.controller, d.root, strings.TrimSpace(text))
	}
	if all(have, available) {
		return nil
	}
	refused := give(d.root, d.Dir, available)
	if have, err = controllers(leaf); err != nil {
		return err
	}
	if err := domainType(leaf, d.Dir, have); err != nil {
		return err
	}
	if n := p.missing(have); n != nil {
		return fmt.Errorf("%s%s: the controller %s does not reach %s: %w", resources, n.field, n.controller, d.Dir, refused)
	}
	return nil
}

// give writes the controllers to cgroup.subtree_control of every cgroup from
// the root to the one above dir. A cgroup may refuse one of them; the others go
// in one by one then. It returns the last refusal, to explain what is missing.
func give(root, dir string, list []string) error {
	refused := error(unix.ENOENT)
	for at := root; ; {
		file := at + "/cgroup.subtree_control"
		err := writeFile(file, "+"+strings.Join(list, " +"))
		switch {
		case err != nil && inhabited(at):
			refused = err
		case err != nil:
			for _, controller := range list {
				if err := writeFile(file, "+"+controller); err != nil {
					refused = err
				}
			}
		}
		rest := strings.TrimPrefix(dir[len(at):], "/")
		next, _, more := strings.Cut(rest, "/")
		if !more {
			return refused
		}
		at = path.Join(at, next)
	}
}

// inhabited tells whether a cgroup has processes of its own, so that it can
// give no controllers for whole processes (cgroups(7), "no internal processes").
// It would take those for threads, but turn into a threaded domain by that: then
// no container could be below it. The root of all may have processes; it is the
// one without a type.
func inhabited(dir string) bool {
	kind, err := readFile(dir + "/cgroup.type")
	if err != nil || strings.TrimSpace(kind) != "domain" {
		return false
	}
	processes, err := readFile(dir + "/cgroup.procs")
	return err == nil && processes != ""
}

func controllers(leaf int) ([]string, error) {
	text, err := readAt(leaf, "cgroup.controllers")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", pathField, err)
	}
	return strings.Fields(text), nil
}

// domainType refuses a cgroup within a threaded one (cgroups(7), "thread mode"):
// no process can be put there. One that has a controller for whole processes
// cannot be such.
func domainType(leaf int, dir string, have []string) error {
	for _, controller := range domain {
		if slices.Contains(have, controller) {
			return nil
		}
	}
	text, err := readAt(leaf, "cgroup.type")
	if err != nil {
		return fmt.Errorf("%s: %w", pathField, err)
	}
	if kind := strings.TrimSpace(text); kind != "domain" {
		return fmt.Errorf("%s: cannot enter cgroupv2 %q: its type is %q, because a cgroup above it is threaded", pathField, dir, kind)
	}
	return nil
}

func all(have, wanted []string) bool {
	for _, w := range wanted {
		if !slices.Contains(have, w) {
			return false
		}
	}
	return true
}

// Dir is the cgroup2 directory, for clone3(CLONE_INTO_CGROUP); nil on a host
// without cgroup2. The caller closes it.
func (p *Plan) Dir() (*os.File, error) {
	d := p.unified()
	if d == nil {
		return nil, nil
	}
	if p.leaf < 0 {
		fd, err := openAt(unix.AT_FDCWD, d.Dir, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pathField, errorAt("open", d.Dir, err))
		}
		p.leaf = fd
	}
	f := os.NewFile(uintptr(p.leaf), d.Dir)
	p.leaf = -1
	return f, nil
}
