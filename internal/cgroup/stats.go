package cgroup

// Stats is what a container uses and may use, as events prints it; the keys are
// those that callers of other runtimes read. What a host does not tell is zero.
// Times are in nanoseconds and sizes in bytes, but for PSI.
type Stats struct {
	CPU     CPUStats                `json:"cpu"`
	CPUSet  CPUSetStats             `json:"cpuset"`
	Memory  MemoryStats             `json:"memory"`
	Pids    PidsStats               `json:"pids"`
	Block   BlockStats              `json:"blkio"`
	Hugetlb map[string]HugetlbStats `json:"hugetlb"` // by page size, such as "2MB"
	// RDT and Interfaces are there for those who expect the keys: vial makes no
	// groups for Intel RDT, and networks are not the runtime's.
	RDT        struct{}   `json:"intel_rdt"`
	Interfaces []struct{} `json:"network_interfaces"`
}

// CPUStats are of the controllers cpu and cpuacct.
type CPUStats struct {
	Usage      CPUUsage   `json:"usage,omitzero"`
	Throttling Throttling `json:"throttling,omitzero"`
	PSI        *PSI       `json:"psi,omitempty"`
}

// CPUUsage is since the cgroup was made. Single CPUs are for v1 only.
type CPUUsage struct {
	Total        uint64   `json:"total,omitempty"`
	PerCPU       []uint64 `json:"percpu,omitempty"`
	PerCPUKernel []uint64 `json:"percpu_kernel,omitempty"`
	PerCPUUser   []uint64 `json:"percpu_user,omitempty"`
	Kernel       uint64   `json:"kernel"`
	User         uint64   `json:"user"`
}

// Throttling is what a quota has cost.
type Throttling struct {
	Periods          uint64 `json:"periods,omitempty"`
	ThrottledPeriods uint64 `json:"throttledPeriods,omitempty"`
	ThrottledTime    uint64 `json:"throttledTime,omitempty"`
}

// CPUSetStats are of cgroup v1 only.
type CPUSetStats struct {
	CPUs                  []uint16 `json:"cpus,omitempty"`
	CPUExclusive          uint64   `json:"cpu_exclusive"`
	Mems                  []uint16 `json:"mems,omitempty"`
	MemHardwall           uint64   `json:"mem_hardwall"`
	MemExclusive          uint64   `json:"mem_exclusive"`
	MemoryMigrate         uint64   `json:"memory_migrate"`
	MemorySpreadPage      uint64   `json:"memory_spread_page"`
	MemorySpreadSlab      uint64   `json:"memory_spread_slab"`
	MemoryPressure        uint64   `json:"memory_pressure"`
	SchedLoadBalance      uint64   `json:"sched_load_balance"`
	SchedRelaxDomainLevel int64    `json:"sched_relax_domain_level"`
}

// MemoryStats count memory and, in Swap, memory and swap together, as v1 does.
type MemoryStats struct {
	Cache     uint64            `json:"cache,omitempty"`
	Usage     MemoryUse         `json:"usage,omitzero"`
	Swap      MemoryUse         `json:"swap,omitzero"`
	Kernel    MemoryUse         `json:"kernel,omitzero"`
	KernelTCP MemoryUse         `json:"kernelTCP,omitzero"`
	Raw       map[string]uint64 `json:"raw,omitempty"` // memory.stat
	PSI       *PSI              `json:"psi,omitempty"`
}

// MemoryUse is of one kind of memory; a Limit of 2^64-1 is none.
type MemoryUse struct {
	Limit   uint64 `json:"limit"`
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"` // the most that it has been
	Failcnt uint64 `json:"failcnt"`       // how often the limit was hit
}

// PidsStats count processes and threads; a Limit of 0 is none.
type PidsStats struct {
	Current uint64 `json:"current,omitempty"`
	Limit   uint64 `json:"limit,omitempty"`
}

// BlockStats are those of the container's block devices; cgroup2 has the first
// two only.
type BlockStats struct {
	ServiceBytes []BlockUse `json:"ioServiceBytesRecursive,omitempty"`
	Serviced     []BlockUse `json:"ioServicedRecursive,omitempty"`
	Queued       []BlockUse `json:"ioQueueRecursive,omitempty"`
	ServiceTime  []BlockUse `json:"ioServiceTimeRecursive,omitempty"`
	WaitTime     []BlockUse `json:"ioWaitTimeRecursive,omitempty"`
	Merged       []BlockUse `json:"ioMergedRecursive,omitempty"`
	Time         []BlockUse `json:"ioTimeRecursive,omitempty"`
	Sectors      []BlockUse `json:"sectorsRecursive,omitempty"`
	PSI          *PSI       `json:"psi,omitempty"`
}

// BlockUse is what an operation (Read, Write …) comes to on a device.
type BlockUse struct {
	Major uint64 `json:"major,omitempty"`
	Minor uint64 `json:"minor,omitempty"`
	Op    string `json:"op,omitempty"`
	Value uint64 `json:"value,omitempty"`
}

// HugetlbStats count bytes of huge pages of one size, reserved ones included
// where the kernel tells of them.
type HugetlbStats struct {
	Usage   uint64 `json:"usage,omitempty"`
	Max     uint64 `json:"max,omitempty"`
	Failcnt uint64 `json:"failcnt"`
}

// PSI is how long tasks have waited for something (accounting/psi.rst).
type PSI struct {
	Some Pressure `json:"some,omitzero"`
	Full Pressure `json:"full,omitzero"`
}

// Pressure is in percent of the last 10, 60 and 300 seconds, and in
// microseconds since the cgroup was made.
type Pressure struct {
	Avg10  float64 `json:"avg10"`
	Avg60  float64 `json:"avg60"`
	Avg300 float64 `json:"avg300"`
	Total  uint64  `json:"total"`
}

// ReadStats reads the statistics of a container from its cgroups.
func ReadStats(paths map[string]string) (*Stats, error) {
	s := &Stats{Hugetlb: map[string]HugetlbStats{}}
	_, unified := paths[""]
	if unified && len(paths) == 1 {
		return s, s.readV2(paths[""])
	}
	return s, s.readV1(paths)
}
