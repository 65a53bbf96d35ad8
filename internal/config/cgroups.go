package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// checkCgroups looks at cgroupsPath and resources. It refuses what no version
// of the controllers could take, and what would lead out of the container's
// own cgroup; the rest is for the kernel to say, whose limits change.
func checkCgroups(c *checker) {
	l := c.spec.Linux
	if l == nil {
		return
	}
	checkCgroupsPath(c, l.CgroupsPath)
	r := l.Resources
	if r == nil {
		return
	}
	checkDeviceRules(c, r.Devices)
	if r.Memory != nil {
		checkMemory(c, r.Memory)
	}
	if r.CPU != nil {
		checkCPU(c, r.CPU)
	}
	if r.Pids != nil {
		c.limit(resource("pids"), "limit", r.Pids.Limit)
	}
	if r.BlockIO != nil {
		checkBlockIO(c, r.BlockIO)
	}
	checkHugepages(c, r.HugepageLimits)
	if r.Network != nil {
		checkNetwork(c, r.Network)
	}
	checkRdma(c, r.Rdma)
	checkUnified(c, r.Unified)
}

func resource(name string) field.Path { return field.At("linux", "resources", name) }

func checkCgroupsPath(c *checker, path string) {
	at := field.At("linux", "cgroupsPath")
	switch {
	case len(path) >= maxPath:
		c.refuse(at, show(path)+" is longer than a path can be")
	case control(path):
		c.refuse(at, show(path)+" holds a control character")
	case parentPart(path):
		c.refuse(at, show(path)+` must not contain ".."`)
	}
}

func checkDeviceRules(c *checker, rules []specs.LinuxDeviceCgroup) {
	at := resource("devices")
	for i, r := range rules {
		switch r.Type {
		case "", "a":
			// The kernel's v1 files take "a" for all devices, whatever the numbers.
			if specific(r.Major) || specific(r.Minor) {
				c.refuse(at.Index(i).Child("type"), `must be "c" or "b" where a device has a number`)
			}
		case "c", "b":
		default:
			c.refuse(at.Index(i).Child("type"), "invalid cgroup device type "+show(r.Type))
		}
		if r.Access == "" {
			c.refuse(at.Index(i).Child("access"), "device access at "+strconv.Itoa(i)+" field cannot be empty")
		}
		switch more := strings.Trim(r.Access, "rwm") != ""; {
		case more && strings.ContainsAny(r.Access, "rwm"): // as with runc
			c.warn(at.Index(i).Child("access"), show(r.Access)+" holds more than r, w and m: the rest is ignored")
		case more:
			c.refuse(at.Index(i).Child("access"), show(r.Access)+" holds more than r, w and m")
		}
		ruleNumber(c, at.Index(i), "major", r.Major)
		ruleNumber(c, at.Index(i), "minor", r.Minor)
	}
}

// specific tells whether n is the number of a device; -1 is every number.
func specific(n *int64) bool { return n != nil && *n != -1 }

func ruleNumber(c *checker, at field.Path, name string, n *int64) {
	if n != nil && (*n < -1 || *n > 1<<32-1) {
		c.refuse(at.Child(name), strconv.FormatInt(*n, 10)+" is out of range (-1 to 4294967295)")
	}
}

// limit takes a number of bytes or tasks, or -1 for no limit.
func (c *checker) limit(parent field.Path, name string, n *int64) {
	if n != nil && *n < -1 {
		c.refuse(parent.Child(name), strconv.FormatInt(*n, 10)+" is out of range: want -1 for no limit, or more")
	}
}

func checkMemory(c *checker, m *specs.LinuxMemory) {
	at := resource("memory")
	c.limit(at, "limit", m.Limit)
	c.limit(at, "reservation", m.Reservation)
	c.limit(at, "swap", m.Swap)
	//lint:ignore SA1019 deprecated, but callers still write it
	c.limit(at, "kernel", m.Kernel)
	c.limit(at, "kernelTCP", m.KernelTCP)
	if m.Swap != nil && m.Limit != nil && *m.Swap > 0 && *m.Swap < *m.Limit {
		c.refuse(at.Child("swap"), "memory+swap limit should be >= memory limit")
	}
	if m.Swappiness != nil && *m.Swappiness > 100 {
		c.refuse(at.Child("swappiness"), strconv.FormatUint(*m.Swappiness, 10)+" is out of range (0 to 100)")
	}
}

func checkCPU(c *checker, p *specs.LinuxCPU) {
	at := resource("cpu")
	if p.Burst != nil && p.Quota != nil && *p.Quota > 0 && *p.Burst > uint64(*p.Quota) {
		c.refuse(at.Child("burst"), strconv.FormatUint(*p.Burst, 10)+" is more than quota, which is "+
			strconv.FormatInt(*p.Quota, 10))
	}
	if p.Idle != nil && *p.Idle != 0 && *p.Idle != 1 {
		c.refuse(at.Child("idle"), strconv.FormatInt(*p.Idle, 10)+" is out of range (0 or 1)")
	}
	if !numberList(p.Cpus) {
		c.refuse(at.Child("cpus"), show(p.Cpus)+" is no list such as 0-3,7")
	}
	if !numberList(p.Mems) {
		c.refuse(at.Child("mems"), show(p.Mems)+" is no list such as 0-3,7")
	}
}

// numberList tells whether s is a list as the kernel prints and takes it
// (bitmap_parselist, which also has ranges with a stride: 0-31:2/4).
func numberList(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && c != '-' && c != ',' && c != ':' && c != '/' {
			return false
		}
	}
	return s == "" || s[0] >= '0' && s[0] <= '9'
}

func checkBlockIO(c *checker, b *specs.LinuxBlockIO) {
	at := resource("blockIO")
	c.weight(at, "weight", b.Weight)
	c.weight(at, "leafWeight", b.LeafWeight)
	for i, w := range b.WeightDevice {
		one := at.Child("weightDevice").Index(i)
		c.blockDevice(one, w.LinuxBlockIODevice)
		c.weight(one, "weight", w.Weight)
		c.weight(one, "leafWeight", w.LeafWeight)
		if w.Weight == nil && w.LeafWeight == nil {
			c.refuse(one, "want a weight or a leafWeight")
		}
	}
	for _, list := range []struct {
		name    string
		devices []specs.LinuxThrottleDevice
	}{
		{"throttleReadBpsDevice", b.ThrottleReadBpsDevice},
		{"throttleWriteBpsDevice", b.ThrottleWriteBpsDevice},
		{"throttleReadIOPSDevice", b.ThrottleReadIOPSDevice},
		{"throttleWriteIOPSDevice", b.ThrottleWriteIOPSDevice},
	} {
		for i, t := range list.devices {
			c.blockDevice(at.Child(list.name).Index(i), t.LinuxBlockIODevice)
		}
	}
}

// weight takes what the blkio and bfq schedulers do; 0 leaves the weight alone.
func (c *checker) weight(parent field.Path, name string, w *uint16) {
	if w != nil && *w != 0 && (*w < 10 || *w > 1000) {
		c.refuse(parent.Child(name), strconv.Itoa(int(*w))+" is out of range (10 to 1000)")
	}
}

func (c *checker) blockDevice(at field.Path, d specs.LinuxBlockIODevice) {
	c.deviceNumber(at, "major", d.Major, maxMajor)
	c.deviceNumber(at, "minor", d.Minor, maxMinor)
}

func checkHugepages(c *checker, limits []specs.LinuxHugepageLimit) {
	at := resource("hugepageLimits")
	for i, h := range limits {
		if !hugepageSize(h.Pagesize) {
			c.refuse(at.Index(i).Child("pageSize"), show(h.Pagesize)+" is no size such as 64KB, 2MB or 1GB")
		}
		for _, earlier := range limits[:min(i, 64)] {
			if earlier.Pagesize == h.Pagesize {
				c.refuse(at.Index(i).Child("pageSize"), show(h.Pagesize)+" comes twice")
				break
			}
		}
	}
}

// hugepageSize tells whether s can be part of the name of a file of the hugetlb
// controller (mem_fmt in mm/hugetlb_cgroup.c).
func hugepageSize(s string) bool {
	n := digits(s)
	return n > 0 && n < 5 && s[0] != '0' && (s[n:] == "KB" || s[n:] == "MB" || s[n:] == "GB")
}

func checkNetwork(c *checker, n *specs.LinuxNetwork) {
	for i, p := range n.Priorities {
		if !oneWord(p.Name) || len(p.Name) > 15 {
			c.refuse(resource("network").Child("priorities").Index(i).Child("name"),
				show(p.Name)+" is no name of a network interface")
		}
	}
}

// oneWord tells whether s is a word of a line that is written to a file of a
// controller, and not more of that line.
func oneWord(s string) bool {
	return s != "" && !control(s) && !strings.ContainsAny(s, " /")
}

func checkRdma(c *checker, limits map[string]specs.LinuxRdma) {
	for _, name := range slices.Sorted(maps.Keys(limits)) {
		at := resource("rdma").Key(clipKey(name))
		if !oneWord(name) {
			c.refuse(at, "is no name of a device")
		}
		if l := limits[name]; l.HcaHandles == nil && l.HcaObjects == nil {
			c.refuse(at, "want hcaHandles or hcaObjects")
		}
	}
}

// checkUnified keeps keys of the author's, which become names of files, within
// the container's cgroup.
func checkUnified(c *checker, files map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(files)) {
		at := resource("unified").Key(clipKey(key))
		controller, parameter, ok := strings.Cut(key, ".")
		switch {
		case strings.Contains(key, "/"):
			c.refuse(at, "unified resource "+show(key)+" must be a file name (no slashes)")
		case !ok || !oneWord(controller) || !oneWord(parameter) || len(key) > 255:
			c.refuse(at, "unified resource "+show(key)+" must be in the form CONTROLLER.PARAMETER")
		case nul(files[key]):
			c.refuse(at, "must not hold a NUL")
		}
	}
}
