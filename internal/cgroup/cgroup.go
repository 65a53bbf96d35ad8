// Package cgroup makes, fills and removes the cgroups of a container.
//
// What comes in: facts about the host, the spec and the id (NewPlan), or the
// paths that a record kept (Remove, Kill, Pids …). What goes out: directories in
// the cgroup hierarchies with the limits and device rules of linux.resources.
//
// A Plan decides everything before it touches anything, so its Paths can be
// recorded first and a killed create can be cleaned up after. Then, in the order
// of a create: Create makes the directories, the container enters (by clone3
// into Dir on cgroup2, by Enter on v1), Set applies the limits while the rest of
// the container is built, and Undo takes back what Create made when a later step
// fails.
//
// The limits themselves are written by github.com/opencontainers/cgroups. The
// package does not know how the container's process comes to be, keeps no state,
// and speaks to no systemd: that driver is another matter.
package cgroup

import (
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
)

// A Plan is where a container's cgroups go, and what is set there.
type Plan struct {
	dirs []host.CgroupDir
}

// NewPlan decides the cgroups of container id. Errors name their field.
func NewPlan(facts *host.Facts, spec *specs.Spec, id string) (*Plan, error) { return &Plan{}, nil }

// Paths are the directories that Create makes, for the record: hierarchy to
// directory; "" is cgroup2.
func (p *Plan) Paths() map[string]string { return nil }

// Dirs are the same directories in the order of the hierarchies, for mounts.
func (p *Plan) Dirs() []host.CgroupDir { return p.dirs }

// Create makes the directories; when it fails, it leaves none.
func (p *Plan) Create() error { return nil }

// Undo removes what Create made.
func (p *Plan) Undo() error { return nil }

// Dir opens the cgroup2 directory for clone3(CLONE_INTO_CGROUP); nil without cgroup2.
func (p *Plan) Dir() (*os.File, error) { return nil, nil }

// Set writes limits and device rules. It may run beside the container's setup.
func (p *Plan) Set() error { return nil }

// Enter moves a process into the v1 hierarchies.
func (p *Plan) Enter(pid int) error { return nil }

// Remove removes the cgroups; what is missing is fine.
func Remove(paths map[string]string) error { return nil }

// Kill sends a signal (its number) to every process in the cgroups.
func Kill(paths map[string]string, signal int) error { return nil }

// Pids are the processes in the cgroups and below.
func Pids(paths map[string]string) ([]int, error) { return nil, nil }

// Frozen tells whether the cgroup is frozen.
func Frozen(paths map[string]string) (bool, error) { return false, nil }

// OOMKills counts the processes that the kernel killed for memory.
func OOMKills(paths map[string]string) (uint64, error) { return 0, nil }
