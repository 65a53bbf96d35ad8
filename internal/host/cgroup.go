package host

// A CgroupMode is how the host has arranged its cgroups.
type CgroupMode int

// The arrangements of cgroups(7).
const (
	V1     CgroupMode = iota // v1 hierarchies only
	Hybrid                   // v1 hierarchies, and cgroup2 beside them
	V2                       // cgroup2 only
)

// String is the mode as `vial features` names it.
func (m CgroupMode) String() string {
	switch m {
	case V2:
		return "v2"
	case Hybrid:
		return "hybrid"
	default:
		return "v1"
	}
}

// A Hierarchy is one mounted v1 hierarchy.
type Hierarchy struct {
	Mountpoint  string   // such as /sys/fs/cgroup/cpu,cpuacct
	Controllers []string // as in its mount options, "name=systemd" included
	Root        string   // the cgroup that is seen at Mountpoint; "/" on a plain host
}

// A CgroupDir is the container's cgroup in one hierarchy. Who mounts the
// cgroups of a container that has no cgroup namespace binds each Dir on
// <destination>/<Name>; with cgroup2 only, the one Dir on the destination itself.
type CgroupDir struct {
	Name        string   // last part of the hierarchy's mountpoint: "memory", "cpu,cpuacct", "unified"; "" when V2
	Dir         string   // the cgroup's directory on the host, absolute
	Controllers []string // of the hierarchy, as in Hierarchy; empty for cgroup2
}
