package config

import (
	"github.com/opencontainers/runtime-spec/specs-go"
)

var specFields = []string{
	"ociVersion", "process", "root", "hostname", "domainname", "mounts", "hooks", "annotations",
	"linux", "solaris", "windows", "vm", "zos", "freebsd",
}

func readSpec(d *decoder, s *specs.Spec) {
	for key := range d.object {
		switch key {
		case "ociVersion":
			readText(d, &s.Version)
		case "process":
			readOptional(d, &s.Process, readProcess)
		case "root":
			readOptional(d, &s.Root, readRoot)
		case "hostname":
			readText(d, &s.Hostname)
		case "domainname":
			readText(d, &s.Domainname)
		case "mounts":
			readList(d, &s.Mounts, readMount)
		case "hooks":
			readOptional(d, &s.Hooks, readHooks)
		case "annotations":
			readTable(d, &s.Annotations, readText)
		case "linux":
			readOptional(d, &s.Linux, readLinux)
		case "solaris":
			readForeign(d, &s.Solaris)
		case "windows":
			readForeign(d, &s.Windows)
		case "vm":
			readForeign(d, &s.VM)
		case "zos":
			readForeign(d, &s.ZOS)
		case "freebsd":
			readForeign(d, &s.FreeBSD)
		default:
			d.unknown(key, specFields)
		}
	}
}

var linuxFields = []string{
	"uidMappings", "gidMappings", "sysctl", "resources", "cgroupsPath", "namespaces", "devices",
	"netDevices", "seccomp", "rootfsPropagation", "maskedPaths", "readonlyPaths", "mountLabel",
	"intelRdt", "memoryPolicy", "personality", "timeOffsets",
}

func readLinux(d *decoder, l *specs.Linux) {
	for key := range d.object {
		switch key {
		case "uidMappings":
			readList(d, &l.UIDMappings, readIDMapping)
		case "gidMappings":
			readList(d, &l.GIDMappings, readIDMapping)
		case "sysctl":
			readTable(d, &l.Sysctl, readText)
		case "resources":
			readOptional(d, &l.Resources, readResources)
		case "cgroupsPath":
			readText(d, &l.CgroupsPath)
		case "namespaces":
			readList(d, &l.Namespaces, readNamespace)
		case "devices":
			readList(d, &l.Devices, readDevice)
		case "netDevices":
			readTable(d, &l.NetDevices, readNetDevice)
		case "seccomp":
			readOptional(d, &l.Seccomp, readSeccomp)
		case "rootfsPropagation":
			readText(d, &l.RootfsPropagation)
		case "maskedPaths":
			readTexts(d, &l.MaskedPaths)
		case "readonlyPaths":
			readTexts(d, &l.ReadonlyPaths)
		case "mountLabel":
			readText(d, &l.MountLabel)
		case "intelRdt":
			readOptional(d, &l.IntelRdt, readIntelRdt)
		case "memoryPolicy":
			readOptional(d, &l.MemoryPolicy, readMemoryPolicy)
		case "personality":
			readOptional(d, &l.Personality, readPersonality)
		case "timeOffsets":
			readTable(d, &l.TimeOffsets, readTimeOffset)
		default:
			d.unknown(key, linuxFields)
		}
	}
}
