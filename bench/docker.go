package main

import (
	"encoding/json"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// dockerCapabilities are those that Docker gives to a container.
var dockerCapabilities = []string{
	"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
	"CAP_SETUID", "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
}

// cgroupParent holds the cgroups of containers with that config.
const cgroupParent = "vial-bench"

// dockerSpec is what `docker run IMAGE /true` hands to its runtime, without
// the hook that Docker uses for its network. Its seccomp profile is not in it.
func dockerSpec(bundle, name string) *specs.Spec {
	score := 0
	return &specs.Spec{
		Version: "1.2.1",
		Process: &specs.Process{
			Args: []string{"/true"},
			Env:  []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=bench"},
			Cwd:  "/",
			User: specs.User{AdditionalGids: []uint32{0}},
			Capabilities: &specs.LinuxCapabilities{
				Bounding: dockerCapabilities, Effective: dockerCapabilities, Permitted: dockerCapabilities,
			},
			OOMScoreAdj: &score,
		},
		Root:     &specs.Root{Path: filepath.Join(bundle, "rootfs")},
		Hostname: "bench",
		Mounts:   dockerMounts(bundle),
		Linux: &specs.Linux{
			CgroupsPath: "/" + cgroupParent + "/" + name,
			Sysctl: map[string]string{
				"net.ipv4.ip_unprivileged_port_start": "0",
				"net.ipv4.ping_group_range":           "0 2147483647",
			},
			Resources: &specs.LinuxResources{Devices: dockerDevices()},
			Namespaces: []specs.LinuxNamespace{
				{Type: specs.MountNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.UTSNamespace},
				{Type: specs.PIDNamespace}, {Type: specs.IPCNamespace}, {Type: specs.CgroupNamespace},
			},
			MaskedPaths: []string{
				"/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
				"/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats",
				"/sys/devices/virtual/powercap", "/sys/firmware",
			},
			ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	}
}

// dockerFiles are the files that Docker writes for a container and binds into it.
var dockerFiles = []string{"resolv.conf", "hostname", "hosts"}

func dockerMounts(bundle string) []specs.Mount {
	mounts := []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro", "nosuid", "noexec", "nodev"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=67108864"}},
	}
	for _, name := range dockerFiles {
		mounts = append(mounts, specs.Mount{
			Destination: "/etc/" + name, Type: "bind", Source: filepath.Join(bundle, name), Options: []string{"rbind", "rprivate"},
		})
	}
	return mounts
}

// dockerDevices denies all devices but the usual ones.
func dockerDevices() []specs.LinuxDeviceCgroup {
	rule := func(allow bool, major, minor int64) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: "c", Major: &major, Minor: &minor, Access: "rwm"}
	}
	return []specs.LinuxDeviceCgroup{
		{Access: "rwm"},
		rule(true, 1, 5), rule(true, 1, 3), rule(true, 1, 9), rule(true, 1, 8), rule(true, 5, 0), rule(true, 5, 1),
		rule(false, 10, 229),
	}
}

func dockerConfig(bundle, name string) ([]byte, error) {
	return json.MarshalIndent(dockerSpec(bundle, name), "", "\t")
}
