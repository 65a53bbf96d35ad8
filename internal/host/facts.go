// Package host is what vial knows about the machine it runs on, as plain data.
//
// What comes in: nothing. The facts are gathered once, by package gather below
// this one, which asks the kernel. What goes out: Facts, a value that the pure
// packages (compile before all) may take as an argument. So every fallback is a
// decision made from data before anything runs, and can be tested on any host
// by writing the Facts down.
//
// The package may not know how a fact was found: it imports nothing that could
// ask. It holds no paths but those of the cgroup hierarchies, which lie where
// the host has mounted them.
package host

import "strconv"

// A Version is the kernel's, as far as features depend on it.
type Version struct{ Major, Minor int }

// String is the version as "6.12".
func (v Version) String() string {
	return strconv.Itoa(v.Major) + "." + strconv.Itoa(v.Minor)
}

// AtLeast tells whether v is that version or a later one.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// Floor is the oldest kernel that vial runs on. It has every system call that
// is used without a fallback; the last to come were MOUNT_ATTR_NOSYMFOLLOW and
// cgroup.kill.
var Floor = Version{5, 14}

// Facts are what decisions about a container depend on.
type Facts struct {
	Kernel Version
	Cgroup CgroupMode

	// Hierarchies are the mounted v1 hierarchies in the order of mountinfo,
	// each once. Empty when Cgroup is V2.
	Hierarchies []Hierarchy

	// Unified is where cgroup2 is mounted: /sys/fs/cgroup (V2), a directory
	// below it (Hybrid), or "" (V1).
	Unified string

	// LastCap is the number of the last capability that the kernel knows.
	LastCap int

	// Permitted are the capabilities that vial itself may use, and so can
	// give to a container that stays in its user namespace.
	Permitted uint64
}

// KnowsCap tells whether the kernel has capability number n.
func (f *Facts) KnowsCap(n int) bool { return n >= 0 && n <= f.LastCap }
