package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// needs skips a test where the host has not got a controller.
func needs(t *testing.T, controller string) {
	t.Helper()
	if bed.V2() {
		if !strings.Contains(" "+strings.Join(strings.Fields(readHost(t, "/sys/fs/cgroup/cgroup.controllers")), " ")+" ", " "+controller+" ") {
			bed.Skip(t, "this cgroup2 has no controller "+controller)
		}
		return
	}
	if !hierarchy(controller) {
		bed.Skip(t, "no cgroup hierarchy with the controller "+controller)
	}
}

// hierarchy tells whether a v1 hierarchy is mounted there; a host may have left
// the directory without one.
func hierarchy(name string) bool {
	_, err := os.Stat("/sys/fs/cgroup/" + name + "/cgroup.procs")
	return err == nil
}

func number[T any](n T) *T { return &n }

// TestResources looks at what is in the files of the container's cgroup. The
// values on cgroup2 are those of the spec's conversion.
func TestResources(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, controller string
		set              func(r *specs.LinuxResources)
		v1, v2           string // FILE VALUE, by spaces
	}{
		{"memory limit", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20))}
		}, "memory.limit_in_bytes 67108864", "memory.max 67108864"},
		{"memory reservation", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20)), Reservation: number(int64(32 << 20))}
		}, "memory.limit_in_bytes 67108864 memory.soft_limit_in_bytes 33554432", "memory.low 33554432"},
		{"memory swappiness", "memory", func(r *specs.LinuxResources) {
			r.Memory = &specs.LinuxMemory{Swappiness: number(uint64(17))}
		}, "memory.swappiness 17", ""},
		{"pids", "pids", func(r *specs.LinuxResources) {
			r.Pids = &specs.LinuxPids{Limit: number(int64(33))}
		}, "pids.max 33", "pids.max 33"},
		{"pids unlimited", "pids", func(r *specs.LinuxResources) {
			r.Pids = &specs.LinuxPids{Limit: number(int64(-1))}
		}, "pids.max max", "pids.max max"},
		{"cpu shares", "cpu", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Shares: number(uint64(512))}
		}, "cpu.shares 512", "cpu.weight 59"},
		{"cpu quota", "cpu", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Quota: number(int64(40000)), Period: number(uint64(80000))}
		}, "cpu.cfs_quota_us 40000 cpu.cfs_period_us 80000", "cpu.max 40000_80000"},
		{"cpuset", "cpuset", func(r *specs.LinuxResources) {
			r.CPU = &specs.LinuxCPU{Cpus: "0", Mems: "0"}
		}, "cpuset.cpus 0 cpuset.mems 0", "cpuset.cpus 0 cpuset.mems 0"},
		{"hugepages", "hugetlb", func(r *specs.LinuxResources) {
			r.HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 4 << 20}}
		}, "hugetlb.2MB.limit_in_bytes 4194304", "hugetlb.2MB.max 4194304"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			needs(t, c.controller)
			want := c.v1
			if bed.V2() {
				want = c.v2
			}
			if want == "" {
				bed.Skip(t, "cgroup2 has no such limit: "+c.name)
			}
			b := bed.New(t)
			c.set(b.Resources())
			b.Created("report")
			fields := strings.Fields(want)
			for i := 0; i < len(fields); i += 2 {
				if _, err := os.Stat(b.Cgroup(c.controller) + "/" + fields[i]); err != nil {
					bed.Skip(t, "this kernel has no "+fields[i])
				}
				same(t, fields[i], b.CgroupFile(c.controller, fields[i]), strings.ReplaceAll(fields[i+1], "_", " "))
			}
			b.Started()
		})
	}
}

// TestCgroup: the process is in its cgroups, the whole time, and in no other.
func TestCgroup(t *testing.T) {
	t.Parallel()
	t.Run("cgroupsPath", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		pid := b.Created("report")
		for line := range strings.Lines(readHost(t, "/proc/"+itoa(pid)+"/cgroup")) {
			parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
			if bed.V2() && parts[1] != "" {
				continue // hierarchies that this setting does not see
			}
			if parts[1] == "" && !bed.V2() {
				if _, err := os.Stat("/sys/fs/cgroup/unified"); err != nil {
					continue
				}
			}
			same(t, "the cgroup in "+parts[1], parts[2], "/"+b.ID)
		}
	})
	t.Run("cgroupsPath with a parent, which goes too if it was made", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.CgroupsPath = "/" + b.ID + "-parent/leaf"
		t.Cleanup(func() {
			dirs, _ := filepath.Glob("/sys/fs/cgroup/" + b.ID + "-parent")
			more, _ := filepath.Glob("/sys/fs/cgroup/*/" + b.ID + "-parent")
			for _, dir := range append(dirs, more...) {
				_ = os.Remove(dir)
			}
		})
		b.Created("report")
		group := filepath.Join(filepath.Dir(b.Cgroup("pids")), b.ID+"-parent", "leaf")
		if _, err := os.Stat(group); err != nil {
			t.Error(err)
		}
		b.Vial("delete", "--force", b.ID).OK()
		if _, err := os.Stat(group); err == nil {
			t.Error("the cgroup is left")
		}
	})
	t.Run("one that is there and empty may be used", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Must(os.Mkdir(b.Cgroup("pids"), 0o755))
		b.Process()
	})
	t.Run("one in which something runs may not", func(t *testing.T) {
		t.Parallel()
		b, other := bed.New(t), bed.New(t)
		other.Created("sleep")
		b.Spec.Linux.CgroupsPath = "/" + other.ID
		b.Run("report").Fails("linux.cgroupsPath: ", "container's cgroup is not empty")
		same(t, "the other container", other.Status(), "created")
	})
	t.Run("stays root's", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Process.User.UID = 1000
		b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		b.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev")
		b.Created("report")
		for _, name := range []string{"", "cgroup.procs"} {
			var st unix.Stat_t
			b.Must(unix.Stat(filepath.Join(b.Cgroup("pids"), name), &st))
			same(t, "the owner of "+name, st.Uid, 0)
		}
	})
	t.Run("dots are refused", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.CgroupsPath = "/../../" + b.ID
		b.Run("report").Fails("linux.cgroupsPath: ", `must not contain ".."`)
	})
}

// TestPidsLimitOne: the runtime itself needs no second place.
func TestPidsLimitOne(t *testing.T) {
	t.Parallel()
	needs(t, "pids")
	for _, verb := range []string{"run", "create"} {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Program(b.In("true"), bed.TrueELF())
			b.Spec.Process.Args = []string{"/true"}
			b.Resources().Pids = &specs.LinuxPids{Limit: number(int64(1))}
			if verb == "run" {
				b.RunSpec().OK()
				return
			}
			b.Created()
			same(t, "pids.max", b.CgroupFile("pids", "pids.max"), "1")
			b.Started()
		})
	}
}

// TestMemoryLimitSmall: a mebibyte is enough for the runtime, and for a true.
func TestMemoryLimitSmall(t *testing.T) {
	t.Parallel()
	needs(t, "memory")
	b := bed.New(t)
	b.Program(b.In("true"), bed.TrueELF())
	b.Spec.Process.Args = []string{"/true"}
	b.Resources().Memory = &specs.LinuxMemory{Limit: number(int64(1 << 20))}
	b.RunSpec().OK()
}
