package cgroup

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// access is what may be done to a device, in the bits of
// struct bpf_cgroup_dev_ctx.
type access uint8

const everyAccess access = unix.BPF_DEVCG_ACC_MKNOD | unix.BPF_DEVCG_ACC_READ | unix.BPF_DEVCG_ACC_WRITE

const (
	anyKind  = 'a' // character and block devices
	wildcard = -1  // every number
)

// A rule allows or denies access to devices.
type rule struct {
	allow        bool
	kind         byte // 'b', 'c' or anyKind
	major, minor int64
	access       access
}

// total tells whether the rule decides about every access to every device.
func (r rule) total() bool {
	return r.kind == anyKind && r.major == wildcard && r.minor == wildcard && r.access == everyAccess
}

// String is the rule as devices.allow and devices.deny of cgroup v1 take it.
func (r rule) String() string {
	return string(r.kind) + " " + number(r.major) + ":" + number(r.minor) + " " + r.letters()
}

// letters are the accesses that the rule is about.
func (r rule) letters() string {
	text := ""
	for _, a := range []struct {
		bit    access
		letter string
	}{
		{unix.BPF_DEVCG_ACC_READ, "r"}, {unix.BPF_DEVCG_ACC_WRITE, "w"}, {unix.BPF_DEVCG_ACC_MKNOD, "m"},
	} {
		if r.access&a.bit != 0 {
			text += a.letter
		}
	}
	return text
}

func number(n int64) string {
	if n == wildcard {
		return "*"
	}
	return strconv.FormatInt(n, 10)
}

// deviceRules are the rules of linux.resources.devices, then those that every
// container has: making any node is harmless (a node that may not be opened
// leads nowhere), and the devices that the runtime itself puts into /dev work.
// A cgroup starts from denying all, whatever the list begins with. What stands
// before a rule about everything has no effect and is left out.
func deviceRules(r *specs.LinuxResources) []rule {
	list := []rule{{kind: anyKind, major: wildcard, minor: wildcard, access: everyAccess}}
	if r != nil {
		for _, d := range r.Devices {
			next := deviceRule(d)
			if next.total() {
				list = list[:0]
			}
			list = append(list, next)
		}
	}
	const mknod = unix.BPF_DEVCG_ACC_MKNOD
	list = append(list, rule{true, 'c', wildcard, wildcard, mknod}, rule{true, 'b', wildcard, wildcard, mknod})
	for _, d := range [...][2]int64{
		{1, 3}, // null
		{1, 8}, // random
		{1, 7}, // full
		{5, 0}, // tty
		{1, 5}, // zero
		{1, 9}, // urandom
		{136, wildcard},
		{5, 2},    // ptmx
		{10, 200}, // net/tun
	} {
		list = append(list, rule{true, 'c', d[0], d[1], everyAccess})
	}
	return list
}

// deviceRule is one entry of the config, which has been checked.
func deviceRule(d specs.LinuxDeviceCgroup) rule {
	r := rule{allow: d.Allow, kind: anyKind, major: wildcard, minor: wildcard}
	if d.Type != "" {
		r.kind = d.Type[0]
	}
	if d.Major != nil {
		r.major = *d.Major
	}
	if d.Minor != nil {
		r.minor = *d.Minor
	}
	for _, letter := range d.Access {
		switch letter {
		case 'r':
			r.access |= unix.BPF_DEVCG_ACC_READ
		case 'w':
			r.access |= unix.BPF_DEVCG_ACC_WRITE
		case 'm':
			r.access |= unix.BPF_DEVCG_ACC_MKNOD
		}
	}
	return r
}

// unrestricted tells whether the rules, the first of which is about
// everything, allow all.
func unrestricted(rules []rule) bool {
	for _, r := range rules {
		if !r.allow {
			return false
		}
	}
	return true
}

// setDevices puts the device rules in force.
func (p *Plan) setDevices() error {
	if len(p.dirs) == 0 {
		return nil
	}
	if !p.v2() {
		return setDeviceFiles(p.Paths()["devices"], p.rules)
	}
	dir := p.unified().Dir
	fresh, free := slices.Contains(p.made, dir), unrestricted(p.rules)
	if fresh && free {
		return nil // what is above this cgroup decides
	}
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return errorAt("open", dir, err)
	}
	defer unix.Close(fd)
	var old filters
	if !fresh {
		if old, err = oldFilters(fd); err != nil {
			return err
		}
		defer old.close()
	}
	if free {
		return old.detach(fd)
	}
	return setFilter(fd, p.rules, old)
}

// setDeviceFiles writes the rules to a v1 cgroup. A rule for both kinds of
// device is two there, unless it is about everything: the kernel reads no
// further than an "a" (security/device_cgroup.c).
func setDeviceFiles(dir string, rules []rule) error {
	files := map[bool]string{true: dir + "/devices.allow", false: dir + "/devices.deny"}
	for _, r := range rules {
		lines := []string{r.String()}
		switch {
		case r.total():
			lines[0] = string(rune(anyKind))
		case r.kind == anyKind:
			r.kind = 'b'
			lines[0] = r.String()
			r.kind = 'c'
			lines = append(lines, r.String())
		}
		for _, line := range lines {
			if err := writeFile(files[r.allow], line); err != nil {
				return fmt.Errorf("rule %q: %w", line, err)
			}
		}
	}
	return nil
}
