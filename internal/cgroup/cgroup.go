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
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
)

// A Plan is where a container's cgroups go, and what is set there.
type Plan struct {
	dirs     []dir
	rules    []rule
	writes   []write // the limits
	warnings []string

	made []string // directories that Create made, in that order
	leaf int      // descriptor of the cgroup2 directory, -1 without one
}

// A dir is the container's cgroup in one hierarchy.
type dir struct {
	host.CgroupDir
	root string // where the hierarchy is mounted
}

// NewPlan decides the cgroups of container id. Errors name their field.
func NewPlan(facts *host.Facts, spec *specs.Spec, id string) (*Plan, error) {
	dirs, err := place(facts, cgroupsPath(spec), id, ownCgroups)
	if err != nil {
		return nil, err
	}
	p := &Plan{dirs: dirs, leaf: -1}
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
	if facts.Cgroup != host.V2 {
		if err := p.mounted(); err != nil {
			return nil, err
		}
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

// unified is the container's cgroup2 directory, or nil.
func (p *Plan) unified() *dir {
	if n := len(p.dirs); n > 0 && len(p.dirs[n-1].Controllers) == 0 {
		return &p.dirs[n-1]
	}
	return nil
}

// v2 tells whether there is nothing but cgroup2.
func (p *Plan) v2() bool { return len(p.dirs) == 1 && p.unified() != nil }
