package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// An Entrance is a way into cgroups that exist.
type Entrance struct {
	// Dirs are the v1 cgroups, and Tasks, parallel to them, the files with
	// which a process moves itself into each.
	Dirs  []host.CgroupDir
	Tasks []*os.File
	// Unified is the cgroup2 directory, to be born in; nil without one.
	Unified *os.File
}

// Enter opens the container's cgroups for one more process. below names, for a
// controller or "" (see ParseBelow), a cgroup below the container's own.
func Enter(paths, below map[string]string) (*Entrance, error) {
	e := &Entrance{}
	dirs := distinct(paths)
	slices.Sort(dirs)
	for _, dir := range dirs {
		if err := e.add(dir, paths, below); err != nil {
			e.Close()
			return nil, err
		}
	}
	return e, nil
}

func (e *Entrance) add(dir string, paths, below map[string]string) error {
	var controllers []string
	for controller, at := range paths {
		if at == dir && controller != "" {
			controllers = append(controllers, controller)
		}
	}
	slices.Sort(controllers)
	for _, controller := range append(controllers, "") {
		if sub, ok := below[controller]; ok && (controller != "" || len(controllers) == 0) {
			dir = path.Join(dir, sub)
			break
		}
	}
	if len(controllers) == 0 {
		fd, err := openAt(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
		if err != nil {
			return fmt.Errorf("can't open cgroup: %w", errorAt("open", dir, err))
		}
		e.Unified = os.NewFile(uintptr(fd), dir)
		return nil
	}
	fd, err := openAt(unix.AT_FDCWD, dir+"/tasks", unix.O_WRONLY)
	if err != nil {
		return fmt.Errorf("error adding pid to cgroup: %w", errorAt("open", dir+"/tasks", err))
	}
	e.Dirs = append(e.Dirs, host.CgroupDir{Dir: dir, Controllers: controllers})
	e.Tasks = append(e.Tasks, os.NewFile(uintptr(fd), dir+"/tasks"))
	return nil
}

// Close closes what the Entrance holds open.
func (e *Entrance) Close() {
	for _, f := range e.Tasks {
		f.Close()
	}
	if e.Unified != nil {
		e.Unified.Close()
	}
}

// UnifiedOf is the cgroup2 that a process is in now, opened; its directory lies
// below root, where the hierarchy is mounted.
func UnifiedOf(pid int, root string) (*os.File, error) {
	text, err := readFile(fmt.Sprintf("/proc/%d/cgroup", pid))
	if err != nil {
		return nil, err
	}
	dir, ok := parseOwn(text)[""]
	if !ok {
		return nil, errors.New("the process is in no cgroup2")
	}
	dir = path.Join(root, below("/", dir))
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("can't open cgroup: %w", errorAt("open", dir, err))
	}
	return os.NewFile(uintptr(fd), dir), nil
}

// ParseBelow reads the words of exec --cgroup: PATH, or on v1 CONTROLLERS:PATH
// too. Each PATH counts from the container's cgroup and may not lead out of it.
// The result holds a path for each controller, and for "" that of cgroup2.
func ParseBelow(words []string, paths map[string]string) (map[string]string, error) {
	if len(words) == 0 {
		return nil, nil
	}
	_, unified := paths[""]
	v1 := !unified || len(paths) > 1
	found := map[string]string{}
	for _, word := range words {
		list, sub, prefixed := strings.Cut(word, ":")
		if !v1 || !prefixed {
			if len(words) > 1 {
				return nil, fmt.Errorf("invalid --cgroup argument: %s (missing <controller>: prefix)", word)
			}
			list, sub = "", word
		} else if list == "" {
			return nil, fmt.Errorf("invalid --cgroup argument: %s (empty <controller> prefix)", word)
		}
		// Not path.Join: a prefix such as ../nameELSE must not pass.
		if slices.Contains(strings.Split(sub, "/"), "..") || strings.IndexByte(sub, 0) >= 0 {
			return nil, fmt.Errorf("bad sub cgroup path: %s", sub)
		}
		controllers := strings.Split(list, ",")
		if list == "" {
			controllers = controllers[:0]
			for controller := range paths {
				controllers = append(controllers, controller)
			}
		}
		for _, controller := range controllers {
			if _, ok := paths[controller]; !ok || list != "" && controller == "" {
				return nil, fmt.Errorf("unknown controller %s in SubCgroupPaths", controller)
			}
			if _, twice := found[controller]; twice {
				return nil, fmt.Errorf("invalid --cgroup argument(s): controller %s specified multiple times", controller)
			}
			found[controller] = sub
		}
	}
	return found, nil
}
