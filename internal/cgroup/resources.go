package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runtime-spec/specs-go"
)

const resources = "linux.resources."

// convert takes linux.resources, but for the devices, over into the library's
// form, and notes which controllers that needs. config has checked the values
// as far as one can without knowing the host.
func (p *Plan) convert(r *specs.LinuxResources, v2 bool) error {
	if err := p.convertMemory(r.Memory, v2); err != nil {
		return err
	}
	p.convertCPU(r.CPU, v2)
	if r.Pids != nil && r.Pids.Limit != nil {
		p.limits.PidsLimit = r.Pids.Limit
		p.need("pids", "pids.limit")
	}
	p.convertBlockIO(r.BlockIO, v2)
	for i, h := range r.HugepageLimits {
		p.limits.HugetlbLimit = append(p.limits.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit})
		p.need("hugetlb", fmt.Sprintf("hugepageLimits[%d]", i))
	}
	p.convertNetwork(r.Network, v2)
	p.convertRdma(r.Rdma)
	return p.convertUnified(r.Unified, v2)
}

// need notes that a limit is set, and which controller it takes.
func (p *Plan) need(controller, name string) {
	p.limited = true
	p.needs = append(p.needs, need{controller, resources + name})
}

// passOver notes a field that these cgroups have no counterpart for.
func (p *Plan) passOver(name, why string) {
	p.warnings = append(p.warnings, resources+name+" is ignored: "+why)
}

const noV2 = "cgroup v2 has no such limit"

func (p *Plan) convertMemory(m *specs.LinuxMemory, v2 bool) error {
	if m == nil {
		return nil
	}
	const noKernel = "kernel memory counts as memory since Linux 5.4"
	//lint:ignore SA1019 deprecated, but callers still write it
	if m.Kernel != nil {
		p.passOver("memory.kernel", noKernel)
	}
	if m.KernelTCP != nil {
		p.passOver("memory.kernelTCP", noKernel)
	}
	if m.UseHierarchy != nil && !*m.UseHierarchy {
		p.passOver("memory.useHierarchy", "memory is always accounted hierarchically since Linux 5.11")
	}
	l := &p.limits
	l.Memory = p.bytes(m.Limit, "memory.limit")
	l.MemoryReservation = p.bytes(m.Reservation, "memory.reservation")
	l.MemorySwap = p.bytes(m.Swap, "memory.swap")
	if !v2 {
		if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
			l.OomKillDisable = true
			p.need("memory", "memory.disableOOMKiller")
		}
		if m.Swappiness != nil {
			l.MemorySwappiness = m.Swappiness
			p.need("memory", "memory.swappiness")
		}
		return nil
	}
	l.MemoryCheckBeforeUpdate = m.CheckBeforeUpdate != nil && *m.CheckBeforeUpdate
	if m.DisableOOMKiller != nil && *m.DisableOOMKiller {
		p.passOver("memory.disableOOMKiller", noV2)
	}
	if m.Swappiness != nil {
		p.passOver("memory.swappiness", noV2)
	}
	// cgroup2 limits swap alone, the config memory and swap together.
	if _, err := cgroups.ConvertMemorySwapToCgroupV2Value(l.MemorySwap, l.Memory); err != nil {
		return fmt.Errorf(resources+"memory.swap: %w", err)
	}
	return nil
}

// bytes is a limit in the library's form, where 0 is none and -1 the highest.
func (p *Plan) bytes(n *int64, name string) int64 {
	if n == nil || *n == 0 {
		return 0
	}
	p.need("memory", name)
	return *n
}

func (p *Plan) convertCPU(c *specs.LinuxCPU, v2 bool) {
	if c == nil {
		return
	}
	l := &p.limits
	if c.Shares != nil && *c.Shares != 0 {
		l.CpuShares = *c.Shares
		l.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(*c.Shares)
		p.need("cpu", "cpu.shares")
	}
	if c.Quota != nil && *c.Quota != 0 {
		l.CpuQuota = *c.Quota
		p.need("cpu", "cpu.quota")
	}
	if c.Period != nil && *c.Period != 0 {
		l.CpuPeriod = *c.Period
		p.need("cpu", "cpu.period")
	}
	if c.Burst != nil {
		l.CpuBurst = c.Burst
		p.need("cpu", "cpu.burst")
	}
	if c.Idle != nil {
		l.CPUIdle = c.Idle
		p.need("cpu", "cpu.idle")
	}
	if c.Cpus != "" {
		l.CpusetCpus = c.Cpus
		p.need("cpuset", "cpu.cpus")
	}
	if c.Mems != "" {
		l.CpusetMems = c.Mems
		p.need("cpuset", "cpu.mems")
	}
	p.convertRealtime(c, v2)
}

func (p *Plan) convertRealtime(c *specs.LinuxCPU, v2 bool) {
	if c.RealtimeRuntime != nil && *c.RealtimeRuntime != 0 {
		if v2 {
			p.passOver("cpu.realtimeRuntime", noV2)
		} else {
			p.limits.CpuRtRuntime = *c.RealtimeRuntime
			p.need("cpu", "cpu.realtimeRuntime")
		}
	}
	if c.RealtimePeriod != nil && *c.RealtimePeriod != 0 {
		if v2 {
			p.passOver("cpu.realtimePeriod", noV2)
		} else {
			p.limits.CpuRtPeriod = *c.RealtimePeriod
			p.need("cpu", "cpu.realtimePeriod")
		}
	}
}

func (p *Plan) convertBlockIO(b *specs.LinuxBlockIO, v2 bool) {
	if b == nil {
		return
	}
	controller := "blkio"
	if v2 {
		controller = "io"
	}
	l := &p.limits
	if b.Weight != nil && *b.Weight != 0 {
		l.BlkioWeight = *b.Weight
		p.need(controller, "blockIO.weight")
	}
	if b.LeafWeight != nil && *b.LeafWeight != 0 {
		if v2 {
			p.passOver("blockIO.leafWeight", noV2)
		} else {
			l.BlkioLeafWeight = *b.LeafWeight
			p.need(controller, "blockIO.leafWeight")
		}
	}
	for i, w := range b.WeightDevice {
		var weight, leaf uint16
		if w.Weight != nil {
			weight = *w.Weight
		}
		if w.LeafWeight != nil {
			leaf = *w.LeafWeight
		}
		l.BlkioWeightDevice = append(l.BlkioWeightDevice, cgroups.NewWeightDevice(w.Major, w.Minor, weight, leaf))
		p.need(controller, fmt.Sprintf("blockIO.weightDevice[%d]", i))
	}
	for _, t := range []struct {
		name string
		from []specs.LinuxThrottleDevice
		to   *[]*cgroups.ThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice, &l.BlkioThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice, &l.BlkioThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice, &l.BlkioThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice, &l.BlkioThrottleWriteIOPSDevice},
	} {
		for i, d := range t.from {
			*t.to = append(*t.to, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
			p.need(controller, fmt.Sprintf("blockIO.%s[%d]", t.name, i))
		}
	}
}

func (p *Plan) convertNetwork(n *specs.LinuxNetwork, v2 bool) {
	if n == nil {
		return
	}
	if v2 {
		if n.ClassID != nil {
			p.passOver("network.classID", noV2)
		}
		if len(n.Priorities) > 0 {
			p.passOver("network.priorities", noV2)
		}
		return
	}
	if n.ClassID != nil && *n.ClassID != 0 {
		p.limits.NetClsClassid = *n.ClassID
		p.need("net_cls", "network.classID")
	}
	for i, m := range n.Priorities {
		p.limits.NetPrioIfpriomap = append(p.limits.NetPrioIfpriomap, &cgroups.IfPrioMap{Interface: m.Name, Priority: int64(m.Priority)})
		p.need("net_prio", fmt.Sprintf("network.priorities[%d]", i))
	}
}

func (p *Plan) convertRdma(limits map[string]specs.LinuxRdma) {
	for _, device := range slices.Sorted(maps.Keys(limits)) {
		if p.limits.Rdma == nil {
			p.limits.Rdma = make(map[string]cgroups.LinuxRdma, len(limits))
		}
		l := limits[device]
		p.limits.Rdma[device] = cgroups.LinuxRdma{HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects}
		p.need("rdma", fmt.Sprintf("rdma[%q]", device))
	}
}

func (p *Plan) convertUnified(files map[string]string, v2 bool) error {
	if len(files) == 0 {
		return nil
	}
	if !v2 {
		return errors.New(resources + "unified: invalid configuration: cannot use unified on cgroup v1")
	}
	p.limits.Unified, p.limited = files, true
	for _, key := range slices.Sorted(maps.Keys(files)) {
		// Files of the core, and those on pressure, need no controller.
		if controller, parameter, _ := strings.Cut(key, "."); controller != "cgroup" && parameter != "pressure" {
			p.need(controller, fmt.Sprintf("unified[%q]", key))
		}
	}
	return nil
}

// mounted tells whether the host has mounted every v1 controller that is needed.
func (p *Plan) mounted() error {
	var have []string
	for _, d := range p.dirs {
		have = append(have, d.Controllers...)
	}
	if missing := p.missing(have); missing != nil {
		return fmt.Errorf("%s: the host has no v1 hierarchy with the controller %s", missing.field, missing.controller)
	}
	return nil
}

// missing is the first need that these controllers do not serve.
func (p *Plan) missing(have []string) *need {
	for i, n := range p.needs {
		if !slices.Contains(have, n.controller) {
			return &p.needs[i]
		}
	}
	return nil
}

// fieldOf names the field whose value goes into a file of a cgroup.
func fieldOf(file string, unified map[string]string) string {
	if _, ok := unified[file]; ok {
		return fmt.Sprintf(resources+"unified[%q]", file)
	}
	switch file {
	case "memory.max", "memory.limit_in_bytes":
		return resources + "memory.limit"
	case "memory.low", "memory.soft_limit_in_bytes":
		return resources + "memory.reservation"
	case "memory.swap.max", "memory.memsw.limit_in_bytes":
		return resources + "memory.swap"
	case "memory.swappiness":
		return resources + "memory.swappiness"
	case "memory.oom_control":
		return resources + "memory.disableOOMKiller"
	case "cpu.weight", "cpu.shares":
		return resources + "cpu.shares"
	case "cpu.idle":
		return resources + "cpu.idle"
	case "cpu.max.burst", "cpu.cfs_burst_us":
		return resources + "cpu.burst"
	case "cpu.max", "cpu.cfs_quota_us":
		return resources + "cpu.quota"
	case "cpu.cfs_period_us":
		return resources + "cpu.period"
	case "cpu.rt_runtime_us":
		return resources + "cpu.realtimeRuntime"
	case "cpu.rt_period_us":
		return resources + "cpu.realtimePeriod"
	case "cpuset.cpus":
		return resources + "cpu.cpus"
	case "cpuset.mems":
		return resources + "cpu.mems"
	case "pids.max":
		return resources + "pids.limit"
	case "net_cls.classid":
		return resources + "network.classID"
	case "net_prio.ifpriomap":
		return resources + "network.priorities"
	}
	controller, _, _ := strings.Cut(file, ".")
	switch controller {
	case "io", "blkio":
		return resources + "blockIO"
	case "hugetlb":
		return resources + "hugepageLimits"
	case "memory", "cpu", "rdma", "devices":
		return resources + controller
	}
	return strings.TrimSuffix(resources, ".")
}
