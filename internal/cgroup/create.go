package cgroup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const dirMode = 0o755

// Create makes the directories, each ready for a process to enter. A cgroup
// that exists already is taken only if nothing is in it and it is not frozen.
// When Create fails, it leaves none that it made.
func (p *Plan) Create() error {
	if p.unit != nil {
		return nil // see Adopt
	}
	err := p.create()
	if err != nil {
		err = fmt.Errorf("%s: %w", pathField, err)
	}
	if err == nil && p.v2() {
		err = p.enable()
	}
	if err != nil {
		return errors.Join(err, p.Undo())
	}
	return nil
}

func (p *Plan) create() error {
	for i := range p.dirs {
		d := &p.dirs[i]
		fresh, err := p.mkdir(d.Dir, d.root)
		if err != nil {
			return err
		}
		if !fresh {
			if err := d.vacant(); err != nil {
				return err
			}
		}
		if slices.Contains(d.Controllers, "cpuset") {
			if err := d.fillCpuset(fresh, p.writes); err != nil {
				return err
			}
		}
	}
	return nil
}

// mkdir makes a cgroup and those above it that are missing, up to root, and
// tells whether it is new.
func (p *Plan) mkdir(dir, root string) (fresh bool, err error) {
	switch err := unix.Mkdir(dir, dirMode); err {
	case nil:
		p.made = append(p.made, dir)
		// Not what the caller's umask has left of the mode.
		if err := unix.Chmod(dir, dirMode); err != nil {
			return true, errorAt("chmod", dir, err)
		}
		return true, nil
	case unix.EEXIST:
		return false, nil
	case unix.ENOENT:
		if parent := path.Dir(dir); len(parent) > len(root) {
			if _, err := p.mkdir(parent, root); err != nil {
				return false, err
			}
			return p.mkdir(dir, dir)
		}
		fallthrough
	default:
		return false, errorAt("mkdir", dir, err)
	}
}

// vacant tells whether a cgroup that was there before may become a container's.
func (d *dir) vacant() error {
	pids, err := treePids(d.Dir)
	if err != nil {
		return err
	}
	if len(pids) > 0 {
		return fmt.Errorf("%s: container's cgroup is not empty: %d process(es) found", d.Dir, len(pids))
	}
	file := ""
	switch {
	case len(d.Controllers) == 0:
		file = freezeFile
	case slices.Contains(d.Controllers, "freezer"):
		file = selfFreezingFile
	default:
		return nil
	}
	frozen, err := frozenBy(d.Dir, file)
	if err == nil && frozen {
		err = fmt.Errorf("%s: container's cgroup unexpectedly frozen", d.Dir)
	}
	return err
}

// fillCpuset gives a v1 cpuset, and those above it, the processors and memory
// nodes without which nothing can enter: a new one has none (cpuset(7)).
func (d *dir) fillCpuset(fresh bool, writes []write) error {
	for _, w := range [...]write{{file: "cpuset.cpus", field: "cpu.cpus"}, {file: "cpuset.mems", field: "cpu.mems"}} {
		if i := slices.IndexFunc(writes, func(s write) bool { return s.file == w.file }); i >= 0 {
			w = writes[i]
		}
		if !fresh && w.value == "" {
			if _, err := inheritCpuset(d.Dir, d.root, "/"+w.file); err != nil {
				return err
			}
			continue
		}
		above, err := inheritCpuset(path.Dir(d.Dir), d.root, "/"+w.file)
		if err != nil {
			return err
		}
		if w.value == "" {
			w.value = above
		}
		if err := writeFile(d.Dir+"/"+w.file, w.value); err != nil {
			return w.fail(err)
		}
	}
	return nil
}

// inheritCpuset copies a value down from the first cgroup above that has one.
func inheritCpuset(dir, root, file string) (string, error) {
	value, err := readFile(dir + file)
	if err != nil || strings.TrimSpace(value) != "" || len(dir) <= len(root) {
		return value, err
	}
	if value, err = inheritCpuset(path.Dir(dir), root, file); err != nil {
		return "", err
	}
	return value, writeFile(dir+file, value)
}

// Undo removes what Create made: the container's cgroups, and those above them
// that are empty and were not there before. It is for a create that failed;
// nothing may run in them any more. Once it has worked, it does nothing more.
func (p *Plan) Undo() error {
	if p.leaf >= 0 {
		unix.Close(p.leaf)
		p.leaf = -1
	}
	if p.unit != nil {
		return p.undoUnit()
	}
	var errs []error
	for i := len(p.made) - 1; i >= 0; i-- {
		dir, leaf := p.made[i], false
		for _, d := range p.dirs {
			leaf = leaf || d.Dir == dir
		}
		if leaf {
			errs = append(errs, removeAll([]string{dir}))
		} else if err := unix.Rmdir(dir); err != nil && err != unix.ENOENT && err != unix.EBUSY {
			// EBUSY: somebody else has made a cgroup in there since.
			errs = append(errs, errorAt("rmdir", dir, err))
		}
	}
	p.made = nil
	return errors.Join(errs...)
}
