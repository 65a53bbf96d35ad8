package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// checkLater refuses by name every field that the spec has and vial does not
// act on yet. It is the one list of what is missing: who builds one of these
// takes its line away.
func checkLater(c *checker) {
	laterPlatforms(c)
	laterProcess(c)
	laterLinux(c)
	laterMounts(c)
	laterAnnotations(c)
}

// later refuses a field that is there and will be supported.
func (c *checker) later(there bool, parent field.Path, name, what string) {
	if there {
		c.refuse(parent.Child(name), "not supported yet: "+what)
	}
}

// laterPlatforms refuses what is for other systems. None of it will come.
func laterPlatforms(c *checker) {
	refuse := func(there bool, name string) {
		if there {
			c.refuse(field.At(name), "not supported: vial makes Linux containers only")
		}
	}
	refuse(c.spec.Solaris != nil, "solaris")
	refuse(c.spec.Windows != nil, "windows")
	refuse(c.spec.VM != nil, "vm")
	refuse(c.spec.ZOS != nil, "zos")
	refuse(c.spec.FreeBSD != nil, "freebsd")
	p := c.spec.Process
	if p == nil {
		return
	}
	if p.CommandLine != "" {
		c.warn(field.At("process", "commandLine"), "is for Windows: it is ignored")
	}
	if p.User.Username != "" {
		c.warn(field.At("process", "user", "username"), "is for Windows: it is ignored")
	}
}

func laterProcess(c *checker) {
	p := c.spec.Process
	if p == nil {
		return
	}
	at := field.At("process")
	c.later(p.ApparmorProfile != "", at, "apparmorProfile", "AppArmor profiles")
	c.later(p.SelinuxLabel != "", at, "selinuxLabel", "SELinux labels")
	c.later(p.Scheduler != nil, at, "scheduler", "scheduling policies")
	c.later(p.IOPriority != nil, at, "ioPriority", "I/O priorities")
	c.later(p.ExecCPUAffinity != nil, at, "execCPUAffinity", "the CPU affinity of exec")
}

func laterLinux(c *checker) {
	l := c.spec.Linux
	if l == nil {
		return
	}
	at := field.At("linux")
	c.later(len(l.UIDMappings) > 0, at, "uidMappings", "user namespaces")
	c.later(len(l.GIDMappings) > 0, at, "gidMappings", "user namespaces")
	c.later(len(l.NetDevices) > 0, at, "netDevices", "moving network devices")
	c.later(l.Seccomp != nil, at, "seccomp", "system call filters")
	c.later(l.MountLabel != "", at, "mountLabel", "SELinux labels")
	c.later(l.IntelRdt != nil, at, "intelRdt", "Intel RDT")
	c.later(l.MemoryPolicy != nil, at, "memoryPolicy", "NUMA memory policies")
	for i, ns := range l.Namespaces {
		switch {
		case ns.Type == specs.UserNamespace:
			c.later(true, at.Child("namespaces").Index(i), "type", "user namespaces")
		case ns.Path != "":
			c.later(true, at.Child("namespaces").Index(i), "path", "joining a namespace")
		}
	}
}

// laterMounts refuses id-mapped mounts; the options that ask for them are
// refused where options are understood.
func laterMounts(c *checker) {
	for i := range c.spec.Mounts {
		m := &c.spec.Mounts[i]
		if len(m.UIDMappings)+len(m.GIDMappings) == 0 {
			continue
		}
		at := field.At("mounts").Index(i)
		c.later(len(m.UIDMappings) > 0, at, "uidMappings", "id-mapped mounts")
		c.later(len(m.GIDMappings) > 0, at, "gidMappings", "id-mapped mounts")
	}
}

// laterAnnotations looks at the annotations with which other runtimes change
// what a container is. The spec has unknown ones ignored, but to run in a plain
// container what is meant for a virtual machine would be unsafe.
func laterAnnotations(c *checker) {
	for _, key := range slices.Sorted(maps.Keys(c.spec.Annotations)) {
		switch {
		case key == "":
			c.refuse(field.At("annotations").Key(key), "a key must not be empty")
		case nul(key) || nul(c.spec.Annotations[key]):
			c.refuse(field.At("annotations").Key(clipKey(key)), "must not hold a NUL")
		case key == "run.oci.handler":
			c.refuse(field.At("annotations").Key(key), "not supported: vial makes Linux containers only")
		case strings.HasPrefix(key, "run.oci."):
			c.warn(field.At("annotations").Key(clipKey(key)), "not supported: it is ignored")
		}
	}
}
