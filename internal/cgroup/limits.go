package cgroup

import (
	"fmt"
	"slices"
	"strings"
)

// LimitsMemory tells whether Set may leave the processes too little memory. The
// kernel then kills one, and who shares its memory.
func (p *Plan) LimitsMemory() bool {
	return slices.ContainsFunc(p.writes, func(w write) bool { return strings.HasPrefix(w.file, "memory.") })
}

// Set writes limits and device rules. It may run beside the container's setup at
// any time after Create, but for LimitsMemory: a limit on processes, say, is looked
// at by fork(2), not when one enters, and the container's first process forks
// nothing on its way.
func (p *Plan) Set() error {
	if err := p.setLimits(); err != nil {
		return err
	}
	if err := p.setDevices(); err != nil {
		return fmt.Errorf(resources+"devices: %w", err)
	}
	return nil
}
