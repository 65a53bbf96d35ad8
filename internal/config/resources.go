package config

import "github.com/opencontainers/runtime-spec/specs-go"

var resourcesFields = []string{
	"devices", "memory", "cpu", "pids", "blockIO", "hugepageLimits", "network", "rdma", "unified",
}

func readResources(d *decoder, r *specs.LinuxResources) {
	for key := range d.object {
		switch key {
		case "devices":
			readList(d, &r.Devices, readDeviceRule)
		case "memory":
			readOptional(d, &r.Memory, readMemory)
		case "cpu":
			readOptional(d, &r.CPU, readCPU)
		case "pids":
			readOptional(d, &r.Pids, readPids)
		case "blockIO":
			readOptional(d, &r.BlockIO, readBlockIO)
		case "hugepageLimits":
			readList(d, &r.HugepageLimits, readHugepageLimit)
		case "network":
			readOptional(d, &r.Network, readNetwork)
		case "rdma":
			readTable(d, &r.Rdma, readRdma)
		case "unified":
			readTable(d, &r.Unified, readText)
		default:
			d.unknown(key, resourcesFields)
		}
	}
}

var deviceRuleFields = []string{"allow", "type", "major", "minor", "access"}

func readDeviceRule(d *decoder, r *specs.LinuxDeviceCgroup) {
	for key := range d.object {
		switch key {
		case "allow":
			readBool(d, &r.Allow)
		case "type":
			readText(d, &r.Type)
		case "major":
			readOptional(d, &r.Major, readSigned)
		case "minor":
			readOptional(d, &r.Minor, readSigned)
		case "access":
			readText(d, &r.Access)
		default:
			d.unknown(key, deviceRuleFields)
		}
	}
}

var memoryFields = []string{
	"limit", "reservation", "swap", "kernel", "kernelTCP", "swappiness", "disableOOMKiller",
	"useHierarchy", "checkBeforeUpdate",
}

func readMemory(d *decoder, m *specs.LinuxMemory) {
	for key := range d.object {
		switch key {
		case "limit":
			readOptional(d, &m.Limit, readSigned)
		case "reservation":
			readOptional(d, &m.Reservation, readSigned)
		case "swap":
			readOptional(d, &m.Swap, readSigned)
		case "kernel":
			//lint:ignore SA1019 deprecated, but callers still write it
			readOptional(d, &m.Kernel, readSigned)
		case "kernelTCP":
			readOptional(d, &m.KernelTCP, readSigned)
		case "swappiness":
			readOptional(d, &m.Swappiness, readUnsigned)
		case "disableOOMKiller":
			readOptional(d, &m.DisableOOMKiller, readBool)
		case "useHierarchy":
			readOptional(d, &m.UseHierarchy, readBool)
		case "checkBeforeUpdate":
			readOptional(d, &m.CheckBeforeUpdate, readBool)
		default:
			d.unknown(key, memoryFields)
		}
	}
}

var cpuFields = []string{
	"shares", "quota", "burst", "period", "realtimeRuntime", "realtimePeriod", "cpus", "mems", "idle",
}

func readCPU(d *decoder, p *specs.LinuxCPU) {
	for key := range d.object {
		switch key {
		case "shares":
			readOptional(d, &p.Shares, readUnsigned)
		case "quota":
			readOptional(d, &p.Quota, readSigned)
		case "burst":
			readOptional(d, &p.Burst, readUnsigned)
		case "period":
			readOptional(d, &p.Period, readUnsigned)
		case "realtimeRuntime":
			readOptional(d, &p.RealtimeRuntime, readSigned)
		case "realtimePeriod":
			readOptional(d, &p.RealtimePeriod, readUnsigned)
		case "cpus":
			readText(d, &p.Cpus)
		case "mems":
			readText(d, &p.Mems)
		case "idle":
			readOptional(d, &p.Idle, readSigned)
		default:
			d.unknown(key, cpuFields)
		}
	}
}

var pidsFields = []string{"limit"}

func readPids(d *decoder, p *specs.LinuxPids) {
	for key := range d.object {
		switch key {
		case "limit":
			readOptional(d, &p.Limit, readSigned)
		default:
			d.unknown(key, pidsFields)
		}
	}
}

var blockIOFields = []string{
	"weight", "leafWeight", "weightDevice", "throttleReadBpsDevice", "throttleWriteBpsDevice",
	"throttleReadIOPSDevice", "throttleWriteIOPSDevice",
}

func readBlockIO(d *decoder, b *specs.LinuxBlockIO) {
	for key := range d.object {
		switch key {
		case "weight":
			readOptional(d, &b.Weight, readUnsigned)
		case "leafWeight":
			readOptional(d, &b.LeafWeight, readUnsigned)
		case "weightDevice":
			readList(d, &b.WeightDevice, readWeightDevice)
		case "throttleReadBpsDevice":
			readList(d, &b.ThrottleReadBpsDevice, readThrottleDevice)
		case "throttleWriteBpsDevice":
			readList(d, &b.ThrottleWriteBpsDevice, readThrottleDevice)
		case "throttleReadIOPSDevice":
			readList(d, &b.ThrottleReadIOPSDevice, readThrottleDevice)
		case "throttleWriteIOPSDevice":
			readList(d, &b.ThrottleWriteIOPSDevice, readThrottleDevice)
		default:
			d.unknown(key, blockIOFields)
		}
	}
}

var weightDeviceFields = []string{"major", "minor", "weight", "leafWeight"}

func readWeightDevice(d *decoder, w *specs.LinuxWeightDevice) {
	for key := range d.object {
		switch key {
		case "major":
			readSigned(d, &w.Major)
		case "minor":
			readSigned(d, &w.Minor)
		case "weight":
			readOptional(d, &w.Weight, readUnsigned)
		case "leafWeight":
			readOptional(d, &w.LeafWeight, readUnsigned)
		default:
			d.unknown(key, weightDeviceFields)
		}
	}
}

var throttleDeviceFields = []string{"major", "minor", "rate"}

func readThrottleDevice(d *decoder, t *specs.LinuxThrottleDevice) {
	for key := range d.object {
		switch key {
		case "major":
			readSigned(d, &t.Major)
		case "minor":
			readSigned(d, &t.Minor)
		case "rate":
			readUnsigned(d, &t.Rate)
		default:
			d.unknown(key, throttleDeviceFields)
		}
	}
}

var hugepageLimitFields = []string{"pageSize", "limit"}

func readHugepageLimit(d *decoder, h *specs.LinuxHugepageLimit) {
	for key := range d.object {
		switch key {
		case "pageSize":
			readText(d, &h.Pagesize)
		case "limit":
			readUnsigned(d, &h.Limit)
		default:
			d.unknown(key, hugepageLimitFields)
		}
	}
}

var networkFields = []string{"classID", "priorities"}

func readNetwork(d *decoder, n *specs.LinuxNetwork) {
	for key := range d.object {
		switch key {
		case "classID":
			readOptional(d, &n.ClassID, readUnsigned)
		case "priorities":
			readList(d, &n.Priorities, readPriority)
		default:
			d.unknown(key, networkFields)
		}
	}
}

var priorityFields = []string{"name", "priority"}

func readPriority(d *decoder, p *specs.LinuxInterfacePriority) {
	for key := range d.object {
		switch key {
		case "name":
			readText(d, &p.Name)
		case "priority":
			readUnsigned(d, &p.Priority)
		default:
			d.unknown(key, priorityFields)
		}
	}
}

var rdmaFields = []string{"hcaHandles", "hcaObjects"}

func readRdma(d *decoder, r *specs.LinuxRdma) {
	for key := range d.object {
		switch key {
		case "hcaHandles":
			readOptional(d, &r.HcaHandles, readUnsigned)
		case "hcaObjects":
			readOptional(d, &r.HcaObjects, readUnsigned)
		default:
			d.unknown(key, rdmaFields)
		}
	}
}
