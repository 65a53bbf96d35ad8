package cgroup

import (
	"errors"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// disable makes a plan of no cgroups, unless a limit asks for one. A rule for
// devices that is about every access is no limit to crun, and Podman counts on
// that; but it is not in force, and the caller is told.
func (p *Plan) disable(r *specs.LinuxResources) error {
	const disabled = ": cannot set limits without cgroups"
	if len(p.writes) > 0 {
		return errors.New(resources + p.writes[0].field + disabled)
	}
	if r == nil {
		return nil
	}
	for i, d := range r.Devices {
		if deviceRule(d).access != everyAccess {
			return errors.New(resources + at("devices", i) + disabled)
		}
	}
	if len(r.Devices) > 0 {
		p.warnings = append(p.warnings, resources+"devices is not in force: there is no device filter without cgroups")
	}
	return nil
}
