// Package cgroup makes, fills and removes the cgroups of a container.
//
// What comes in: facts about the host, the spec and the id (NewPlan), or the
// paths that a record has kept (Remove, Kill, Pids …). What goes out: directories
// in the cgroup hierarchies, with the limits and device rules of linux.resources.
//
// A Plan decides everything before it touches anything, so its Paths can be
// recorded first and a killed create can be cleaned up after. Then, in the order
// of a create: Create makes the directories, the container enters (by clone3
// into Dir on cgroup2, by Enter on v1), Set applies the limits while the rest of
// the container is built, and Undo takes back what Create made when a later step
// fails.
//
// Which field goes to which control file is said in one place, resources_v1.go
// and resources_v2.go: a list of writes, made when the plan is and done by Set.
// The package does not know how the container's process comes to be, keeps no
// state, and speaks to no systemd.
package cgroup

import (
	"fmt"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
)

// A Plan is where a container's cgroups go, and what is set there.
type Plan struct {
	dirs     []dir
	rules    []rule
	writes   []write // the limits
	warnings []string

	unit *unit    // with systemd's driver
	made []string // directories that Create made, in that order
	leaf int      // descriptor of the cgroup2 directory, -1 without one
}

// A Driver is who manages cgroups.
type Driver uint8

const (
	// Filesystem is vial itself, through the cgroup filesystems.
	Filesystem Driver = iota
	// Systemd has systemd make a transient scope.
	Systemd
	// Disabled leaves the container in the cgroup of whoever called vial.
	Disabled
)

// String is the driver as a record keeps it.
func (d Driver) String() string { return [...]string{"fs", "systemd", "none"}[d] }

// A dir is the container's cgroup in one hierarchy.
type dir struct {
	host.CgroupDir
	root string // where the hierarchy is mounted
}

// NewPlan decides the cgroups of container id. Errors name their field.
func NewPlan(facts *host.Facts, spec *specs.Spec, id string, driver Driver) (*Plan, error) {
	p := &Plan{leaf: -1}
	var r *specs.LinuxResources
	if spec.Linux != nil {
		r = spec.Linux.Resources
	}
	p.rules = deviceRules(r)
	if r != nil {
		if err := p.convert(r, facts.Cgroup == host.V2); err != nil {
			return nil, err
		}
	}
	if driver != Systemd {
		p.warnings = append(p.warnings, unitless(spec.Annotations)...)
	}
	var err error
	switch driver {
	case Disabled:
		return p, p.disable(r)
	case Systemd:
		err = p.planUnit(facts, spec, id, r)
	default:
		p.dirs, err = place(facts, cgroupsPath(spec), id, ownCgroups)
	}
	if err == nil && facts.Cgroup != host.V2 {
		err = p.mounted()
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

func cgroupsPath(spec *specs.Spec) string {
	if spec.Linux == nil {
		return ""
	}
	return spec.Linux.CgroupsPath
}

// Paths are the directories that Create makes, for the record: for each v1
// controller the one it is in; "" is cgroup2.
func (p *Plan) Paths() map[string]string {
	paths := make(map[string]string, len(p.dirs)+2)
	for _, d := range p.dirs {
		if len(d.Controllers) == 0 {
			paths[""] = d.Dir
		}
		for _, controller := range d.Controllers {
			paths[controller] = d.Dir
		}
	}
	return paths
}

// Dirs are the same directories in the order of the hierarchies, for mounts.
func (p *Plan) Dirs() []host.CgroupDir {
	list := make([]host.CgroupDir, len(p.dirs))
	for i, d := range p.dirs {
		list[i] = d.CgroupDir
	}
	return list
}

// Warnings tell of fields that this host's cgroups have no counterpart for and
// that are passed over, one line each.
func (p *Plan) Warnings() []string { return p.warnings }

// Describe tells what Create makes and what Set writes, one line each.
func (p *Plan) Describe() []string {
	var lines []string
	for _, d := range p.dirs {
		lines = append(lines, "linux.cgroupsPath: the cgroup "+d.Dir)
	}
	for _, w := range p.writes {
		if w.how&(again|guard) == 0 {
			lines = append(lines, resources+w.field+": "+w.value+" into "+w.file)
		}
	}
	return append(lines, fmt.Sprintf(resources+"devices: %d rules", len(p.rules)))
}

// unified is the container's cgroup2 directory, or nil.
func (p *Plan) unified() *dir {
	if n := len(p.dirs); n > 0 && len(p.dirs[n-1].Controllers) == 0 {
		return &p.dirs[n-1]
	}
	return nil
}

// v2 tells whether there is nothing but cgroup2.
func (p *Plan) v2() bool { return len(p.dirs) == 1 && p.unified() != nil }
