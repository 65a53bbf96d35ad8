package cgroup

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/systemd"
)

// infinity is no limit in a property.
const infinity = math.MaxUint64

// unitProperties is what of linux.resources systemd has a property for
// (systemd.resource-control(5), org.freedesktop.systemd1(5)). Whenever systemd
// applies a controller's settings to the unit's cgroup it writes all that it has
// properties for, with its own defaults for those that nobody has set: so each
// limit that is not among them would be lost.
func unitProperties(r *specs.LinuxResources, mode host.CgroupMode) ([]property, error) {
	if r == nil {
		return nil, nil
	}
	c := orZero(r.CPU)
	list := processor(c)
	list.number("TasksMax", "pids.limit", tasks(orZero(r.Pids)))
	if mode != host.V2 {
		list.number("MemoryLimit", "memory.limit", bytes(orZero(orZero(r.Memory).Limit)))
		list.number("CPUShares", "cpu.shares", unless0(c.Shares))
		list.number("BlockIOWeight", "blockIO.weight", unless0(orZero(r.BlockIO).Weight))
		return list, nil
	}
	memory, err := memoryV2(orZero(r.Memory))
	if err != nil {
		return nil, err
	}
	for _, w := range memory {
		if !w.is(guard) {
			list.file(w.file, w.value, w.field)
		}
	}
	if w := orZero(orZero(r.BlockIO).Weight); w != 0 {
		list.add("IOWeight", "blockIO.weight", systemd.Uint64(ioWeight(w)))
	}
	if orZero(c.Idle) == 1 {
		list.addSince(252, "CPUWeight", "cpu.idle", systemd.Uint64(0))
	} else {
		list.number("CPUWeight", "cpu.shares", weight(orZero(c.Shares)))
	}
	if err := list.set(c.Cpus, "AllowedCPUs", "cpu.cpus"); err != nil {
		return nil, err
	}
	if err := list.set(c.Mems, "AllowedMemoryNodes", "cpu.mems"); err != nil {
		return nil, err
	}
	for _, w := range unified(r.Unified) {
		if err := list.unified(w, r.Unified); err != nil {
			return nil, err
		}
	}
	return list, nil
}

type properties []property

func (l *properties) add(name, field string, value systemd.Value) {
	l.addSince(0, name, field, value)
}

// addSince adds a property, in place of one of that name: what comes later counts.
func (l *properties) addSince(version int, name, field string, value systemd.Value) {
	*l = slices.DeleteFunc(*l, func(p property) bool { return p.Name == name })
	*l = append(*l, property{systemd.Property{Name: name, Value: value}, field, version})
}

// number adds a number as a control file would have it: "max" is no limit, and
// nothing is nothing.
func (l *properties) number(name, field, value string) {
	if value == "" {
		return
	}
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		n = infinity
	}
	l.add(name, field, systemd.Uint64(n))
}

// file adds the property that is the same as a file of cgroup2, if there is one.
func (l *properties) file(file, value, field string) {
	for _, same := range [...]struct{ file, name string }{
		{"memory.max", "MemoryMax"}, {"memory.high", "MemoryHigh"}, {"memory.low", "MemoryLow"},
		{"memory.min", "MemoryMin"}, {"memory.swap.max", "MemorySwapMax"}, {"cpu.weight", "CPUWeight"},
	} {
		if file == same.file {
			l.number(same.name, field, value)
		}
	}
	if file == "memory.zswap.max" {
		n, err := strconv.ParseUint(value, 10, 64)
		if err != nil {
			n = infinity
		}
		l.addSince(253, "MemoryZSwapMax", field, systemd.Uint64(n))
	}
}

// unified adds what a line of linux.resources.unified is as a property. What it
// does not know stays in its file, where systemd does not know it either.
func (l *properties) unified(w write, all map[string]string) error {
	value := strings.TrimSpace(w.value)
	switch w.file {
	case "cpu.max":
		quota, period, _ := strings.Cut(value, " ")
		c := specs.LinuxCPU{}
		if n, err := strconv.ParseInt(quota, 10, 64); err == nil {
			c.Quota = &n
		} else {
			c.Quota = new(int64)
			*c.Quota = -1
		}
		if n, err := strconv.ParseUint(strings.TrimSpace(period), 10, 64); err == nil {
			c.Period = &n
		}
		for _, p := range processor(c) {
			l.add(p.Name, w.field, p.Value)
		}
	case "cpu.weight":
		if strings.TrimSpace(all["cpu.idle"]) != "1" {
			l.file(w.file, value, w.field)
		}
	case "cpu.idle":
		if value == "1" {
			l.addSince(252, "CPUWeight", w.field, systemd.Uint64(0))
		}
	case "cpuset.cpus":
		return l.set(value, "AllowedCPUs", w.field)
	case "cpuset.mems":
		return l.set(value, "AllowedMemoryNodes", w.field)
	case "pids.max":
		if value == "0" {
			value = "1" // the least that systemd takes
		}
		l.number("TasksMax", w.field, value)
	default:
		l.file(w.file, value, w.field)
	}
	return nil
}

// processor is the bandwidth of the cpu controller. systemd has it in
// microseconds of a second, and keeps whole hundredths: so it is rounded up, and
// the file, which is written last, has what the config says.
func processor(c specs.LinuxCPU) properties {
	const second, hundredth = 1_000_000, 10_000
	quota, period := orZero(c.Quota), orZero(c.Period)
	var list properties
	if period != 0 {
		list.add("CPUQuotaPeriodUSec", "cpu.period", systemd.Uint64(period))
	}
	switch {
	case quota < 0, quota == 0 && period != 0:
		list.add("CPUQuotaPerSecUSec", "cpu.quota", systemd.Uint64(infinity))
	case quota > 0:
		if period == 0 {
			period = 100_000 // the kernel's default
		}
		share := float64(quota) * second / float64(period)
		share = math.Ceil(share/hundredth) * hundredth
		list.add("CPUQuotaPerSecUSec", "cpu.quota", systemd.Uint64(uint64(min(share, 1<<62))))
	}
	return list
}

// ioWeight is a weight of 10 to 1000 in systemd's range of 1 to 10000, so that
// what systemd makes of it for the BFQ scheduler is that weight again
// (BFQ_WEIGHT in systemd's src/shared/cgroup-setup.h).
func ioWeight(w uint16) uint64 {
	if w <= 100 {
		return uint64(w)
	}
	return 100 + (uint64(w)-100)*11
}

// oomPolicy is what systemd makes of memory.oom.group. It cannot be changed while
// the unit lives.
func oomPolicy(r *specs.LinuxResources) properties {
	const file = "memory.oom.group"
	var list properties
	policy := map[string]string{"0": "continue", "1": "kill"}[strings.TrimSpace(orZero(r).Unified[file])]
	if policy != "" {
		list.addSince(253, "OOMPolicy", "unified["+strconv.Quote(file)+"]", systemd.String(policy))
	}
	return list
}

// set adds a list of processors or memory nodes, as bits.
func (l *properties) set(text, name, field string) error {
	if text == "" {
		return nil
	}
	bits, err := bitmap(text)
	if err != nil {
		return fmt.Errorf("%s%s: %w", resources, field, err)
	}
	l.add(name, field, systemd.Bytes(bits))
	return nil
}

// most is how many processors a kernel can have (CONFIG_NR_CPUS), and memory
// nodes are fewer.
const most = 8192

// bitmap turns a list such as 0-3,7 into bits, of which the first byte has the
// lowest.
func bitmap(text string) ([]byte, error) {
	var bits []byte
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue // the kernel takes an empty part as well
		}
		first, last, ranged := strings.Cut(part, "-")
		if !ranged {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 32)
		to, err2 := strconv.ParseUint(last, 10, 32)
		switch {
		case err != nil || err2 != nil:
			return nil, fmt.Errorf("%q is no list such as 0-3,7", text)
		case from > to:
			return nil, fmt.Errorf("%q: the range %s runs backwards", text, part)
		case to >= most:
			return nil, fmt.Errorf("%q: %d is more than a kernel can have", text, to)
		}
		for n := from; n <= to; n++ {
			for uint64(len(bits)) <= n/8 {
				bits = append(bits, 0)
			}
			bits[n/8] |= 1 << (n % 8)
		}
	}
	return bits, nil
}

// deviceProperties are the device rules of cgroup v1, where systemd would allow
// everything as often as it writes its files; on cgroup2 its filter and vial's
// stand side by side. systemd has a list of what is allowed: a rule that denies
// takes from it every one that it touches, so it never allows more than the rules.
func deviceProperties(rules []rule) properties {
	var list properties
	if unrestricted(rules) {
		list.add("DevicePolicy", "devices", systemd.String("auto"))
		list.add("DeviceAllow", "devices", systemd.Array("(ss)"))
		return list
	}
	var allowed []rule
	for _, r := range rules {
		if !r.allow {
			allowed = slices.DeleteFunc(allowed, r.touches)
		} else if !r.total() {
			allowed = append(allowed, r)
		}
	}
	var entries []systemd.Value
	for _, r := range allowed {
		if path, ok := r.device(); ok {
			entries = append(entries, systemd.Struct(systemd.String(path), systemd.String(r.letters())))
		}
	}
	list.add("DevicePolicy", "devices", systemd.String("strict"))
	list.add("DeviceAllow", "devices", systemd.Array("(ss)", entries...))
	return list
}

// touches tells whether some device is both rules'.
func (r rule) touches(other rule) bool {
	same := func(a, b int64) bool { return a == b || a == wildcard || b == wildcard }
	return (r.kind == other.kind || r.kind == anyKind || other.kind == anyKind) &&
		same(r.major, other.major) && same(r.minor, other.minor)
}

// device is how systemd names the devices of a rule; it has no name for a minor
// number of every major.
func (r rule) device() (string, bool) {
	kind, group := "/dev/char/", "char-"
	if r.kind == 'b' {
		kind, group = "/dev/block/", "block-"
	}
	switch {
	case r.kind == anyKind || r.major == wildcard && r.minor != wildcard:
		return "", false
	case r.major == wildcard:
		return group + "*", true
	case r.minor == wildcard:
		return group + number(r.major), true
	}
	return kind + number(r.major) + ":" + number(r.minor), true
}
