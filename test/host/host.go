// Package host takes pictures of what a container leaves on a host, so that a
// test can compare before with after.
//
// What comes in: what to look at (View). What goes out: a Picture, which is a
// sorted list of facts, one line each, and the difference of two of them. The
// facts are the mounts of this mount namespace, the cgroups of every hierarchy
// whose name begins with a prefix, the processes that are children of this one
// (zombies too), its open descriptors, and what is in some directories.
//
// A picture shows the whole process, so what it is taken around must be alone
// in it. To see orphans too, the process makes itself a child subreaper.
// The package knows nothing of vial.
package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A View is what a picture shows.
type View struct {
	CgroupPrefix string   // cgroups whose name begins so, right below a hierarchy's root or below this process's own
	Dirs         []string // directories, with all that is in them; one that is missing shows nothing
}

// A Picture is what was there at one moment, in sorted lines.
type Picture []string

// Take takes a picture.
func (v View) Take() (Picture, error) {
	var p Picture
	for _, look := range []func() ([]string, error){descriptors, processes, mounts, v.cgroups, v.files} {
		lines, err := look()
		if err != nil {
			return nil, err
		}
		p = append(p, lines...)
	}
	slices.Sort(p)
	return p, nil
}

// Diff tells what went ("-") and what came ("+") since p, one line each; it is
// empty if nothing did.
func (p Picture) Diff(now Picture) string {
	count := map[string]int{}
	for _, line := range p {
		count[line]--
	}
	for _, line := range now {
		count[line]++
	}
	var diff []string
	for line, n := range count {
		switch {
		case n < 0:
			diff = append(diff, "- "+line)
		case n > 0:
			diff = append(diff, "+ "+line)
		}
	}
	slices.SortFunc(diff, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return strings.Join(diff, "\n")
}

func descriptors() ([]string, error) {
	// The directory's own descriptor shows as well; it is known by where it leads.
	dir := fmt.Sprintf("/proc/%d/fd", os.Getpid())
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, e := range entries {
		target, err := os.Readlink(dir + "/" + e.Name())
		if err != nil || target == dir {
			continue
		}
		lines = append(lines, "descriptor "+e.Name()+" → "+target)
	}
	return lines, nil
}

// processes shows the children of this process.
func processes() ([]string, error) {
	pids, err := Children()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, pid := range pids {
		if s, ok := readStat(pid); ok {
			line := fmt.Sprintf("process %d (%s)", pid, s.name)
			if s.state == "Z" {
				line += ", ended"
			}
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// Children are the processes whose parent is this one, zombies included.
func Children() ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if s, ok := readStat(pid); ok && s.parent == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

type stat struct {
	name, state string
	parent      int
}

// readStat is not ok if there is no such process (any more).
func readStat(pid int) (stat, bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, false
	}
	line := string(text)
	open, end := strings.IndexByte(line, '('), strings.LastIndexByte(line, ')')
	if open < 0 || end < open {
		return stat{}, false
	}
	fields := strings.Fields(line[end+1:])
	if len(fields) < 2 {
		return stat{}, false
	}
	parent, err := strconv.Atoi(fields[1])
	return stat{name: line[open+1 : end], state: fields[0], parent: parent}, err == nil
}

func mounts() ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		lines = append(lines, "mount "+strings.TrimSuffix(line, "\n"))
	}
	return lines, nil
}

func (v View) cgroups() ([]string, error) {
	if v.CgroupPrefix == "" {
		return nil, nil
	}
	roots, err := hierarchies()
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, root := range roots {
		entries, err := os.ReadDir(root)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			if !e.IsDir() || !strings.HasPrefix(e.Name(), v.CgroupPrefix) {
				continue
			}
			below, err := tree("cgroup ", filepath.Join(root, e.Name()), func(d fs.DirEntry) bool { return d.IsDir() })
			if err != nil {
				return nil, err
			}
			lines = append(lines, below...)
		}
	}
	return lines, nil
}

// hierarchies are the directories in which containers' cgroups are made: the
// root of each hierarchy, and the cgroup there that this process is in.
func hierarchies() ([]string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return nil, err
	}
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var roots []string
	for line := range strings.Lines(string(info)) {
		before, after, ok := strings.Cut(line, " - ")
		at, kind := strings.Fields(before), strings.Fields(after)
		if !ok || len(at) < 5 || kind[0] != "cgroup" && kind[0] != "cgroup2" {
			continue
		}
		roots = append(roots, at[4])
		for line := range strings.Lines(string(own)) {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if len(parts) == 3 && parts[2] != "/" {
				roots = append(roots, filepath.Join(at[4], parts[2]))
			}
		}
	}
	slices.Sort(roots)
	return slices.Compact(roots), nil
}

func (v View) files() ([]string, error) {
	var lines []string
	for _, dir := range v.Dirs {
		below, err := tree("file ", dir, func(fs.DirEntry) bool { return true })
		if err != nil {
			return nil, err
		}
		lines = append(lines, below...)
	}
	return lines, nil
}

// tree lists what is below dir, and dir, as far as show says.
func tree(prefix, dir string, show func(fs.DirEntry) bool) ([]string, error) {
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && show(d) {
			lines = append(lines, prefix+path+" "+info.Mode().String())
		}
		return nil
	})
	return lines, err
}
