package cgroup

import (
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runtime-spec/specs-go"
)

type rule = *devices.Rule

// deviceRules are the rules of linux.resources.devices, then those that every
// container has: making any node is harmless (a node that may not be opened
// leads nowhere), and the devices that the runtime itself puts into /dev work.
// A cgroup starts from denying all, whatever the list begins with.
func deviceRules(r *specs.LinuxResources) []rule {
	var list []rule
	if r != nil {
		list = make([]rule, 0, len(r.Devices)+11)
		for _, d := range r.Devices {
			list = append(list, deviceRule(d))
		}
	}
	any := int64(devices.Wildcard)
	list = append(list, allow('c', any, any, "m"), allow('b', any, any, "m"))
	for _, d := range [...][2]int64{
		{1, 3}, // null
		{1, 8}, // random
		{1, 7}, // full
		{5, 0}, // tty
		{1, 5}, // zero
		{1, 9}, // urandom
		{136, any},
		{5, 2},    // ptmx
		{10, 200}, // net/tun
	} {
		list = append(list, allow('c', d[0], d[1], "rwm"))
	}
	return list
}

func allow(kind devices.Type, major, minor int64, access devices.Permissions) rule {
	return &devices.Rule{Type: kind, Major: major, Minor: minor, Permissions: access, Allow: true}
}

// deviceRule is one entry as the library takes it. config has checked it.
func deviceRule(d specs.LinuxDeviceCgroup) rule {
	r := allow(devices.WildcardDevice, devices.Wildcard, devices.Wildcard, devices.Permissions(d.Access))
	r.Allow = d.Allow
	if d.Type != "" {
		r.Type = devices.Type(d.Type[0])
	}
	if d.Major != nil {
		r.Major = *d.Major
	}
	if d.Minor != nil {
		r.Minor = *d.Minor
	}
	return r
}
