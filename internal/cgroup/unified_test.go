package cgroup

import (
	"errors"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// A cgroup with processes of its own may have a container below it, but gives it
// no controllers, and stays what it is.
func TestBelowAnInhabitedOne(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup != host.V2 {
			t.Skip("cgroup2 only")
		}
		above := plan(t, facts, name(t), nil)
		if err := above.Create(); err != nil {
			t.Fatal(err)
		}
		dir := above.dirs[0].Dir
		needControllers(t, dir, "memory", "pids")
		enter(t, above, "")
		p := plan(t, facts, name(t)+"/c", nil)
		if err := p.Create(); err != nil {
			t.Error(err)
		}
		limited := plan(t, facts, name(t)+"/limited", &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(9))}})
		if err := limited.Create(); !errors.Is(err, unix.EBUSY) || !strings.HasPrefix(err.Error(), "linux.resources.pids.limit: the controller pids does not reach ") {
			t.Errorf("with a limit: %v", err)
		}
		for file, want := range map[string]string{"cgroup.type": "domain\n", "cgroup.subtree_control": ""} {
			if got, err := readFile(dir + "/" + file); got != want && got != want+"\n" || err != nil {
				t.Errorf("%s is %q, want %q: %v", file, got, want, err)
			}
		}
	})
}

// TestUnifiedLimits sets what only a cgroup2 with all its controllers takes.
func TestUnifiedLimits(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup != host.V2 {
			t.Skip("cgroup2 only")
		}
		needControllers(t, "/sys/fs/cgroup", "cpuset", "cpu", "memory", "pids")
		for _, c := range []struct {
			cpu  specs.LinuxCPU
			want string
		}{
			{specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(1))}, "cpu.idle=1"},
			{specs.LinuxCPU{Shares: ptr(uint64(512)), Idle: ptr(int64(0))}, "cpu.idle=0 cpu.weight=59"},
			{specs.LinuxCPU{Quota: ptr(int64(50000)), Burst: ptr(uint64(20000)), Cpus: "0", Mems: "0"},
				"cpu.max=50000_100000 cpu.max.burst=20000 cpuset.cpus=0 cpuset.mems=0"},
		} {
			p := plan(t, facts, name(t), &specs.LinuxResources{
				CPU:     &c.cpu,
				Memory:  &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Reservation: ptr(int64(32 << 20)), Swap: ptr(int64(96 << 20))},
				Pids:    &specs.LinuxPids{Limit: ptr(int64(77))},
				Unified: map[string]string{"memory.high": "50331648"},
			})
			if err := errors.Join(p.Create(), p.Set()); err != nil {
				t.Error(err)
			}
			for pair := range strings.FieldsSeq(c.want + " memory.max=67108864 memory.low=33554432 memory.swap.max=33554432 memory.high=50331648 pids.max=77") {
				file, value, _ := strings.Cut(pair, "=")
				wantFile(t, p.Paths()[""]+"/"+file, strings.ReplaceAll(value, "_", " "))
			}
			if err := p.Undo(); err != nil {
				t.Error(err)
			}
		}
	})
}
