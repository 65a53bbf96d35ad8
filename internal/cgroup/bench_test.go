package cgroup

import (
	"errors"
	"os/exec"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
)

// BenchmarkLife reports the parts of a container's life with the default device
// rules and no limits, in microseconds. For cgroup2 run it where /sys/fs/cgroup
// is one.
func BenchmarkLife(b *testing.B) {
	facts, err := gather.Facts()
	if err != nil {
		b.Fatal(err)
	}
	spec := &specs.Spec{Linux: &specs.Linux{
		CgroupsPath: "/vial-test-cgroup-bench",
		Resources:   &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}},
	}}
	sleep := exec.Command("sleep", "600")
	if facts.Cgroup != host.V2 {
		if err := sleep.Start(); err != nil {
			b.Skip(err)
		}
		defer sleep.Wait()
		defer sleep.Process.Kill()
	}
	home := map[string]string{}
	if facts.Cgroup != host.V2 {
		if home, err = ownCgroups(); err != nil {
			b.Fatal(err)
		}
	}
	var spent [6]time.Duration
	for b.Loop() {
		at := time.Now()
		lap := func(i int) {
			now := time.Now()
			spent[i] += now.Sub(at)
			at = now
		}
		p, err := NewPlan(&facts, spec, "bench", Filesystem)
		lap(0)
		if err := errors.Join(err, p.Create()); err != nil {
			b.Fatal(err)
		}
		lap(1)
		if err := p.Set(); err != nil {
			b.Error(err)
		}
		lap(2)
		if facts.Cgroup != host.V2 {
			if err := moveAll(p, sleep.Process.Pid); err != nil {
				b.Error(err)
			}
			lap(3)
			files, err := p.Tasks()
			lap(4)
			for _, f := range files {
				f.Close()
			}
			if err = errors.Join(err, leave(facts, home, sleep.Process.Pid)); err != nil {
				b.Error(err)
			}
		} else if f, err := p.Dir(); err != nil {
			b.Error(err)
		} else {
			lap(4)
			f.Close()
		}
		at = time.Now()
		if err := Remove(p.Paths()); err != nil {
			b.Fatal(err)
		}
		lap(5)
	}
	for i, unit := range []string{"plan-µs", "create-µs", "set-µs", "enter-µs", "dir-µs", "remove-µs"} {
		b.ReportMetric(float64(spent[i].Nanoseconds())/1000/float64(b.N), unit)
	}
}

// leave moves a process back to where this one is.
func leave(facts host.Facts, home map[string]string, pid int) error {
	dirs, err := place(&facts, "x", "x", func() (map[string]string, error) { return home, nil })
	if err != nil {
		return err
	}
	p := Plan{dirs: dirs}
	for i := range p.dirs {
		p.dirs[i].Dir = p.dirs[i].Dir[:len(p.dirs[i].Dir)-2]
	}
	return moveAll(&p, pid)
}
