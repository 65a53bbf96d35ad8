package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestProcess(t *testing.T) {
	process := func(change func(*specs.Process)) func(*specs.Spec) {
		return func(s *specs.Spec) { change(s.Process) }
	}
	refuses(t, []refusal{
		{"none", func(s *specs.Spec) { s.Process = nil }, "process: is required: it says what the container runs"},
		{"no args", process(func(p *specs.Process) { p.Args = nil }),
			"process.args: must not be empty: it says what the container runs"},
		{"an empty command", process(func(p *specs.Process) { p.Args = []string{""} }),
			`process.args[0]: exec: "": executable file not found in $PATH`},
		{"a NUL in an argument", process(func(p *specs.Process) { p.Args = []string{"a", "b\x00"} }),
			"process.args[1]: must not hold a NUL"},
		{"no cwd", process(func(p *specs.Process) { p.Cwd = "" }), "process.cwd: is required"},
		{"a relative cwd", process(func(p *specs.Process) { p.Cwd = "home" }),
			`process.cwd: "home" must be an absolute path`},
		{"a NUL in the cwd", process(func(p *specs.Process) { p.Cwd = "/\x00" }), "process.cwd: must not hold a NUL"},
		{"env without '='", process(func(p *specs.Process) { p.Env = []string{"A=b", "SECRET"} }),
			"process.env[1]: want NAME=value, there is no '='"},
		{"env without a name", process(func(p *specs.Process) { p.Env = []string{"=b"} }),
			"process.env[0]: want NAME=value, the name is empty"},
		{"an empty env", process(func(p *specs.Process) { p.Env = []string{""} }),
			"process.env[0]: want NAME=value, there is no '='"},
		{"a NUL in env", process(func(p *specs.Process) { p.Env = []string{"A=\x00"} }), "process.env[0]: must not hold a NUL"},
		{"ids of -1", process(func(p *specs.Process) {
			p.User = specs.User{UID: 1<<32 - 1, GID: 1<<32 - 1, AdditionalGids: []uint32{0, 1<<32 - 1}}
		}), "process.user.additionalGids[1]: 4294967295 is no id: the kernel takes it for -1; " +
			"process.user.gid: 4294967295 is no id: the kernel takes it for -1; " +
			"process.user.uid: 4294967295 is no id: the kernel takes it for -1"},
		{"too many groups", process(func(p *specs.Process) { p.User.AdditionalGids = make([]uint32, maxGroups+1) }),
			"process.user.additionalGids: more than 65536 groups"},
		{"a umask of 01000", process(func(p *specs.Process) { p.User.Umask = pointer(uint32(0o1000)) }),
			"process.user.umask: 512 (octal 1000) is out of range (0 to octal 777)"},
		{"an oom score", process(func(p *specs.Process) { p.OOMScoreAdj = pointer(1001) }),
			"process.oomScoreAdj: 1001 is out of range (-1000 to 1000)"},
		{"a low oom score", process(func(p *specs.Process) { p.OOMScoreAdj = pointer(-1001) }),
			"process.oomScoreAdj: -1001 is out of range (-1000 to 1000)"},
		{"a huge terminal", process(func(p *specs.Process) { p.ConsoleSize = &specs.Box{Width: 65536} }),
			"process.consoleSize: is out of range (0 to 65535)"},
	})
	accepted(t, process(func(p *specs.Process) {
		p.Terminal, p.ConsoleSize = false, &specs.Box{Width: 65536}
		p.OOMScoreAdj = pointer(-1000)
		p.User.Umask = pointer(uint32(0o777))
		p.Env = []string{"A=", "B=c=d\ne"}
	}))
	cfg := accepted(t, process(func(p *specs.Process) { p.CommandLine, p.User.Username = "dir", "me" }))
	wantWarnings(t, cfg, "process.commandLine: is for Windows: it is ignored",
		"process.user.username: is for Windows: it is ignored")
}

func TestCapabilities(t *testing.T) {
	sets := func(change func(*specs.LinuxCapabilities)) func(*specs.Spec) {
		return func(s *specs.Spec) { change(s.Process.Capabilities) }
	}
	for _, c := range []struct {
		name   string
		change func(*specs.LinuxCapabilities)
		want   Capabilities
		warns  []string
	}{
		{"unknown", func(c *specs.LinuxCapabilities) { c.Bounding[1], c.Ambient = "CAP_X", []string{"kill"} },
			Capabilities{Bounding: 1<<29 | 1<<10, Effective: 1<<29 | 1<<5 | 1<<10, Permitted: 1<<29 | 1<<5 | 1<<10},
			[]string{`process.capabilities.bounding[1]: "CAP_X" is no capability: it is not granted`,
				`process.capabilities.ambient[0]: "kill" is no capability: it is not granted`}},
		{"effective, not permitted", func(c *specs.LinuxCapabilities) { c.Effective = []string{"CAP_KILL", "CAP_BPF", "CAP_MKNOD"} },
			Capabilities{Bounding: 1<<29 | 1<<5 | 1<<10, Effective: 1 << 5, Permitted: 1<<29 | 1<<5 | 1<<10},
			[]string{"process.capabilities.effective: CAP_MKNOD, CAP_BPF cannot be granted: the kernel wants them in permitted too"}},
		{"inheritable, not bounding", func(c *specs.LinuxCapabilities) { c.Inheritable = []string{"CAP_BPF", "CAP_KILL"} },
			Capabilities{Bounding: 1<<29 | 1<<5 | 1<<10, Effective: 1<<29 | 1<<5 | 1<<10, Permitted: 1<<29 | 1<<5 | 1<<10, Inheritable: 1 << 5},
			[]string{"process.capabilities.inheritable: CAP_BPF cannot be granted: the kernel wants them in bounding too"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := accepted(t, sets(c.change))
			wantWarnings(t, cfg, c.warns...)
			if cfg.Capabilities != c.want {
				t.Errorf("got %+v", cfg.Capabilities)
			}
		})
	}
	t.Run("vial has fewer", func(t *testing.T) {
		cfg := accepted(t, sets(func(c *specs.LinuxCapabilities) { c.Bounding = []string{"CAP_KILL", "CAP_SYS_RESOURCE"} }))
		got := strings.Join(cfg.BeyondOwn(1<<5|1<<29), "\n")
		if want := "process.capabilities.bounding: CAP_SYS_RESOURCE cannot be granted: vial itself runs without them\n" +
			"process.capabilities.effective: CAP_NET_BIND_SERVICE cannot be granted: vial itself runs without them\n" +
			"process.capabilities.permitted: CAP_NET_BIND_SERVICE cannot be granted: vial itself runs without them"; got != want {
			t.Errorf("got\n%s", got)
		}
		if more := cfg.BeyondOwn(1<<41 - 1); len(more) > 0 {
			t.Error(more)
		}
	})
	cfg := accepted(t, sets(func(c *specs.LinuxCapabilities) {
		c.Inheritable = []string{"CAP_KILL"}
		c.Ambient = []string{"CAP_KILL", "CAP_AUDIT_WRITE"}
	}))
	wantWarnings(t, cfg, "process.capabilities.ambient: can't raise ambient capability CAP_AUDIT_WRITE: the kernel wants it in permitted and inheritable too")
	if cfg.Capabilities.Ambient != 1<<5 {
		t.Errorf("ambient: %#x", cfg.Capabilities.Ambient)
	}
	cfg = accepted(t, func(s *specs.Spec) { s.Process.Capabilities = nil })
	if cfg.Capabilities != (Capabilities{}) {
		t.Errorf("without the object: %+v", cfg.Capabilities)
	}
	names := CapabilityNames()
	if len(names) != 41 || len(slices.Compact(slices.Sorted(slices.Values(names)))) != 41 {
		t.Errorf("%d names", len(names))
	}
	// Numbers of linux/capability.h.
	for name, want := range map[string]int{
		"CAP_CHOWN": 0, "CAP_KILL": 5, "CAP_SETPCAP": 8, "CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21,
		"CAP_MKNOD": 27, "CAP_AUDIT_WRITE": 29, "CAP_SETFCAP": 31, "CAP_SYSLOG": 34, "CAP_AUDIT_READ": 37,
		"CAP_PERFMON": 38, "CAP_BPF": 39, "CAP_CHECKPOINT_RESTORE": 40,
	} {
		if n, ok := CapabilityNumber(name); !ok || n != want {
			t.Errorf("%s: %d", name, n)
		}
	}
}

func TestRlimits(t *testing.T) {
	limits := func(list ...specs.POSIXRlimit) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Process.Rlimits = list }
	}
	refuses(t, []refusal{
		{"unknown", limits(specs.POSIXRlimit{Type: "RLIMIT_FOO"}),
			`process.rlimits[0].type: wrong rlimit value: "RLIMIT_FOO"`},
		{"twice", limits(specs.POSIXRlimit{Type: "RLIMIT_CPU"}, specs.POSIXRlimit{Type: "RLIMIT_CPU"}),
			"process.rlimits[1].type: RLIMIT_CPU comes twice"},
		{"soft above hard", limits(specs.POSIXRlimit{Type: "RLIMIT_CPU", Soft: 2, Hard: 1}),
			"process.rlimits[0].soft: 2 is more than hard, which is 1"},
	})
	var all []specs.POSIXRlimit
	names := strings.Fields("CPU FSIZE DATA STACK CORE RSS NPROC NOFILE MEMLOCK AS LOCKS SIGPENDING MSGQUEUE NICE RTPRIO RTTIME")
	for _, name := range names {
		all = append(all, specs.POSIXRlimit{Type: "RLIMIT_" + name, Soft: 3, Hard: 1<<64 - 1})
	}
	cfg := accepted(t, limits(all...))
	for i, l := range cfg.Rlimits {
		if want := (Rlimit{Resource: i, Name: all[i].Type, Soft: 3, Hard: 1<<64 - 1}); l != want {
			t.Errorf("got %+v, want %+v", l, want)
		}
	}
}
