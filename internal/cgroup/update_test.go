package cgroup

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

func limited(memory, swap, pids, quota int64, cpus string) *specs.LinuxResources {
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{Limit: &memory, Swap: &swap}, Pids: &specs.LinuxPids{Limit: &pids},
		CPU: &specs.LinuxCPU{Quota: &quota, Period: ptr(uint64(100000)), Cpus: cpus},
	}
}

// files are what the limits above come to.
func (p *Plan) limits(t *testing.T) string {
	t.Helper()
	names := []string{"memory memory.limit_in_bytes", "memory memory.memsw.limit_in_bytes", "pids pids.max", "cpu cpu.cfs_quota_us", "cpu cpu.cfs_period_us", "cpuset cpuset.cpus"}
	if p.v2() {
		names = []string{" memory.max", " memory.swap.max", " pids.max", " cpu.max", " cpuset.cpus"}
	}
	var all []string
	for _, name := range names {
		controller, file, _ := strings.Cut(name, " ")
		text, err := os.ReadFile(p.Paths()[controller] + "/" + file)
		if errors.Is(err, os.ErrNotExist) {
			text = []byte("-")
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.TrimSpace(string(text)))
	}
	return strings.Join(all, " ")
}

// TestUpdate moves limits up and down, in pairs that the kernel takes in one
// order only; one that it refuses leaves all as it was.
func TestUpdate(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 {
			needControllers(t, "/sys/fs/cgroup", "memory", "pids", "cpu", "cpuset")
		}
		const mb = 1 << 20
		p := plan(t, facts, name(t), limited(64*mb, 96*mb, 50, 50000, "0"))
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		if got := enter(t, p, "stay").line(t); got != "here" {
			t.Fatal(got)
		}
		for _, r := range []*specs.LinuxResources{
			limited(128*mb, 256*mb, 70, 80000, "0"), limited(32*mb, 48*mb, 20, 20000, "0"), limited(-1, -1, -1, -1, "0"),
			limited(64*mb, 64*mb, 5, 1000, "0"), limited(512*mb, 1024*mb, 0, 200000, "0"),
		} {
			fresh := plan(t, facts, name(t)+"-fresh", r)
			if err := errors.Join(fresh.Create(), fresh.Set()); err != nil {
				t.Fatal(err)
			}
			u, err := NewUpdate(p.Paths(), r)
			if err != nil {
				t.Fatal(err)
			}
			before := p.limits(t)
			if err := u.Apply(); err != nil {
				t.Fatal(err)
			}
			after := p.limits(t)
			if want := fresh.limits(t); after != want {
				t.Errorf("limits are %s, want %s", after, want)
			}
			if err := errors.Join(Remove(fresh.Paths()), u.Undo()); err != nil {
				t.Fatal(err)
			}
			if got := p.limits(t); got != before {
				t.Errorf("limits are %s after Undo, want %s", got, before)
			}
			if err := u.Apply(); err != nil {
				t.Fatal(err)
			}
			for what, bad := range map[string]*specs.LinuxResources{
				"cpu.cpus": limited(16*mb, 24*mb, 3, 3000, "9999"), "cpu.quota": limited(2048*mb, 4096*mb, 300, 300, "0"),
			} {
				u, err := NewUpdate(p.Paths(), bad)
				if err != nil {
					t.Fatal(err)
				}
				if err := u.Apply(); err == nil || !strings.HasPrefix(err.Error(), "linux.resources."+what+": ") || strings.Contains(err.Error(), "putting back") {
					t.Errorf("%s: %v", what, err)
				}
				if got := p.limits(t); got != after {
					t.Errorf("limits are %s after a bad %s, want %s", got, what, after)
				}
			}
		}
	})
}

// What v1 refuses is explained.
func TestUpdateExplains(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 {
			t.Skip("v1 only: there cgroup2 takes everything")
		}
		p := plan(t, facts, name(t), &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swap: ptr(int64(96 << 20))}})
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			r    *specs.LinuxResources
			want string
			err  error
		}{
			{&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(128 << 20))}}, "linux.resources.memory.limit: it is more than the limit of memory and swap together", unix.EINVAL},
			{&specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: ptr(int64(32 << 20))}}, "linux.resources.memory.swap: it is less than the limit of memory", unix.EINVAL},
			{&specs.LinuxResources{CPU: &specs.LinuxCPU{Period: ptr(uint64(1))}}, "linux.resources.cpu.period: a period is 1000 to 1000000", unix.EINVAL},
		} {
			u, err := NewUpdate(p.Paths(), c.r)
			if err != nil {
				t.Fatal(err)
			}
			if err := u.Apply(); !errors.Is(err, c.err) || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		}
		u, err := NewUpdate(p.Paths(), &specs.LinuxResources{Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(true)}})
		if err = errors.Join(err, u.Apply()); err != nil {
			t.Fatal(err)
		}
		u, err = NewUpdate(p.Paths(), &specs.LinuxResources{Memory: &specs.LinuxMemory{DisableOOMKiller: ptr(false)}})
		if err = errors.Join(err, u.Apply()); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(p.Paths()["memory"] + "/memory.oom_control"); err != nil || !strings.HasPrefix(string(text), "oom_kill_disable 0\n") {
			t.Errorf("%s, %v", text, err)
		}
	})
}

// What cannot be served is found before anything is written.
func TestUpdateLooksFirst(t *testing.T) {
	dir := t.TempDir()
	for file, text := range map[string]string{"cgroup.controllers": "cpu pids\n", "pids.max": "max\n"} {
		if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5))}, Unified: map[string]string{"memory.high": "1"}}
	want := `linux.resources.unified["memory.high"]: the controller memory does not reach ` + dir
	if _, err := NewUpdate(map[string]string{"": dir}, r); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	want = "linux.resources.unified: invalid configuration: cannot use unified on cgroup v1"
	if _, err := NewUpdate(map[string]string{"pids": dir}, r); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	want = "linux.resources.pids.limit: the controller pids does not reach the container: the host has no v1 hierarchy with it"
	if _, err := NewUpdate(map[string]string{"cpu": dir}, &specs.LinuxResources{Pids: r.Pids}); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	wantFile(t, dir+"/pids.max", "max")
}

// TestBefore is how each kind of file is made to say again what it said.
func TestBefore(t *testing.T) {
	for _, c := range []struct{ file, value, text, want string }{
		{"memory.max", "5", "max\n", "max"},
		{"cpu.max", "5000 10000", "max 100000\n", "max 100000"},
		{"cpu.max", "5000 10000", "5000 100000\n", "5000 100000"},
		{"cpuset.cpus", "0", "\n", ""},
		{"io.max", "8:0 rbps=5", "8:16 rbps=1 wbps=max riops=max wiops=max\n8:0 rbps=7 wbps=max riops=max wiops=9\n", "8:0 rbps=7 wbps=max riops=max wiops=9"},
		{"io.max", "8:0 rbps=5", "8:16 rbps=1 wbps=max riops=max wiops=max\n", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.max", "8:0 rbps=5", "", "8:0 rbps=max wbps=max riops=max wiops=max"},
		{"io.weight", "200", "default 100\n", "default 100"},
		{"io.bfq.weight", "200", "default 100\n8:0 300\n", "default 100"},
		{"io.bfq.weight", "8:0 200", "default 100\n8:0 300\n", "8:0 300"},
		{"io.bfq.weight", "8:0 200", "default 100\n", "8:0 default"},
		{"io.latency", "8:0 target=5", "", "8:0 target=0"},
		{"blkio.throttle.read_bps_device", "8:0 5", "8:0 1024\n", "8:0 1024"},
		{"blkio.throttle.read_bps_device", "8:0 5", "", "8:0 0"},
		{"blkio.bfq.weight", "200", "100\n", "100"},
		{"memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "0"},
		{"rdma.max", "mlx5_0 hca_handle=2", "mlx4_0 hca_handle=1 hca_object=max\nmlx5_0 hca_handle=max hca_object=2000\n", "mlx5_0 hca_handle=max hca_object=2000"},
		{"misc.max", "res_a 5", "res_b max\nres_a max\n", "res_a max"},
		{"net_prio.ifpriomap", "eth0 5", "lo 0\neth0 1\n", "eth0 1"},
		{"something.else", "8:0 x", "", "unknown"},
		{"something.else", "x", "a 1\nb 2\n", "unknown"},
	} {
		got, ok := write{file: c.file, value: c.value}.before(c.text)
		if !ok {
			got = "unknown"
		}
		if got != c.want {
			t.Errorf("%s, %q before %q: %q, want %q", c.file, c.text, c.value, got, c.want)
		}
	}
}

// FuzzBefore: whatever a file held, what is written back is one line of it, or a
// word for no limit, and never what the write itself was about to change.
func FuzzBefore(f *testing.F) {
	f.Add("io.max", "8:0 rbps=5", "8:0 rbps=7 wbps=max\n8:16 rbps=1\n")
	f.Add("io.weight", "200", "default 100\n8:0 5\n")
	f.Add("memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\n")
	f.Fuzz(func(t *testing.T, file, value, text string) {
		got, ok := write{file: file, value: value}.before(text)
		if ok && strings.Contains(got, "\n") && !strings.Contains(value, "\n") {
			t.Errorf("%q", got)
		}
	})
}
