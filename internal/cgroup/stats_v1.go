package cgroup

import (
	"errors"
	"strings"
)

// readV1 reads the files of v1 hierarchies, each controller where it is.
func (s *Stats) readV1(paths map[string]string) error {
	var errs []error
	for _, c := range [...]struct {
		name string
		read func(*Stats, *group)
	}{
		{"cpu", (*Stats).throttlingV1},
		{"cpuacct", (*Stats).cpuacct},
		{"cpuset", (*Stats).cpuset},
		{"memory", (*Stats).memoryV1},
		{"pids", (*Stats).pids},
		{"blkio", (*Stats).blkio},
		{"hugetlb", (*Stats).hugetlbV1},
	} {
		g := openGroup(paths[c.name])
		c.read(s, g)
		errs = append(errs, g.close())
	}
	return errors.Join(errs...)
}

func (s *Stats) throttlingV1(g *group) {
	t := g.table("cpu.stat")
	s.CPU.Throttling = Throttling{t["nr_periods"], t["nr_throttled"], t["throttled_time"]}
}

// tick is what cpuacct.stat counts in (USER_HZ is 100 on every CPU that vial
// runs on), in nanoseconds.
const tick = 1_000_000_000 / 100

func (s *Stats) cpuacct(g *group) {
	u := &s.CPU.Usage
	t := g.table("cpuacct.stat")
	u.User, u.Kernel = t["user"]*tick, t["system"]*tick
	u.Total = g.number("cpuacct.usage")
	u.PerCPU = of(g, "cpuacct.usage_percpu", parseNumbers)
	each := of(g, "cpuacct.usage_all", parseEachCPU)
	u.PerCPUUser, u.PerCPUKernel = each.user, each.kernel
}

type eachCPU struct{ user, kernel []uint64 }

// parseEachCPU reads the lines `cpu user system` under a line that says so.
func parseEachCPU(text string) (each eachCPU, err error) {
	first := true
	for line := range lines(text) {
		if first {
			if !strings.HasPrefix(line, "cpu user system") {
				return eachCPU{}, malformed(line)
			}
			first = false
			continue
		}
		n, err := parseNumbers(line)
		if err != nil || len(n) < 3 {
			return eachCPU{}, malformed(line)
		}
		each.user, each.kernel = append(each.user, n[1]), append(each.kernel, n[2])
	}
	return each, nil
}

func (s *Stats) cpuset(g *group) {
	const prefix = "cpuset."
	s.CPUSet = CPUSetStats{
		CPUs: of(g, prefix+"cpus", parseSet), Mems: of(g, prefix+"mems", parseSet),
		CPUExclusive: g.number(prefix + "cpu_exclusive"),
		MemHardwall:  g.number(prefix + "mem_hardwall"), MemExclusive: g.number(prefix + "mem_exclusive"),
		MemoryMigrate:    g.number(prefix + "memory_migrate"),
		MemorySpreadPage: g.number(prefix + "memory_spread_page"), MemorySpreadSlab: g.number(prefix + "memory_spread_slab"),
		MemoryPressure:        g.number(prefix + "memory_pressure"),
		SchedLoadBalance:      g.number(prefix + "sched_load_balance"),
		SchedRelaxDomainLevel: of(g, prefix+"sched_relax_domain_level", parseSigned),
	}
}

func (s *Stats) memoryV1(g *group) {
	m := &s.Memory
	m.Raw = g.table("memory.stat")
	m.Cache = m.Raw["cache"]
	m.Usage, m.Swap = g.memory("memory."), g.memory("memory.memsw.")
	m.Kernel, m.KernelTCP = g.memory("memory.kmem."), g.memory("memory.kmem.tcp.")
}

func (g *group) memory(prefix string) MemoryUse {
	return MemoryUse{
		Limit: g.number(prefix + "limit_in_bytes"), Usage: g.number(prefix + "usage_in_bytes"),
		Max: g.number(prefix + "max_usage_in_bytes"), Failcnt: g.number(prefix + "failcnt"),
	}
}

// pids has the same files in both versions. 2^64-1 has always been 0 here.
func (s *Stats) pids(g *group) {
	s.Pids.Current, s.Pids.Limit = g.number("pids.current"), g.number("pids.max")
	if s.Pids.Limit == 1<<64-1 {
		s.Pids.Limit = 0
	}
}

// blkio reads what counts. The BFQ scheduler counts what goes through it, and
// where that is nothing the block layer's own throttling counts all.
func (s *Stats) blkio(g *group) {
	b := &s.Block
	const bfq, throttle, recursive = "blkio.bfq.", "blkio.throttle.", "_recursive"
	use := func(file string) []BlockUse { return of(g, file, parseBlkio) }
	if b.Sectors = use(bfq + "sectors" + recursive); len(b.Sectors) > 0 { // CONFIG_BFQ_CGROUP_DEBUG
		b.ServiceTime, b.WaitTime = use(bfq+"io_service_time"+recursive), use(bfq+"io_wait_time"+recursive)
		b.Merged, b.Queued = use(bfq+"io_merged"+recursive), use(bfq+"io_queued"+recursive)
		b.Time = use(bfq + "time" + recursive)
	}
	for _, names := range [...][2]string{{bfq, recursive}, {throttle, recursive}, {throttle, ""}} {
		if b.Serviced = use(names[0] + "io_serviced" + names[1]); len(b.Serviced) > 0 {
			b.ServiceBytes = use(names[0] + "io_service_bytes" + names[1])
			return
		}
	}
}

// parseBlkio reads lines such as `8:0 Read 4096`, or `8:0 4096`, and passes over
// the one that sums them up.
func parseBlkio(text string) (list []BlockUse, err error) {
	for line := range lines(text) {
		f := strings.Fields(line)
		if len(f) == 2 && f[0] == "Total" {
			continue
		}
		if len(f) < 2 || len(f) > 3 {
			return nil, malformed(line)
		}
		major, minor, ok := parseDevice(f[0])
		value, err := parseNumber(f[len(f)-1])
		if !ok || err != nil {
			return nil, malformed(line)
		}
		u := BlockUse{Major: major, Minor: minor, Value: value}
		if len(f) == 3 {
			u.Op = f[1]
		}
		list = append(list, u)
	}
	return list, nil
}

func (s *Stats) hugetlbV1(g *group) {
	for _, size := range g.pageSizes(".usage_in_bytes") {
		name := g.reserved("hugetlb."+size, ".usage_in_bytes")
		s.Hugetlb[size] = HugetlbStats{
			Usage: g.number(name + ".usage_in_bytes"), Max: g.number(name + ".max_usage_in_bytes"),
			Failcnt: g.number(name + ".failcnt"),
		}
	}
}

// pageSizes are those that the cgroup has files for: hugetlb.SIZE and suffix.
func (g *group) pageSizes(suffix string) (sizes []string) {
	if g.fd < 0 || g.err != nil {
		return nil
	}
	names, err := entries(g.dir)
	g.note("", err)
	for _, name := range names {
		size, ok := strings.CutPrefix(name, "hugetlb.")
		size, file := strings.CutSuffix(size, suffix)
		if ok && file && !strings.Contains(size, ".") {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// reserved is the name of the files that count reserved pages too (Linux 5.7).
func (g *group) reserved(name, suffix string) string {
	if _, ok := g.text(name + ".rsvd" + suffix); ok {
		return name + ".rsvd"
	}
	return name
}
