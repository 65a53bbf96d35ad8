package cgroup

import (
	"math/rand/v2"

	"github.com/opencontainers/cgroups"
	v1 "github.com/opencontainers/cgroups/fs"
	v2 "github.com/opencontainers/cgroups/fs2"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// The oracle is github.com/opencontainers/cgroups, which other runtimes use: it
// says what the control files hold in the end. Only tests may import it.

// oracleV1 sets resources in cgroups of v1, by controller.
func oracleV1(paths map[string]string, r *specs.LinuxResources) error {
	known := oracleResources(r)
	m, err := v1.NewManager(&cgroups.Cgroup{Resources: known}, paths)
	if err != nil {
		return err
	}
	return m.Set(known)
}

// oracleV2 sets them in a cgroup2 directory.
func oracleV2(dir string, r *specs.LinuxResources) error {
	known := oracleResources(r)
	m, err := v2.NewManager(&cgroups.Cgroup{Resources: known}, dir)
	if err != nil {
		return err
	}
	return m.Set(known)
}

func oracleResources(r *specs.LinuxResources) *cgroups.Resources {
	m, c, b, n := orZero(r.Memory), orZero(r.CPU), orZero(r.BlockIO), orZero(r.Network)
	known := &cgroups.Resources{
		SkipDevices: true,
		Memory:      orZero(m.Limit), MemoryReservation: orZero(m.Reservation), MemorySwap: orZero(m.Swap),
		MemorySwappiness: m.Swappiness, OomKillDisable: orZero(m.DisableOOMKiller),
		MemoryCheckBeforeUpdate: orZero(m.CheckBeforeUpdate),
		CpuShares:               orZero(c.Shares), CpuWeight: cgroups.ConvertCPUSharesToCgroupV2Value(orZero(c.Shares)),
		CpuQuota: orZero(c.Quota), CpuPeriod: orZero(c.Period), CpuBurst: c.Burst, CPUIdle: c.Idle,
		CpuRtRuntime: orZero(c.RealtimeRuntime), CpuRtPeriod: orZero(c.RealtimePeriod),
		CpusetCpus: c.Cpus, CpusetMems: c.Mems,
		PidsLimit:   orZero(r.Pids).Limit,
		BlkioWeight: orZero(b.Weight), BlkioLeafWeight: orZero(b.LeafWeight),
		BlkioThrottleReadBpsDevice:   oracleThrottle(b.ThrottleReadBpsDevice),
		BlkioThrottleWriteBpsDevice:  oracleThrottle(b.ThrottleWriteBpsDevice),
		BlkioThrottleReadIOPSDevice:  oracleThrottle(b.ThrottleReadIOPSDevice),
		BlkioThrottleWriteIOPSDevice: oracleThrottle(b.ThrottleWriteIOPSDevice),
		NetClsClassid:                orZero(n.ClassID),
		Unified:                      r.Unified,
	}
	for _, w := range b.WeightDevice {
		known.BlkioWeightDevice = append(known.BlkioWeightDevice,
			cgroups.NewWeightDevice(w.Major, w.Minor, orZero(w.Weight), orZero(w.LeafWeight)))
	}
	for _, h := range r.HugepageLimits {
		known.HugetlbLimit = append(known.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit})
	}
	for _, p := range n.Priorities {
		known.NetPrioIfpriomap = append(known.NetPrioIfpriomap, &cgroups.IfPrioMap{Interface: p.Name, Priority: int64(p.Priority)})
	}
	for device, l := range r.Rdma {
		known.Rdma = map[string]cgroups.LinuxRdma{device: {HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects}}
	}
	return known
}

func oracleThrottle(devices []specs.LinuxThrottleDevice) (list []*cgroups.ThrottleDevice) {
	for _, d := range devices {
		list = append(list, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
	}
	return list
}

// A dice makes resources that config would let pass.
type dice struct{ *rand.Rand }

func pick[T any](d dice, values ...T) *T {
	if d.IntN(3) == 0 {
		return nil
	}
	return &values[d.IntN(len(values))]
}

func (d dice) memory() *specs.LinuxMemory {
	m := &specs.LinuxMemory{
		Limit:            pick(d, int64(-1), 0, 1<<20, 64<<20, 1<<30),
		Reservation:      pick(d, int64(-1), 0, 1<<20, 32<<20),
		Swap:             pick(d, int64(-1), 0, 1<<20, 64<<20, 2<<30),
		Swappiness:       pick(d, uint64(0), 10, 100),
		DisableOOMKiller: pick(d, true, false),
	}
	if orZero(m.Swap) > 0 && orZero(m.Limit) > *m.Swap {
		m.Swap = m.Limit
	}
	return m
}

func (d dice) cpu() *specs.LinuxCPU {
	return &specs.LinuxCPU{
		Shares: pick(d, uint64(0), 2, 3, 512, 1024, 65536, 1<<18),
		Quota:  pick(d, int64(-1), 0, 5000, 50000, 200000),
		Period: pick(d, uint64(0), 1000, 10000, 100000),
		Burst:  pick(d, uint64(0), 1000, 5000),
		Cpus:   orZero(pick(d, "0")),
		Mems:   orZero(pick(d, "0")),
	}
}

func (d dice) throttle(device specs.LinuxBlockIODevice) *specs.LinuxBlockIO {
	some := func() (list []specs.LinuxThrottleDevice) {
		for range d.IntN(3) {
			list = append(list, specs.LinuxThrottleDevice{LinuxBlockIODevice: device, Rate: 1 + d.Uint64N(1<<30)})
		}
		return list
	}
	return &specs.LinuxBlockIO{
		ThrottleReadBpsDevice: some(), ThrottleWriteBpsDevice: some(),
		ThrottleReadIOPSDevice: some(), ThrottleWriteIOPSDevice: some(),
	}
}

func (d dice) block() *specs.LinuxBlockIO {
	device := specs.LinuxBlockIODevice{Major: 8, Minor: d.Int64N(3)}
	b := d.throttle(device)
	b.Weight, b.LeafWeight = pick(d, uint16(0), 10, 11, 100, 500, 1000), pick(d, uint16(0), 10, 1000)
	b.WeightDevice = []specs.LinuxWeightDevice{{LinuxBlockIODevice: device, Weight: pick(d, uint16(0), 10, 700), LeafWeight: pick(d, uint16(0), 20)}}
	return b
}

// rest are fields of controllers that this host may well not have.
func (d dice) rest(r *specs.LinuxResources) {
	r.CPU.Idle = pick(d, int64(0), 1)
	r.CPU.RealtimeRuntime, r.CPU.RealtimePeriod = pick(d, int64(0), -1, 5000), pick(d, uint64(0), 100000)
	r.BlockIO = d.block()
	for _, size := range []string{"64KB", "2MB", "1GB"} {
		if limit := pick(d, uint64(0), 1<<21, 1<<63); limit != nil {
			r.HugepageLimits = append(r.HugepageLimits, specs.LinuxHugepageLimit{Pagesize: size, Limit: *limit})
		}
	}
	r.Network = &specs.LinuxNetwork{ClassID: pick(d, uint32(0), 1, 1<<32-1)}
	for range d.IntN(3) {
		r.Network.Priorities = append(r.Network.Priorities, specs.LinuxInterfacePriority{Name: "eth0", Priority: d.Uint32()})
	}
	if d.IntN(2) == 0 { // the library writes several in any order
		r.Rdma = map[string]specs.LinuxRdma{"mlx5_0": {HcaHandles: pick(d, uint32(0), 3), HcaObjects: pick(d, uint32(4), 1<<32-1)}}
	}
}

func (d dice) resources() *specs.LinuxResources {
	return &specs.LinuxResources{
		Memory: d.memory(), CPU: d.cpu(),
		Pids: &specs.LinuxPids{Limit: pick(d, int64(-1), 0, 1, 77)},
	}
}

// onlyV2 adds what cgroup v1 refuses, and leaves out what v2 does.
func (d dice) onlyV2(r *specs.LinuxResources) {
	if orZero(r.Memory.Limit) == 0 {
		r.Memory.Swap = pick(d, int64(-1), 0)
	}
	r.Memory.CheckBeforeUpdate = pick(d, true, false)
	// The library writes a weight of 0, which no kernel takes, for a device
	// that has only a leaf weight.
	r.BlockIO.WeightDevice[0].Weight = ptr(uint16(10 + d.IntN(990)))
	// One key: the library has them in any order.
	key := []string{"memory.high", "io.max", "cpu.max"}[d.IntN(3)]
	r.Unified = map[string]string{key: orZero(pick(d, "max", "8:0 rbps=1\n8:0 wbps=2\n", "5\n6"))}
}
