package cgroup

import (
	"math"
	"strings"
)

// readV2 reads the files of a cgroup2.
func (s *Stats) readV2(dir string) error {
	g := openGroup(dir)
	s.cpuV2(g)
	s.memoryV2(g)
	s.pidsV2(g)
	s.blockV2(g)
	for _, size := range g.pageSizes(".current") {
		name := "hugetlb." + size
		s.Hugetlb[size] = HugetlbStats{
			Usage:   g.number(g.reserved(name, ".current") + ".current"),
			Failcnt: g.table(name + ".events")["max"],
		}
	}
	return g.close()
}

func (s *Stats) cpuV2(g *group) {
	const micro = 1000
	t := g.table("cpu.stat")
	s.CPU.Usage.Total, s.CPU.Usage.User, s.CPU.Usage.Kernel = t["usage_usec"]*micro, t["user_usec"]*micro, t["system_usec"]*micro
	s.CPU.Throttling = Throttling{t["nr_periods"], t["nr_throttled"], t["throttled_usec"] * micro}
	s.CPU.PSI = of(g, "cpu.pressure", parsePSI)
}

func (s *Stats) memoryV2(g *group) {
	m := &s.Memory
	m.PSI = of(g, "memory.pressure", parsePSI)
	if m.Raw = g.table("memory.stat"); m.Raw == nil {
		return // no controller for memory
	}
	m.Cache = m.Raw["file"]
	m.Usage = MemoryUse{
		Limit: g.number("memory.max"), Usage: g.number("memory.current"),
		Max: g.number("memory.peak"), Failcnt: g.table("memory.events")["max"], // memory.peak: Linux 5.19
	}
	if _, ok := g.text("memory.swap.current"); !ok {
		m.Swap.Limit, m.Swap.Usage = m.Usage.Limit, m.Usage.Usage
		return
	}
	m.Swap.Limit, m.Swap.Usage = g.number("memory.swap.max"), g.number("memory.swap.current")+m.Usage.Usage
	if m.Swap.Limit > math.MaxUint64-m.Usage.Limit {
		m.Swap.Limit = math.MaxUint64
	} else {
		m.Swap.Limit += m.Usage.Limit
	}
}

// pidsV2 counts processes where there is no controller to do it.
func (s *Stats) pidsV2(g *group) {
	if _, ok := g.text("pids.current"); ok {
		s.pids(g)
		return
	}
	if g.fd >= 0 && g.err == nil {
		pids, err := treePids(g.dir)
		g.note("cgroup.procs", err)
		s.Pids.Current = uint64(len(pids))
	}
}

func (s *Stats) blockV2(g *group) {
	s.Block.PSI = of(g, "io.pressure", parsePSI)
	use := of(g, "io.stat", parseIOStat)
	s.Block.ServiceBytes, s.Block.Serviced = use.bytes, use.operations
}

type ioStat struct{ bytes, operations []BlockUse }

// parseIOStat reads lines such as `8:16 rbytes=1459200 wbytes=0 rios=192 …`.
// A device that has done nothing may have a line without any value.
func parseIOStat(text string) (s ioStat, err error) {
	for line := range lines(text) {
		name, rest, _ := strings.Cut(line, " ")
		major, minor, ok := parseDevice(name)
		if !ok {
			return ioStat{}, malformed(line)
		}
		for field := range strings.FieldsSeq(rest) {
			key, value, _ := strings.Cut(field, "=")
			var list *[]BlockUse
			use := BlockUse{Major: major, Minor: minor, Op: "Read"}
			switch key {
			case "rbytes":
				list = &s.bytes
			case "rios":
				list = &s.operations
			case "wbytes":
				list, use.Op = &s.bytes, "Write"
			case "wios":
				list, use.Op = &s.operations, "Write"
			default:
				continue
			}
			if use.Value, err = parseNumber(value); err != nil {
				return ioStat{}, malformed(line)
			}
			*list = append(*list, use)
		}
	}
	return s, nil
}
