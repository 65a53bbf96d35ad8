package config

import (
	"maps"
	"reflect"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// ParseResources reads the text of a linux.resources, as update takes it, and is
// also what looks like a slip in it, one line each. Whether it is good is for
// WithResources to say.
func ParseResources(data []byte) (*specs.LinuxResources, []string, error) {
	const name = "the JSON text"
	if err := checkText(name, data); err != nil {
		return nil, nil, err
	}
	at := []place{{kind: placeField, name: "linux"}, {kind: placeField, name: "resources"}}
	d := &decoder{name: name, text: string(data), path: at}
	r := new(specs.LinuxResources)
	if d.null() {
		return nil, nil, Errors{&field.Error{Path: field.At("linux", "resources"), Detail: "must not be null"}}
	}
	readResources(d, r)
	if d.peek(); !d.stopped && d.pos < len(d.text) {
		d.unexpected("nothing more")
	}
	if len(d.problems) > 0 {
		return nil, nil, d.problems
	}
	return r, d.warnings, nil
}

// WithResources is c with changed limits, and what has to be written for that: a
// field that is not set in change stays as it is, and what the kernel looks at
// together, such as quota and period, is written together. Of lists, the entry
// for the same device, page size, interface or file is replaced. Device rules do
// not change.
func (c *Config) WithResources(change *specs.LinuxResources) (*Config, *specs.LinuxResources, error) {
	spec, linux := *c.Spec, specs.Linux{}
	if spec.Linux != nil {
		linux = *spec.Linux
	}
	u := updated{}
	if linux.Resources != nil {
		u.all = *linux.Resources
	}
	if len(change.Devices) > 0 {
		u.devices(change.Devices)
	}
	u.memory(change.Memory)
	u.cpu(change.CPU)
	u.blockIO(change.BlockIO)
	u.network(change.Network)
	if change.Pids != nil && change.Pids.Limit != nil {
		u.all.Pids, u.write.Pids = change.Pids, change.Pids
	}
	u.write.HugepageLimits, u.write.Rdma, u.write.Unified = change.HugepageLimits, change.Rdma, change.Unified
	u.all.HugepageLimits = replaced(u.all.HugepageLimits, change.HugepageLimits, func(a, b specs.LinuxHugepageLimit) bool { return a.Pagesize == b.Pagesize })
	u.all.Rdma, u.all.Unified = overlaid(u.all.Rdma, change.Rdma), overlaid(u.all.Unified, change.Unified)

	linux.Resources, spec.Linux = &u.all, &linux
	cfg := *c
	cfg.Spec, cfg.Warnings = &spec, u.warnings
	check := &checker{spec: &spec, cfg: &cfg}
	checkCgroups(check)
	if err := check.err(); err != nil {
		return nil, nil, err
	}
	return &cfg, &u.write, nil
}

// An updated pair is all the limits of a container, and those to be written.
type updated struct {
	all, write specs.LinuxResources
	warnings   []string
}

// devices tells whoever asks for other rules that they do not come into force:
// others may have changed the rules of a container that runs.
func (u *updated) devices(rules []specs.LinuxDeviceCgroup) {
	same := func(a, b specs.LinuxDeviceCgroup) bool { return reflect.DeepEqual(a, b) }
	if !slices.EqualFunc(rules, u.all.Devices, same) {
		u.warnings = append(u.warnings, string(resource("devices"))+" is ignored: device rules are as they were at create")
	}
}

func (u *updated) memory(m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	all, write := valueOf(u.all.Memory), specs.LinuxMemory{}
	give(&all.Limit, &write.Limit, m.Limit)
	give(&all.Swap, &write.Swap, m.Swap)
	if m.Limit != nil && *m.Limit == -1 && m.Swap == nil {
		all.Swap = nil // there is nothing any more that it could be more than
	}
	if m.Limit != nil || m.Swap != nil {
		write.Limit, write.Swap = all.Limit, all.Swap
	}
	give(&all.Reservation, &write.Reservation, m.Reservation)
	give(&all.Swappiness, &write.Swappiness, m.Swappiness)
	give(&all.DisableOOMKiller, &write.DisableOOMKiller, m.DisableOOMKiller)
	give(&all.CheckBeforeUpdate, &write.CheckBeforeUpdate, m.CheckBeforeUpdate)
	give(&all.UseHierarchy, &write.UseHierarchy, m.UseHierarchy)
	write.CheckBeforeUpdate = all.CheckBeforeUpdate
	//lint:ignore SA1019 deprecated, but callers still write it
	write.Kernel, write.KernelTCP = m.Kernel, m.KernelTCP // for a warning
	u.all.Memory, u.write.Memory = &all, &write
}

func (u *updated) cpu(p *specs.LinuxCPU) {
	if p == nil {
		return
	}
	all, write := valueOf(u.all.CPU), specs.LinuxCPU{}
	if p.Idle != nil && p.Shares == nil {
		all.Shares = nil // the kernel forgets them
	}
	give(&all.Shares, &write.Shares, p.Shares)
	give(&all.Idle, &write.Idle, p.Idle)
	give(&all.Burst, &write.Burst, p.Burst)
	give(&all.RealtimeRuntime, &write.RealtimeRuntime, p.RealtimeRuntime)
	give(&all.RealtimePeriod, &write.RealtimePeriod, p.RealtimePeriod)
	if valueOf(p.Quota) != 0 || valueOf(p.Period) != 0 {
		// 0 is not set, here as in config.json.
		if valueOf(p.Quota) != 0 {
			all.Quota = p.Quota
		}
		if valueOf(p.Period) != 0 {
			all.Period = p.Period
		}
		write.Quota, write.Period = all.Quota, all.Period
	}
	if p.Cpus != "" {
		all.Cpus, write.Cpus = p.Cpus, p.Cpus
	}
	if p.Mems != "" {
		all.Mems, write.Mems = p.Mems, p.Mems
	}
	u.all.CPU, u.write.CPU = &all, &write
}

func (u *updated) blockIO(b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	all, write := valueOf(u.all.BlockIO), *b
	give(&all.Weight, &write.Weight, b.Weight)
	give(&all.LeafWeight, &write.LeafWeight, b.LeafWeight)
	all.WeightDevice = slices.Clone(all.WeightDevice)
	for _, w := range b.WeightDevice {
		i := slices.IndexFunc(all.WeightDevice, func(old specs.LinuxWeightDevice) bool { return old.LinuxBlockIODevice == w.LinuxBlockIODevice })
		if i < 0 {
			all.WeightDevice = append(all.WeightDevice, w)
			continue
		}
		give(&all.WeightDevice[i].Weight, new(*uint16), w.Weight)
		give(&all.WeightDevice[i].LeafWeight, new(*uint16), w.LeafWeight)
	}
	same := func(a, b specs.LinuxThrottleDevice) bool { return a.LinuxBlockIODevice == b.LinuxBlockIODevice }
	all.ThrottleReadBpsDevice = replaced(all.ThrottleReadBpsDevice, b.ThrottleReadBpsDevice, same)
	all.ThrottleWriteBpsDevice = replaced(all.ThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice, same)
	all.ThrottleReadIOPSDevice = replaced(all.ThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice, same)
	all.ThrottleWriteIOPSDevice = replaced(all.ThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice, same)
	u.all.BlockIO, u.write.BlockIO = &all, &write
}

func (u *updated) network(n *specs.LinuxNetwork) {
	if n == nil {
		return
	}
	all, write := valueOf(u.all.Network), *n
	give(&all.ClassID, &write.ClassID, n.ClassID)
	all.Priorities = replaced(all.Priorities, n.Priorities, func(a, b specs.LinuxInterfacePriority) bool { return a.Name == b.Name })
	u.all.Network, u.write.Network = &all, &write
}

// give sets both to a value that is there.
func give[T any](all, write **T, value *T) {
	if value != nil {
		*all, *write = value, value
	}
}

func valueOf[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

// replaced is a list with entries of another in place of those for the same
// thing, or behind them.
func replaced[T any](list, with []T, same func(a, b T) bool) []T {
	list = slices.Clone(list)
	for _, w := range with {
		if i := slices.IndexFunc(list, func(old T) bool { return same(old, w) }); i >= 0 {
			list[i] = w
		} else {
			list = append(list, w)
		}
	}
	return list
}

func overlaid[T any](table, with map[string]T) map[string]T {
	if len(with) == 0 {
		return table
	}
	all := make(map[string]T, len(table)+len(with))
	maps.Copy(all, table)
	maps.Copy(all, with)
	return all
}
