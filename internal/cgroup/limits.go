package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/opencontainers/cgroups"
	v1 "github.com/opencontainers/cgroups/fs"
	v2 "github.com/opencontainers/cgroups/fs2"
)

// Set writes limits and device rules. It may run beside the container's setup at
// any time after Create: a limit on processes, say, is looked at by fork(2), not
// when one enters, and the container's first process forks nothing on its way.
func (p *Plan) Set() error {
	if p.limited {
		if err := p.setLimits(); err != nil {
			return p.explain(err)
		}
	}
	if err := p.setDevices(); err != nil {
		return fmt.Errorf(resources+"devices: %w", err)
	}
	return nil
}

func (p *Plan) setLimits() error {
	limits := p.limits
	limits.SkipDevices = true
	group := &cgroups.Cgroup{Resources: &limits}
	if p.v2() {
		m, err := v2.NewManager(group, p.unified().Dir)
		if err != nil {
			return err
		}
		return m.Set(&limits)
	}
	m, err := v1.NewManager(group, p.Paths())
	if err != nil {
		return err
	}
	return m.Set(&limits)
}

// explain names the field that a limit's file serves.
func (p *Plan) explain(err error) error {
	name := ""
	var at *fs.PathError
	if errors.As(err, &at) {
		name = path.Base(at.Path)
	}
	return fmt.Errorf("%s: %w", fieldOf(name, p.limits.Unified), err)
}
