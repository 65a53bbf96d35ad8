package cgroup

import (
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// writesV2 is which field goes to which file of cgroup2, in order. What unified
// says comes last and so counts.
func writesV2(r *specs.LinuxResources) ([]write, error) {
	memory, err := memoryV2(orZero(r.Memory))
	if err != nil {
		return nil, err
	}
	c := orZero(r.CPU)
	return slices.Concat(
		wanted(write{"pids", "pids.max", tasks(orZero(r.Pids)), "pids.limit", 0}),
		memory,
		blockV2(orZero(r.BlockIO)),
		cpuV2(c),
		wanted(
			write{"cpuset", "cpuset.cpus", c.Cpus, "cpu.cpus", 0},
			write{"cpuset", "cpuset.mems", c.Mems, "cpu.mems", 0},
		),
		hugepages(r.HugepageLimits, ".max"),
		rdma(r.Rdma),
		unified(r.Unified),
	), nil
}

func memoryV2(m specs.LinuxMemory) ([]write, error) {
	limit, both := orZero(m.Limit), orZero(m.Swap)
	value, err := swapAlone(limit, both)
	if err != nil {
		return nil, err
	}
	swap := write{"memory", "memory.swap.max", value, "memory.swap", 0}
	if both == 0 {
		swap.field = "memory.limit"
	}
	if value == "max" || value == "0" {
		swap.how = optional // the kernel may have no swap
	}
	var list []write
	if orZero(m.CheckBeforeUpdate) {
		if both > 0 {
			list = append(list, write{"memory", "memory.current", decimal(both), "memory.swap", guard})
		}
		if limit > 0 {
			list = append(list, write{"memory", "memory.current", decimal(limit), "memory.limit", guard})
		}
	}
	return append(list, wanted(
		swap,
		write{"memory", "memory.max", bytes(limit), "memory.limit", 0},
		write{"memory", "memory.low", bytes(orZero(m.Reservation)), "memory.reservation", 0},
	)...), nil
}

// bytes is a limit on memory: 0 is not set, and below 0 there is none.
func bytes(n int64) string {
	switch {
	case n == 0:
		return ""
	case n < 0:
		return "max"
	}
	return decimal(n)
}

// swapAlone is the limit of swap. The config limits memory and swap together, as
// cgroup v1 does.
func swapAlone(limit, both int64) (string, error) {
	switch {
	case both == 0 && limit >= 0:
		return "", nil
	case both <= 0:
		return "max", nil // none for both, or none for memory and nothing said of swap
	case limit < 0:
		return decimal(both), nil
	case limit == 0:
		return "", errors.New(resources + "memory.swap: unable to set swap limit without memory limit")
	case both < limit:
		return "", errors.New(resources + "memory.swap: memory+swap limit should be >= memory limit")
	}
	return decimal(both - limit), nil
}

func cpuV2(c specs.LinuxCPU) []write {
	quota := write{"cpu", "cpu.max", "", "cpu.quota", 0}
	if orZero(c.Quota) != 0 || orZero(c.Period) != 0 {
		quota.value = bandwidth(orZero(c.Quota), orZero(c.Period))
	}
	if orZero(c.Quota) == 0 {
		quota.field = "cpu.period"
	}
	return slices.Concat(
		// A group that is idle takes no weight.
		around(write{"cpu", "cpu.idle", given(c.Idle), "cpu.idle", 0},
			write{"cpu", "cpu.weight", weight(orZero(c.Shares)), "cpu.shares", 0}),
		// A burst is at most the quota.
		around(quota, write{"cpu", "cpu.max.burst", given(c.Burst), "cpu.burst", 0}),
	)
}

func bandwidth(quota int64, period uint64) string {
	text := "max"
	if quota > 0 {
		text = decimal(quota)
	}
	if period == 0 {
		period = 100_000 // the kernel's default
	}
	return text + " " + decimal(period)
}

// weight converts shares (2 to 262144, by default 1024) into a weight of cgroup2
// (1 to 10000, by default 100), so that all three of these meet.
func weight(shares uint64) string {
	switch {
	case shares == 0:
		return ""
	case shares <= 2:
		return "1"
	case shares >= 1<<18:
		return "10000"
	}
	l := math.Log2(float64(shares))
	return strconv.Itoa(int(math.Ceil(math.Pow(10, (l*l+125*l)/612-7.0/34))))
}

// blockV2 prefers the weight of the BFQ scheduler, which has the config's range.
// Weights of single devices are known to that scheduler only.
func blockV2(b specs.LinuxBlockIO) []write {
	var list []write
	if w := orZero(b.Weight); w != 0 {
		list = append(list,
			write{"io", "io.bfq.weight", decimal(w), "blockIO.weight", orNext},
			// 10 to 1000 is 1 to 10000 there.
			write{"io", "io.weight", decimal(1 + (uint64(w)-10)*9999/990), "blockIO.weight", 0})
	}
	for i, w := range b.WeightDevice {
		if orZero(w.Weight) != 0 {
			line := node(w.LinuxBlockIODevice) + decimal(*w.Weight)
			list = append(list, write{"io", "io.bfq.weight", line, at("blockIO.weightDevice", i) + ".weight", optional})
		}
	}
	for _, t := range throttles(b) {
		for i, d := range t.devices {
			list = append(list, write{"io", "io.max", node(d.LinuxBlockIODevice) + t.word + "=" + decimal(d.Rate), at(t.field, i), 0})
		}
	}
	return list
}
