package cgroup

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
)

func ptr[T any](v T) *T { return &v }

func spec(r *specs.LinuxResources) *specs.Spec {
	return &specs.Spec{Linux: &specs.Linux{CgroupsPath: "/vial-test-plan", Resources: r}}
}

// factsFull is a v1 host with every controller.
var factsFull = func() host.Facts {
	f := host.Facts{}
	for _, c := range []string{"cpu", "cpuset", "memory", "devices", "blkio", "pids", "hugetlb", "net_cls", "net_prio", "rdma"} {
		f.Hierarchies = append(f.Hierarchies, host.Hierarchy{Mountpoint: "/sys/fs/cgroup/" + c, Controllers: []string{c}, Root: "/"})
	}
	return f
}()

func everything() *specs.LinuxResources {
	throttle := []specs.LinuxThrottleDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8, Minor: 1}, Rate: 7}}
	return &specs.LinuxResources{
		Memory: &specs.LinuxMemory{
			Limit: ptr(int64(1 << 20)), Reservation: ptr(int64(1 << 19)), Swap: ptr(int64(1 << 21)),
			//lint:ignore SA1019 deprecated, but callers still write it
			Kernel:    ptr(int64(1)),
			KernelTCP: ptr(int64(1)), Swappiness: ptr(uint64(10)), DisableOOMKiller: ptr(true), UseHierarchy: ptr(false),
			CheckBeforeUpdate: ptr(true),
		},
		CPU: &specs.LinuxCPU{
			Shares: ptr(uint64(1024)), Quota: ptr(int64(50000)), Burst: ptr(uint64(100)), Period: ptr(uint64(100000)),
			RealtimeRuntime: ptr(int64(5)), RealtimePeriod: ptr(uint64(6)), Cpus: "0-1", Mems: "0", Idle: ptr(int64(0)),
		},
		Pids: &specs.LinuxPids{Limit: ptr(int64(100))},
		BlockIO: &specs.LinuxBlockIO{
			Weight: ptr(uint16(500)), LeafWeight: ptr(uint16(400)),
			WeightDevice:           []specs.LinuxWeightDevice{{LinuxBlockIODevice: specs.LinuxBlockIODevice{Major: 8}, Weight: ptr(uint16(300)), LeafWeight: ptr(uint16(200))}},
			ThrottleReadBpsDevice:  throttle,
			ThrottleWriteBpsDevice: throttle,
			ThrottleReadIOPSDevice: throttle, ThrottleWriteIOPSDevice: throttle,
		},
		HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB", Limit: 3}},
		Network:        &specs.LinuxNetwork{ClassID: ptr(uint32(9)), Priorities: []specs.LinuxInterfacePriority{{Name: "lo", Priority: 2}}},
		Rdma:           map[string]specs.LinuxRdma{"mlx": {HcaHandles: ptr(uint32(4))}},
	}
}

var update = flag.Bool("update", false, "write what was got into testdata")

// listing is a list of writes as the golden files have it.
func listing(writes []write) string {
	var text strings.Builder
	for _, w := range writes {
		fmt.Fprintf(&text, "%-9s %-32s %-22q %s", w.controller, w.file, w.value, w.field)
		for i, word := range []string{"optional", "tentative", "again", "or next", "early", "guard"} {
			if w.is(1 << i) {
				text.WriteString(", " + word)
			}
		}
		text.WriteByte('\n')
	}
	return text.String()
}

// TestConvert lists every field's way into a file.
func TestConvert(t *testing.T) {
	for version, facts := range map[string]host.Facts{"v1": factsFull, "v2": factsV2} {
		t.Run(version, func(t *testing.T) {
			r := everything()
			if version == "v2" {
				r.Unified = map[string]string{"memory.high": "1", "io.max": "8:0 rbps=1\n8:16 wbps=2\n", "cgroup.max.depth": "3"}
			}
			p, err := NewPlan(&facts, spec(r), "c9", Filesystem)
			if err != nil {
				t.Fatal(err)
			}
			got := listing(p.writes) + "\n" + strings.Join(p.Warnings(), "\n") + "\n"
			golden := "testdata/resources_" + version + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || got != string(want) {
				t.Errorf("got\n%s\nwant\n%s%v", got, want, err)
			}
		})
	}
	t.Run("nothing", func(t *testing.T) {
		for _, r := range []*specs.LinuxResources{nil, {}, {Memory: &specs.LinuxMemory{Limit: ptr(int64(0))}, CPU: &specs.LinuxCPU{Shares: ptr(uint64(0))}}} {
			p, err := NewPlan(&factsV2, spec(r), "c9", Filesystem)
			if err != nil || len(p.writes) > 0 || len(p.rules) != 12 {
				t.Errorf("%+v, %v", p, err)
			}
		}
		if _, err := NewPlan(&factsV2, &specs.Spec{}, "c9", Filesystem); err != nil {
			t.Errorf("no linux at all: %v", err)
		}
	})
}

func TestConvertRefuses(t *testing.T) {
	bare := host.Facts{Hierarchies: []host.Hierarchy{{Mountpoint: "/sys/fs/cgroup/devices", Controllers: []string{"devices"}, Root: "/"}}}
	for _, c := range []struct {
		facts host.Facts
		r     specs.LinuxResources
		want  string
	}{
		{factsV2, specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: ptr(int64(5))}},
			"linux.resources.memory.swap: unable to set swap limit without memory limit"},
		{factsV2, specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(6)), Swap: ptr(int64(5))}},
			"linux.resources.memory.swap: memory+swap limit should be >= memory limit"},
		{bare, specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1))}},
			"linux.resources.cpu.shares: the minimum allowed cpu-shares is 2"},
		{bare, specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: ptr(uint64(1<<18 + 1))}},
			"linux.resources.cpu.shares: the maximum allowed cpu-shares is 262144"},
		{bare, specs.LinuxResources{Unified: map[string]string{"a.b": ""}},
			"linux.resources.unified: invalid configuration: cannot use unified on cgroup v1"},
		{bare, specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5))}},
			"linux.resources.pids.limit: the host has no v1 hierarchy with the controller pids"},
		{bare, specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: "2MB"}}},
			"linux.resources.hugepageLimits[0]: the host has no v1 hierarchy with the controller hugetlb"},
		{host.Facts{Hierarchies: factsFull.Hierarchies[:2]}, specs.LinuxResources{},
			"linux.resources.devices: the host has no v1 hierarchy with the controller devices"},
	} {
		_, err := NewPlan(&c.facts, spec(&c.r), "c9", Filesystem)
		if err == nil || err.Error() != c.want {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
	}
}

func TestDeviceRules(t *testing.T) {
	entries := []specs.LinuxDeviceCgroup{
		{Allow: true, Type: "b", Access: "w"},
		{Allow: false, Access: "rwm"},
		{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: "r"},
		{Allow: true, Type: "b", Major: ptr(int64(8)), Access: "rw"},
		{Allow: false, Type: "a", Access: "w"},
	}
	const always = `allow c *:* m
allow b *:* m
allow c 1:3 rwm
allow c 1:8 rwm
allow c 1:7 rwm
allow c 5:0 rwm
allow c 1:5 rwm
allow c 1:9 rwm
allow c 136:* rwm
allow c 5:2 rwm
allow c 10:200 rwm`
	for _, c := range []struct {
		title        string
		entries      []specs.LinuxDeviceCgroup
		want         string
		unrestricted bool
	}{
		{"none", nil, "deny a *:* rwm\n", false},
		{"some", entries, "deny a *:* rwm\nallow c 1:11 r\nallow b 8:* rw\ndeny a *:* w\n", false},
		{"all", append(entries, specs.LinuxDeviceCgroup{Allow: true, Access: "rwm"}), "allow a *:* rwm\n", true},
	} {
		t.Run(c.title, func(t *testing.T) {
			rules := deviceRules(&specs.LinuxResources{Devices: c.entries})
			var got []string
			for _, r := range rules {
				verb := "deny "
				if r.allow {
					verb = "allow "
				}
				got = append(got, verb+r.String())
			}
			if s := strings.Join(got, "\n"); s != c.want+always {
				t.Errorf("got\n%s", s)
			}
			if unrestricted(rules) != c.unrestricted {
				t.Errorf("unrestricted: %v", !c.unrestricted)
			}
		})
	}
}
