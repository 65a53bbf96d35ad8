package config

import (
	"io/fs"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

func TestRefusesDevices(t *testing.T) {
	list := func(devices ...specs.LinuxDevice) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Devices = devices }
	}
	fuse := func(change func(*specs.LinuxDevice)) func(*specs.Spec) {
		d := specs.LinuxDevice{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}
		change(&d)
		return list(d)
	}
	refuses(t, []refusal{
		{"no type", fuse(func(d *specs.LinuxDevice) { d.Type = "" }),
			`linux.devices[0].type: invalid device type "": want c, b, u or p`},
		{"a type and a number", fuse(func(d *specs.LinuxDevice) { d.Type = "b 8:0" }),
			`linux.devices[0].type: invalid device type "b 8:0": want c, b, u or p`},
		{"no path", fuse(func(d *specs.LinuxDevice) { d.Path = "" }), "linux.devices[0].path: is required"},
		{"a relative path", fuse(func(d *specs.LinuxDevice) { d.Path = "dev/x" }),
			`linux.devices[0].path: "dev/x" must be an absolute path`},
		{"a path upwards", fuse(func(d *specs.LinuxDevice) { d.Path = "/dev/../x" }),
			`linux.devices[0].path: "/dev/../x" must not contain ".."`},
		{"the root", fuse(func(d *specs.LinuxDevice) { d.Path = "//" }), `linux.devices[0].path: "//" is the container's root`},
		{"numbers", fuse(func(d *specs.LinuxDevice) { d.Major, d.Minor = -1, 1<<20 }),
			"linux.devices[0].major: -1 is out of range (0 to 4095); linux.devices[0].minor: 1048576 is out of range (0 to 1048575)"},
		{"a mode of another type", fuse(func(d *specs.LinuxDevice) { d.FileMode = pointer(fs.FileMode(0o60666)) }),
			"linux.devices[0].fileMode: 25014 (octal 60666) has bits that are no permissions"},
		{"an owner of -1", fuse(func(d *specs.LinuxDevice) { d.UID = pointer(uint32(1<<32 - 1)) }),
			"linux.devices[0].uid: 4294967295 is no id: the kernel takes it for -1"},
		{"another /dev/null", fuse(func(d *specs.LinuxDevice) { d.Path = "/dev//null" }),
			`linux.devices[0].path: "/dev/null" is in every container, as another device`},
		{"one path for two", list(
			specs.LinuxDevice{Path: "/dev/x", Type: "c", Major: 1}, specs.LinuxDevice{Path: "/dev/x/", Type: "b", Major: 1}),
			`linux.devices[1].path: "/dev/x" is another device in linux.devices[0]`},
	})
}

func TestDevices(t *testing.T) {
	cfg := accepted(t, func(s *specs.Spec) {
		s.Linux.Devices = []specs.LinuxDevice{
			{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229},
			{Path: "/dev//sda", Type: "b", Major: 8, FileMode: pointer(fs.FileMode(0o660)), UID: pointer(uint32(1)), GID: pointer(uint32(6))},
			{Path: "/run/pipe", Type: "p", Major: -1, Minor: 7, FileMode: pointer(fs.FileMode(0o10600))},
			{Path: "/dev/null", Type: "u", Major: 1, Minor: 3, FileMode: pointer(fs.FileMode(0))},
			{Path: "/dev/fuse", Type: "u", Major: 10, Minor: 229},
		}
	})
	want := []Device{
		{Path: "/dev/fuse", Mode: unix.S_IFCHR | 0o666, Major: 10, Minor: 229},
		{Path: "/dev/sda", Mode: unix.S_IFBLK | 0o660, Major: 8, UID: 1, GID: 6},
		{Path: "/run/pipe", Mode: unix.S_IFIFO | 0o600},
		{Path: "/dev/null", Mode: unix.S_IFCHR, Major: 1, Minor: 3},
		{Path: "/dev/fuse", Mode: unix.S_IFCHR | 0o666, Major: 10, Minor: 229},
	}
	if !reflect.DeepEqual(cfg.Devices, want) {
		t.Errorf("got %+v", cfg.Devices)
	}
}

func TestRefusesSysctl(t *testing.T) {
	set := func(key, value string) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Sysctl = map[string]string{key: value} }
	}
	without := func(i int, key string) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Hostname = ""
			s.Linux.Sysctl = map[string]string{key: "1"}
			s.Linux.Namespaces = append(s.Linux.Namespaces[:i:i], s.Linux.Namespaces[i+1:]...)
		}
	}
	cases := []refusal{
		{"the host's", set("kernel.core_pattern", "x"),
			`linux.sysctl["kernel.core_pattern"]: sysctl "kernel.core_pattern" is not in a separate kernel namespace`},
		{"the host's filesystem", set("fs.file-max", "1"),
			`linux.sysctl["fs.file-max"]: sysctl "fs.file-max" is not in a separate kernel namespace`},
		{"a prefix alone", set("network.x", "1"),
			`linux.sysctl["network.x"]: sysctl "network.x" is not in a separate kernel namespace`},
		{"the hostname", set("kernel.hostname", "x"),
			`linux.sysctl["kernel.hostname"]: sysctl "kernel.hostname" is not allowed as it conflicts with the OCI "hostname" field`},
		{"ucounts", set("user.max_user_namespaces", "1"),
			`linux.sysctl["user.max_user_namespaces"]: setting ucounts without a user namespace not allowed: user.max_user_namespaces`},
		{"net without a namespace", without(1, "net.ipv4.ip_forward"),
			`linux.sysctl["net.ipv4.ip_forward"]: sysctl "net.ipv4.ip_forward" not allowed in host network namespace`},
		{"ipc without a namespace", without(2, "kernel.shmmax"),
			`linux.sysctl["kernel.shmmax"]: sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace`},
		{"mqueue without a namespace", without(2, "fs/mqueue/msg_max"),
			`linux.sysctl["fs/mqueue/msg_max"]: sysctl "fs/mqueue/msg_max" is not allowed in the hosts ipc namespace`},
		{"domain without a namespace", without(3, "kernel.domainname"),
			`linux.sysctl["kernel.domainname"]: sysctl "kernel.domainname" is not in a separate kernel namespace`},
		{"a trailing slash", set("kernel.shm_rmid_forced/", "1"),
			`linux.sysctl["kernel.shm_rmid_forced/"]: sysctl "kernel.shm_rmid_forced/" is not in a separate kernel namespace`},
		{"two lines", set("net.x", "1\n2"), `linux.sysctl["net.x"]: "1\n2": a value is one line, of at most 4095 bytes`},
		{"the same twice", func(s *specs.Spec) {
			s.Linux.Sysctl = map[string]string{"net.ipv4.x": "1", "net/ipv4/x": "2"}
		}, `linux.sysctl["net/ipv4/x"]: is the same as "net.ipv4.x"`},
		{"4 KiB", set("net."+strings.Repeat("x", 4096), "1"),
			`linux.sysctl["net.` + strings.Repeat("x", 76) + `…"]: is no name of a sysctl`},
	}
	for _, key := range []string{
		"", "net", ".net", "net.", "net..x", "net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern",
		"net/./x", "net//x", "net.x+kernel.core_pattern", "net.x=1", "net.x y", "net.é",
	} {
		cases = append(cases, refusal{key, set(key, "1"), `linux.sysctl["` + key + `"]: is no name of a sysctl`})
	}
	cases = append(cases, refusal{"a newline", set("net.x\n", "1"), `linux.sysctl["net.x\n"]: is no name of a sysctl`})
	refuses(t, cases)
}

func TestSysctl(t *testing.T) {
	cfg := accepted(t, func(s *specs.Spec) {
		s.Linux.Sysctl = map[string]string{
			"net.ipv4.ip_forward": "1", "net/ipv4/conf/eth0.1/forwarding": "0", "net.ipv4.conf.eth0/2.forwarding": "",
			"kernel.sem": "250\t32000", "kernel.domainname": "d", "fs.mqueue.msg_max": "10",
		}
	})
	want := []Sysctl{
		{"fs.mqueue.msg_max", "fs/mqueue/msg_max", "10"},
		{"kernel.domainname", "kernel/domainname", "d"},
		{"kernel.sem", "kernel/sem", "250\t32000"},
		{"net.ipv4.conf.eth0/2.forwarding", "net/ipv4/conf/eth0.2/forwarding", ""},
		{"net.ipv4.ip_forward", "net/ipv4/ip_forward", "1"},
		{"net/ipv4/conf/eth0.1/forwarding", "net/ipv4/conf/eth0.1/forwarding", "0"},
	}
	if !reflect.DeepEqual(cfg.Sysctl, want) {
		t.Errorf("got %q", cfg.Sysctl)
	}
}

func TestRootPropagation(t *testing.T) {
	for word, want := range map[string]uint64{
		"": 0, "shared": 1 << 20, "rshared": 1<<20 | 1<<14, "slave": 1 << 19, "rslave": 1<<19 | 1<<14,
		"private": 1 << 18, "rprivate": 1<<18 | 1<<14, "unbindable": 1 << 17, "runbindable": 1<<17 | 1<<14,
	} {
		cfg := accepted(t, func(s *specs.Spec) { s.Linux.RootfsPropagation = word })
		if cfg.RootPropagation != want {
			t.Errorf("%s: %#x, want %#x", word, cfg.RootPropagation, want)
		}
	}
}

// TestMoreAccess: letters that mean nothing give nothing.
func TestMoreAccess(t *testing.T) {
	s := Default()
	s.Linux.Resources = &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwa"}}}
	cfg, err := FromSpec(s)
	if err != nil {
		t.Fatal(err)
	}
	wantWarnings(t, cfg, `linux.resources.devices[0].access: "rwa" holds more than r, w and m: the rest is ignored`)
}

func TestRefusesCgroups(t *testing.T) {
	rule := func(r specs.LinuxDeviceCgroup) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Resources.Devices[0] = r }
	}
	with := func(change func(*specs.LinuxResources)) func(*specs.Spec) {
		return func(s *specs.Spec) { change(s.Linux.Resources) }
	}
	memory := func(m specs.LinuxMemory) func(*specs.Spec) {
		return with(func(r *specs.LinuxResources) { r.Memory = &m })
	}
	cpu := func(c specs.LinuxCPU) func(*specs.Spec) {
		return with(func(r *specs.LinuxResources) { r.CPU = &c })
	}
	blkio := func(b specs.LinuxBlockIO) func(*specs.Spec) {
		return with(func(r *specs.LinuxResources) { r.BlockIO = &b })
	}
	path := func(p string) func(*specs.Spec) { return func(s *specs.Spec) { s.Linux.CgroupsPath = p } }
	unified := func(key, value string) func(*specs.Spec) {
		return with(func(r *specs.LinuxResources) { r.Unified = map[string]string{key: value} })
	}
	refuses(t, []refusal{
		{"a path upwards", path("/a/../.."), `linux.cgroupsPath: "/a/../.." must not contain ".."`},
		{"a path with a newline", path("a\n"), `linux.cgroupsPath: "a\n" holds a control character`},
		{"a path with a NUL", path("a\x00"), `linux.cgroupsPath: "a\x00" holds a control character`},
		{"an endless path", path(strings.Repeat("a", 4096)),
			`linux.cgroupsPath: "` + strings.Repeat("a", 80) + `" (4096 bytes) is longer than a path can be`},
		{"a rule for pipes", rule(specs.LinuxDeviceCgroup{Type: "p", Access: "r"}),
			`linux.resources.devices[0].type: invalid cgroup device type "p"`},
		{"a rule without access", rule(specs.LinuxDeviceCgroup{Type: "c"}),
			"linux.resources.devices[0].access: device access at 0 field cannot be empty"},
		{"a rule with other access", rule(specs.LinuxDeviceCgroup{Access: "x"}),
			`linux.resources.devices[0].access: "x" holds more than r, w and m`},
		{"a rule without any access that there is", rule(specs.LinuxDeviceCgroup{Allow: true, Access: "a"}),
			`linux.resources.devices[0].access: "a" holds more than r, w and m`},
		{"a rule for all that names one", rule(specs.LinuxDeviceCgroup{Allow: true, Access: "r", Major: pointer(int64(10))}),
			`linux.resources.devices[0].type: must be "c" or "b" where a device has a number`},
		{"a rule out of range", rule(specs.LinuxDeviceCgroup{Type: "c", Access: "r", Major: pointer(int64(-2)), Minor: pointer(int64(1 << 32))}),
			"linux.resources.devices[0].major: -2 is out of range (-1 to 4294967295); " +
				"linux.resources.devices[0].minor: 4294967296 is out of range (-1 to 4294967295)"},
		{"memory", memory(specs.LinuxMemory{Limit: pointer(int64(-2)), Swappiness: pointer(uint64(101))}),
			"linux.resources.memory.limit: -2 is out of range: want -1 for no limit, or more; " +
				"linux.resources.memory.swappiness: 101 is out of range (0 to 100)"},
		{"less swap than memory", memory(specs.LinuxMemory{Limit: pointer(int64(2)), Swap: pointer(int64(1))}),
			"linux.resources.memory.swap: memory+swap limit should be >= memory limit"},
		{"cpu", cpu(specs.LinuxCPU{Quota: pointer(int64(1)), Burst: pointer(uint64(2)), Idle: pointer(int64(2)), Cpus: "0-3;", Mems: ",1"}),
			"linux.resources.cpu.burst: 2 is more than quota, which is 1; " +
				`linux.resources.cpu.cpus: "0-3;" is no list such as 0-3,7; ` +
				"linux.resources.cpu.idle: 2 is out of range (0 or 1); " +
				`linux.resources.cpu.mems: ",1" is no list such as 0-3,7`},
		{"pids", with(func(r *specs.LinuxResources) { r.Pids = &specs.LinuxPids{Limit: pointer(int64(-2))} }),
			"linux.resources.pids.limit: -2 is out of range: want -1 for no limit, or more"},
		{"a weight", blkio(specs.LinuxBlockIO{Weight: pointer(uint16(9)), WeightDevice: make([]specs.LinuxWeightDevice, 1)}),
			"linux.resources.blockIO.weight: 9 is out of range (10 to 1000); " +
				"linux.resources.blockIO.weightDevice[0]: want a weight or a leafWeight"},
		{"a throttled device", blkio(specs.LinuxBlockIO{ThrottleWriteIOPSDevice: []specs.LinuxThrottleDevice{
			{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: -1}}}}),
			"linux.resources.blockIO.throttleWriteIOPSDevice[0].major: -1 is out of range (0 to 4095)"},
		{"huge pages", with(func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB"}, {Pagesize: "../x"}, {Pagesize: "2MB"}, {Pagesize: "0KB"}}
		}), `linux.resources.hugepageLimits[1].pageSize: "../x" is no size such as 64KB, 2MB or 1GB; ` +
			`linux.resources.hugepageLimits[2].pageSize: "2MB" comes twice; ` +
			`linux.resources.hugepageLimits[3].pageSize: "0KB" is no size such as 64KB, 2MB or 1GB`},
		{"network", with(func(r *specs.LinuxResources) {
			r.Network = &specs.LinuxNetwork{Priorities: []specs.LinuxInterfacePriority{{Name: "a b"}}}
		}), `linux.resources.network.priorities[0].name: "a b" is no name of a network interface`},
		{"rdma", with(func(r *specs.LinuxResources) { r.Rdma = map[string]specs.LinuxRdma{"a b": {}} }),
			`linux.resources.rdma["a b"]: is no name of a device; linux.resources.rdma["a b"]: want hcaHandles or hcaObjects`},
		{"unified with a slash", unified("../memory.max", "1"),
			`linux.resources.unified["../memory.max"]: unified resource "../memory.max" must be a file name (no slashes)`},
		{"unified without a dot", unified("memory", "1"),
			`linux.resources.unified["memory"]: unified resource "memory" must be in the form CONTROLLER.PARAMETER`},
		{"unified upwards", unified("..", "1"),
			`linux.resources.unified[".."]: unified resource ".." must be in the form CONTROLLER.PARAMETER`},
		{"unified with a NUL", unified("memory.max", "\x00"), `linux.resources.unified["memory.max"]: must not hold a NUL`},
	})
}

func TestCgroups(t *testing.T) {
	for _, path := range []string{"", "/a/b", "a", "user.slice:vial:id", "/a..b"} {
		accepted(t, func(s *specs.Spec) { s.Linux.CgroupsPath = path })
	}
	accepted(t, func(s *specs.Spec) {
		s.Linux.Resources = &specs.LinuxResources{
			Devices: []specs.LinuxDeviceCgroup{
				{Access: "rwm"}, {Type: "a", Access: "m", Major: pointer(int64(-1)), Minor: pointer(int64(-1))},
				{Type: "c", Access: "r", Major: pointer(int64(10)), Minor: pointer(int64(-1))},
			},
			Memory:         &specs.LinuxMemory{Limit: pointer(int64(-1)), Swap: pointer(int64(0)), Swappiness: pointer(uint64(100))},
			CPU:            &specs.LinuxCPU{Quota: pointer(int64(-1)), Burst: pointer(uint64(9)), Cpus: "0-3,7", Mems: "0"},
			Pids:           &specs.LinuxPids{Limit: pointer(int64(0))},
			BlockIO:        &specs.LinuxBlockIO{Weight: pointer(uint16(0)), LeafWeight: pointer(uint16(1000))},
			HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "64KB"}, {Pagesize: "1GB"}},
			Rdma:           map[string]specs.LinuxRdma{"mlx5_1": {HcaHandles: pointer(uint32(3))}},
			Unified:        map[string]string{"io.max": "259:0 rbps=1\n253:0 rbps=2", "hugetlb.1GB.max": "1"},
		}
	})
}

// What later work will bring is refused by name, each in one line.
func TestLater(t *testing.T) {
	process := func(change func(*specs.Process)) func(*specs.Spec) {
		return func(s *specs.Spec) { change(s.Process) }
	}
	linux := func(change func(*specs.Linux)) func(*specs.Spec) {
		return func(s *specs.Spec) { change(s.Linux) }
	}
	refuses(t, []refusal{
		{"AppArmor", process(func(p *specs.Process) { p.ApparmorProfile = "x" }),
			"process.apparmorProfile: not supported yet: AppArmor profiles"},
		{"SELinux", process(func(p *specs.Process) { p.SelinuxLabel = "x" }),
			"process.selinuxLabel: not supported yet: SELinux labels"},
		{"scheduler", process(func(p *specs.Process) { p.Scheduler = &specs.Scheduler{} }),
			"process.scheduler: not supported yet: scheduling policies"},
		{"ioPriority", process(func(p *specs.Process) { p.IOPriority = &specs.LinuxIOPriority{} }),
			"process.ioPriority: not supported yet: I/O priorities"},
		{"execCPUAffinity", process(func(p *specs.Process) { p.ExecCPUAffinity = &specs.CPUAffinity{} }),
			"process.execCPUAffinity: not supported yet: the CPU affinity of exec"},
		{"maps", linux(func(l *specs.Linux) { l.UIDMappings = make([]specs.LinuxIDMapping, 1); l.GIDMappings = l.UIDMappings }),
			"linux.gidMappings: not supported yet: user namespaces; linux.uidMappings: not supported yet: user namespaces"},
		{"netDevices", linux(func(l *specs.Linux) { l.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} }),
			"linux.netDevices: not supported yet: moving network devices"},
		{"seccomp", linux(func(l *specs.Linux) { l.Seccomp = &specs.LinuxSeccomp{} }),
			"linux.seccomp: not supported yet: system call filters"},
		{"mountLabel", linux(func(l *specs.Linux) { l.MountLabel = "x" }),
			"linux.mountLabel: not supported yet: SELinux labels"},
		{"intelRdt", linux(func(l *specs.Linux) { l.IntelRdt = &specs.LinuxIntelRdt{} }),
			"linux.intelRdt: not supported yet: Intel RDT"},
		{"memoryPolicy", linux(func(l *specs.Linux) { l.MemoryPolicy = &specs.LinuxMemoryPolicy{} }),
			"linux.memoryPolicy: not supported yet: NUMA memory policies"},
		{"a handler", func(s *specs.Spec) { s.Annotations = map[string]string{"run.oci.handler": "krun"} },
			`annotations["run.oci.handler"]: not supported: vial makes Linux containers only`},
	})
	cfg := accepted(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{}
		s.Annotations = map[string]string{"run.oci.x": "", "org.systemd.property.Y": "", "com.example": "z"}
	})
	wantWarnings(t, cfg, `annotations["run.oci.x"]: not supported: it is ignored`)
}

func TestAnnotations(t *testing.T) {
	refuses(t, []refusal{
		{"an empty key", func(s *specs.Spec) { s.Annotations = map[string]string{"": "x"} }, `annotations[""]: a key must not be empty`},
	})
	t.Run("a number", func(t *testing.T) {
		_, err := Parse([]byte(`{"annotations":{"a":1}}`))
		wantError(t, err, `config.json: line 1:21: annotations["a"]: want a string, found 1`)
	})
	for name, annotations := range map[string]map[string]string{
		"of the image": {"org.opencontainers.image.stopSignal": "no signal", "org.opencontainers.new": "x"},
		"unknown":      {"x": "", "com.example.key": "value\n"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := accepted(t, func(s *specs.Spec) { s.Annotations = annotations })
			wantWarnings(t, cfg)
			if !maps.Equal(cfg.Spec.Annotations, annotations) {
				t.Errorf("got %v", cfg.Spec.Annotations)
			}
		})
	}
}
