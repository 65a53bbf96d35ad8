package config

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// capabilityNames are the names of capabilities(7) at their numbers in
// linux/capability.h. Linux 5.9 added the last.
var capabilityNames = [...]string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
	"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
	"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
	"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
	"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
	"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
	"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
	"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
}

// CapabilityNumber is the number of a capability such as CAP_CHOWN.
func CapabilityNumber(name string) (int, bool) {
	n := slices.Index(capabilityNames[:], name)
	return n, n >= 0
}

// CapabilityNames are all capabilities, in the order of their numbers.
func CapabilityNames() []string { return slices.Clone(capabilityNames[:]) }

var capabilitiesFields = []string{"bounding", "effective", "inheritable", "permitted", "ambient"}

func readCapabilities(d *decoder, c *specs.LinuxCapabilities) {
	for key := range d.object {
		switch key {
		case "bounding":
			readTexts(d, &c.Bounding)
		case "effective":
			readTexts(d, &c.Effective)
		case "inheritable":
			readTexts(d, &c.Inheritable)
		case "permitted":
			readTexts(d, &c.Permitted)
		case "ambient":
			readTexts(d, &c.Ambient)
		default:
			d.unknown(key, capabilitiesFields)
		}
	}
}

// checkCapabilities makes bits of the names. Without the object, or without one
// of its sets, there are none: other runtimes leave a process with all that
// their caller had then. What cannot be granted is no error but a warning, as
// the spec has it (config.md, Linux process).
func checkCapabilities(c *checker) {
	if c.spec.Process == nil || c.spec.Process.Capabilities == nil {
		return
	}
	at := field.At("process", "capabilities")
	names := c.spec.Process.Capabilities
	sets := &c.cfg.Capabilities
	sets.Bounding = c.capabilitySet(at, "bounding", names.Bounding)
	sets.Effective = c.capabilitySet(at, "effective", names.Effective)
	sets.Permitted = c.capabilitySet(at, "permitted", names.Permitted)
	sets.Inheritable = c.capabilitySet(at, "inheritable", names.Inheritable)
	sets.Ambient = c.capabilitySet(at, "ambient", names.Ambient)
	// capset(2) answers EPERM to either of the first two, which names no capability.
	c.cannotGrant(at.Child("effective"), &sets.Effective, sets.Permitted, "permitted")
	c.cannotGrant(at.Child("inheritable"), &sets.Inheritable, sets.Bounding, "bounding")
	if extra := sets.Ambient &^ (sets.Permitted & sets.Inheritable); extra != 0 {
		// Worded as runc has it.
		c.warn(at.Child("ambient"), "can't raise ambient capability "+capabilityList(extra)+": the kernel wants it in permitted and inheritable too")
		sets.Ambient &^= extra
	}
}

// cannotGrant takes out of a set what the kernel grants only with another.
func (c *checker) cannotGrant(at field.Path, set *uint64, within uint64, whose string) {
	if extra := *set &^ within; extra != 0 {
		c.warn(at, capabilityList(extra)+" cannot be granted: the kernel wants them in "+whose+" too")
		*set &^= extra
	}
}

func (c *checker) capabilitySet(parent field.Path, name string, words []string) uint64 {
	var set uint64
	for i, word := range words {
		n, ok := CapabilityNumber(word)
		if !ok {
			c.warn(parent.Child(name).Index(i), show(word)+" is no capability: it is not granted")
			continue
		}
		set |= 1 << n
	}
	return set
}

// BeyondOwn is a warning for each set that has more than own, the capabilities
// of vial itself: what vial has not got it cannot give.
func (c *Config) BeyondOwn(own uint64) (warnings []string) {
	at := field.At("process", "capabilities")
	sets := &c.Capabilities
	for _, one := range []struct {
		name string
		set  uint64
	}{
		{"bounding", sets.Bounding}, {"effective", sets.Effective}, {"permitted", sets.Permitted},
		{"inheritable", sets.Inheritable}, {"ambient", sets.Ambient},
	} {
		if extra := one.set &^ own; extra != 0 {
			warnings = append(warnings, (&field.Error{Path: at.Child(one.name),
				Detail: capabilityList(extra) + " cannot be granted: vial itself runs without them"}).Error())
		}
	}
	return warnings
}

func capabilityList(set uint64) string {
	var names []string
	for n, name := range capabilityNames {
		if set&(1<<n) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
