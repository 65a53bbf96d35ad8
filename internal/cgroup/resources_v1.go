package cgroup

import (
	"errors"
	"fmt"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const (
	memoryLimitFile = "memory.limit_in_bytes"
	memswLimitFile  = "memory.memsw.limit_in_bytes"
)

// writesV1 is which field goes to which file of cgroup v1, in order.
func writesV1(r *specs.LinuxResources) ([]write, error) {
	if len(r.Unified) > 0 {
		return nil, errors.New(resources + "unified: invalid configuration: cannot use unified on cgroup v1")
	}
	c, n := orZero(r.CPU), orZero(r.Network)
	// The kernel would take another value in silence (MIN_SHARES, MAX_SHARES).
	if s := orZero(c.Shares); s == 1 {
		return nil, errors.New(resources + "cpu.shares: the minimum allowed cpu-shares is 2")
	} else if s > 1<<18 {
		return nil, fmt.Errorf(resources+"cpu.shares: the maximum allowed cpu-shares is %d", 1<<18)
	}
	return slices.Concat(
		wanted(
			write{"cpuset", "cpuset.cpus", c.Cpus, "cpu.cpus", early},
			write{"cpuset", "cpuset.mems", c.Mems, "cpu.mems", early},
		),
		memoryV1(orZero(r.Memory)),
		cpuV1(c),
		wanted(write{"pids", "pids.max", tasks(orZero(r.Pids)), "pids.limit", 0}),
		blockV1(orZero(r.BlockIO)),
		hugepages(r.HugepageLimits, ".limit_in_bytes"),
		wanted(write{"net_cls", "net_cls.classid", unless0(n.ClassID), "network.classID", 0}),
		priorities(n.Priorities),
		rdma(r.Rdma),
	), nil
}

func memoryV1(m specs.LinuxMemory) []write {
	swap := write{"memory", memswLimitFile, unless0(m.Swap), "memory.swap", 0}
	if swap.value == "" && orZero(m.Limit) == -1 {
		// No limit for memory is none for memory and swap together either.
		swap.value, swap.field = "-1", "memory.limit"
	}
	if swap.value == "-1" {
		swap.how = optional // the kernel may not account for swap
	}
	kill := write{"memory", oomControlFile, "", "memory.disableOOMKiller", 0}
	if orZero(m.DisableOOMKiller) {
		kill.value = "1"
	}
	return append(
		// The limit of memory must never be above that of memory and swap.
		around(swap, write{"memory", memoryLimitFile, unless0(m.Limit), "memory.limit", 0}),
		wanted(
			write{"memory", "memory.soft_limit_in_bytes", unless0(m.Reservation), "memory.reservation", 0},
			kill,
			write{"memory", "memory.swappiness", given(m.Swappiness), "memory.swappiness", 0},
		)...)
}

func cpuV1(c specs.LinuxCPU) []write {
	return slices.Concat(
		// A group that is idle takes no shares.
		around(write{"cpu", "cpu.idle", given(c.Idle), "cpu.idle", 0},
			write{"cpu", "cpu.shares", unless0(c.Shares), "cpu.shares", 0}),
		// What quota/period may be depends on the groups above, and the burst on
		// the quota.
		around(write{"cpu", "cpu.cfs_quota_us", unless0(c.Quota), "cpu.quota", 0},
			write{"cpu", "cpu.cfs_period_us", unless0(c.Period), "cpu.period", 0},
			write{"cpu", "cpu.cfs_burst_us", given(c.Burst), "cpu.burst", optional}),
		around(write{"cpu", "cpu.rt_runtime_us", unless0(c.RealtimeRuntime), "cpu.realtimeRuntime", 0},
			write{"cpu", "cpu.rt_period_us", unless0(c.RealtimePeriod), "cpu.realtimePeriod", 0}),
	)
}

// blockV1 has two names for a weight: the second is that of the BFQ scheduler,
// the only one with weights since Linux 5.0.
func blockV1(b specs.LinuxBlockIO) []write {
	weight := unless0(b.Weight)
	list := wanted(
		write{"blkio", "blkio.weight", weight, "blockIO.weight", orNext},
		write{"blkio", "blkio.bfq.weight", weight, "blockIO.weight", 0},
		write{"blkio", "blkio.leaf_weight", unless0(b.LeafWeight), "blockIO.leafWeight", 0},
	)
	for i, w := range b.WeightDevice {
		field := at("blockIO.weightDevice", i)
		if orZero(w.Weight) != 0 {
			line := node(w.LinuxBlockIODevice) + decimal(*w.Weight)
			list = append(list,
				write{"blkio", "blkio.weight_device", line, field + ".weight", orNext},
				write{"blkio", "blkio.bfq.weight_device", line, field + ".weight", 0})
		}
		if orZero(w.LeafWeight) != 0 {
			line := node(w.LinuxBlockIODevice) + decimal(*w.LeafWeight)
			list = append(list, write{"blkio", "blkio.leaf_weight_device", line, field + ".leafWeight", 0})
		}
	}
	for _, t := range throttles(b) {
		for i, d := range t.devices {
			list = append(list, write{"blkio", t.file, node(d.LinuxBlockIODevice) + decimal(d.Rate), at(t.field, i), 0})
		}
	}
	return list
}

func priorities(interfaces []specs.LinuxInterfacePriority) []write {
	var list []write
	for i, n := range interfaces {
		list = append(list, write{"net_prio", "net_prio.ifpriomap", n.Name + " " + decimal(n.Priority), at("network.priorities", i), 0})
	}
	return list
}
