package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

const resources = "linux.resources."

// convert turns linux.resources, but for the devices, into the writes that it
// asks for: resources_v1.go and resources_v2.go say which. config has checked
// the values as far as one can without knowing the host. A field that is 0 or
// missing changes nothing, where 0 is no limit that the kernel knows.
func (p *Plan) convert(r *specs.LinuxResources, v2 bool) error {
	list := writesV1
	if v2 {
		list = writesV2
	}
	p.warnings = passedOver(r, v2)
	var err error
	p.writes, err = list(r)
	return err
}

// passedOver are the fields that these cgroups have no counterpart for.
func passedOver(r *specs.LinuxResources, v2 bool) []string {
	const (
		noKernel = "kernel memory counts as memory since Linux 5.4"
		noTree   = "memory is always accounted hierarchically since Linux 5.11"
		noV2     = "cgroup v2 has no such limit"
	)
	m, c, b, n := orZero(r.Memory), orZero(r.CPU), orZero(r.BlockIO), orZero(r.Network)
	var list []string
	for _, f := range [...]struct {
		set        bool
		field, why string
	}{
		//lint:ignore SA1019 deprecated, but callers still write it
		{m.Kernel != nil, "memory.kernel", noKernel},
		{m.KernelTCP != nil, "memory.kernelTCP", noKernel},
		{m.UseHierarchy != nil && !*m.UseHierarchy, "memory.useHierarchy", noTree},
		{v2 && orZero(m.DisableOOMKiller), "memory.disableOOMKiller", noV2},
		{v2 && m.Swappiness != nil, "memory.swappiness", noV2},
		{v2 && orZero(c.RealtimeRuntime) != 0, "cpu.realtimeRuntime", noV2},
		{v2 && orZero(c.RealtimePeriod) != 0, "cpu.realtimePeriod", noV2},
		{v2 && orZero(b.LeafWeight) != 0, "blockIO.leafWeight", noV2},
		{v2 && n.ClassID != nil, "network.classID", noV2},
		{v2 && len(n.Priorities) > 0, "network.priorities", noV2},
	} {
		if f.set {
			list = append(list, resources+f.field+" is ignored: "+f.why)
		}
	}
	for i, w := range b.WeightDevice {
		if v2 && orZero(w.LeafWeight) != 0 {
			list = append(list, resources+at("blockIO.weightDevice", i)+".leafWeight is ignored: "+noV2)
		}
	}
	return list
}

// mounted tells whether the host has mounted every v1 controller that is needed.
func (p *Plan) mounted() error {
	var have []string
	for _, d := range p.dirs {
		have = append(have, d.Controllers...)
	}
	if !slices.Contains(have, "devices") {
		return errors.New(resources + "devices: the host has no v1 hierarchy with the controller devices")
	}
	if missing := p.missing(have); missing != nil {
		return fmt.Errorf("%s%s: the host has no v1 hierarchy with the controller %s", resources, missing.field, missing.controller)
	}
	return nil
}

// missing is the first write that these controllers do not serve.
func (p *Plan) missing(have []string) *write {
	for i, w := range p.writes {
		if w.controller != "" && !slices.Contains(have, w.controller) {
			return &p.writes[i]
		}
	}
	return nil
}

// hugepages limits the pages in use and, where the kernel can (Linux 5.7), those
// that are reserved.
func hugepages(limits []specs.LinuxHugepageLimit, suffix string) []write {
	var list []write
	for i, h := range limits {
		name, value, field := "hugetlb."+h.Pagesize, decimal(h.Limit), at("hugepageLimits", i)
		list = append(list,
			write{"hugetlb", name + suffix, value, field, 0},
			write{"hugetlb", name + ".rsvd" + suffix, value, field, optional})
	}
	return list
}

// rdma has the same file in both versions.
func rdma(limits map[string]specs.LinuxRdma) []write {
	var list []write
	for _, device := range slices.Sorted(maps.Keys(limits)) {
		value := device
		if n := limits[device].HcaHandles; n != nil {
			value += " hca_handle=" + decimal(*n)
		}
		if n := limits[device].HcaObjects; n != nil {
			value += " hca_object=" + decimal(*n)
		}
		list = append(list, write{"rdma", "rdma.max", value, "rdma[" + strconv.Quote(device) + "]", 0})
	}
	return list
}

// tasks is pids.limit. A limit of 0 keeps the container's own process, which is
// there already, and so does 1: that is what systemd can be told, too.
func tasks(p specs.LinuxPids) string {
	switch {
	case p.Limit == nil:
		return ""
	case *p.Limit < 0:
		return "max"
	}
	return decimal(max(*p.Limit, 1))
}

// unless0 is a value for which 0 is not set.
func unless0[T integer](n *T) string {
	if n == nil || *n == 0 {
		return ""
	}
	return given(n)
}

// given is a value that may be 0.
func given[T integer](n *T) string {
	if n == nil {
		return ""
	}
	return decimal(*n)
}

type integer interface {
	int64 | uint64 | uint32 | uint16
}

func decimal[T integer](n T) string {
	if n < 0 {
		return strconv.FormatInt(int64(n), 10)
	}
	return strconv.FormatUint(uint64(n), 10)
}

func orZero[T any](p *T) (v T) {
	if p != nil {
		v = *p
	}
	return v
}

func at(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// node is a device's numbers, as lines of the block controllers begin.
func node(d specs.LinuxBlockIODevice) string {
	return decimal(d.Major) + ":" + decimal(d.Minor) + " "
}

// A throttle is a list of block devices, and the word and the file for it.
type throttle struct {
	field, word, file string
	devices           []specs.LinuxThrottleDevice
}

func throttles(b specs.LinuxBlockIO) []throttle {
	return []throttle{
		{"blockIO.throttleReadBpsDevice", "rbps", "blkio.throttle.read_bps_device", b.ThrottleReadBpsDevice},
		{"blockIO.throttleWriteBpsDevice", "wbps", "blkio.throttle.write_bps_device", b.ThrottleWriteBpsDevice},
		{"blockIO.throttleReadIOPSDevice", "riops", "blkio.throttle.read_iops_device", b.ThrottleReadIOPSDevice},
		{"blockIO.throttleWriteIOPSDevice", "wiops", "blkio.throttle.write_iops_device", b.ThrottleWriteIOPSDevice},
	}
}

// unified writes one line at a time: files that take several, such as io.max,
// take one with each write.
func unified(files map[string]string) []write {
	var list []write
	for _, key := range slices.Sorted(maps.Keys(files)) {
		// Files of the core, and those on pressure, need no controller.
		controller, parameter, _ := strings.Cut(key, ".")
		if controller == "cgroup" || parameter == "pressure" {
			controller = ""
		}
		field := "unified[" + strconv.Quote(key) + "]"
		for line := range strings.SplitSeq(strings.TrimSuffix(files[key], "\n"), "\n") {
			list = append(list, write{controller, key, line, field, 0})
		}
	}
	return list
}
