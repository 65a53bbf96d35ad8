package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/systemd"
	"github.com/vial-run/vial/test/bus"
)

func TestParseUnit(t *testing.T) {
	const form = `linux.cgroupsPath: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got `
	long := strings.Repeat("n", 250)
	for _, c := range []struct{ text, want string }{
		{"", "/system.slice/vial-c9+x.scope"},
		{"machine.slice:libpod:c9", "/machine.slice/libpod-c9.scope"},
		{"a-b-c.slice:runc:c9", "/a.slice/a-b.slice/a-b-c.slice/runc-c9.scope"},
		{":runc:c9", "/system.slice/runc-c9.scope"},
		{"-.slice:runc:c9", "/runc-c9.scope"},
		{"user.slice::c9", "/user.slice/c9.scope"},
		{`kubepods.slice:cri:a_b.c@1\x2d`, `/kubepods.slice/cri-a_b.c@1\x2d.scope`},
		{"/c9", form + `"/c9" instead`},
		{"c9", form + `"c9" instead`},
		{"a.slice:c9", form + `"a.slice:c9" instead`},
		{"a.slice:b:c:d", form + `"a.slice:b:c:d" instead`},
		{"::", `linux.cgroupsPath: "::": the name after the second colon is empty`},
		{"a.slice:b:c.slice", `linux.cgroupsPath: "a.slice:b:c.slice" names a slice, which holds no processes of its own: name a scope`},
		{"a.slice:b:c/d", `linux.cgroupsPath: "b-c/d.scope" is no name of a unit: it may have 255 letters, digits and any of :-_.\@`},
		{"a.slice:b:c d", `linux.cgroupsPath: "b-c d.scope" is no name of a unit: it may have 255 letters, digits and any of :-_.\@`},
		{":b:" + long, `linux.cgroupsPath: "b-` + long + `.scope" is no name of a unit: it may have 255 letters, digits and any of :-_.\@`},
		{"a:b:c", noSlice("a")},
		{".slice:b:c", noSlice(".slice")},
		{"--.slice:b:c", noSlice("--.slice")},
		{"-a.slice:b:c", noSlice("-a.slice")},
		{"a-.slice:b:c", noSlice("a-.slice")},
		{"a--b.slice:b:c", noSlice("a--b.slice")},
		{"a/b.slice:b:c", noSlice("a/b.slice")},
		{"../a.slice:b:c", noSlice("../a.slice")},
	} {
		u, err := parseUnit(c.text, "c9+x")
		got := fmt.Sprint(err)
		if err == nil {
			slice, _ := expandSlice(u.slice)
			got = strings.TrimSuffix(slice, "/") + "/" + u.name
		}
		if want := strings.ReplaceAll(c.want, "c9+x", `c9\x2bx`); got != want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.text, got, want)
		}
	}
}

func noSlice(name string) string {
	return fmt.Sprintf("linux.cgroupsPath: invalid slice name: %q: want one such as machine.slice or a-b.slice", name)
}

// TestUnitPaths: which directories systemd makes.
func TestUnitPaths(t *testing.T) {
	for _, c := range []struct {
		facts host.Facts
		want  string
	}{
		{factsV2, "map[:/sys/fs/cgroup/a.slice/a-b.slice/vial-c9.scope]"},
		{factsHybrid, ""},
	} {
		p, err := NewPlan(&c.facts, &specs.Spec{Linux: &specs.Linux{CgroupsPath: "a-b.slice:vial:c9"}}, "c9", Systemd)
		if err != nil {
			t.Fatal(err)
		}
		if p.Unit() != "vial-c9.scope" {
			t.Errorf("the unit is %s", p.Unit())
		}
		for _, dir := range p.Paths() {
			if !strings.HasSuffix(dir, "/a.slice/a-b.slice/vial-c9.scope") {
				t.Errorf("the directory %s", dir)
			}
		}
		if got := fmt.Sprint(p.Paths()); c.want != "" && got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestAnnotated(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"TimeoutStopUSec", "uint64 7", "TimeoutStopUSec"},
		{"TimeoutStopSec", "7", "TimeoutStopUSec"},
		{"RuntimeMaxSec", "1.5", "RuntimeMaxUSec"},
		{"MSec", "7", "MSec"},
		{"KillSignal", "9", "KillSignal"},
		{"After", "['a.service']", "After"},
		{"AB", "true", `annotations["org.systemd.property.AB"]: annotation org.systemd.property.AB name incorrect: too short`},
		{"A.B", "true", `annotations["org.systemd.property.A.B"]: annotation org.systemd.property.A.B name incorrect: contains non-alphabetic character`},
		{"Ünit", "true", `annotations["org.systemd.property.Ünit"]: annotation org.systemd.property.Ünit name incorrect: contains non-alphabetic character`},
		{"KillMode", "none", `annotations["org.systemd.property.KillMode"]: annotation org.systemd.property.KillMode=none value parse error: "none" is neither true, false nor a number: a text needs quotes at byte 0`},
		{"TimeoutStopSec", "'7'", `annotations["org.systemd.property.TimeoutStopSec"]: annotation org.systemd.property.TimeoutStopSec='7' value parse error: not a number`},
		{"PIDs", "[uint32 1]", `annotations["org.systemd.property.PIDs"]: PIDs is not for an annotation to set: linux.cgroupsPath and vial decide it`},
		{"Slice", "'x.slice'", `annotations["org.systemd.property.Slice"]: Slice is not for an annotation to set: linux.cgroupsPath and vial decide it`},
	} {
		list, err := annotated(map[string]string{annotation + c.name: c.value, "org.other": "x"})
		got := fmt.Sprint(err)
		if err == nil && len(list) == 1 {
			got = list[0].Name
		}
		if got != c.want {
			t.Errorf("%s=%s:\ngot  %s\nwant %s", c.name, c.value, got, c.want)
		}
	}
}

// TestUnitless: without a unit such annotations are nobody's.
func TestUnitless(t *testing.T) {
	facts := factsV2
	p, err := NewPlan(&facts, &specs.Spec{Annotations: map[string]string{annotation + "Y": "", "org.other": "x"}}, "c9", Filesystem)
	if err != nil {
		t.Fatal(err)
	}
	want := `[annotations["org.systemd.property.Y"] is ignored: there is no unit without --systemd-cgroup]`
	if got := fmt.Sprint(p.Warnings()); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// FuzzAnnotated: a name and a value are refused, or are a property.
func FuzzAnnotated(f *testing.F) {
	f.Add("TimeoutStopSec", "1.5")
	f.Add("After", "['a']")
	f.Fuzz(func(t *testing.T, name, value string) {
		list, err := annotated(map[string]string{annotation + name: value})
		if (err == nil) != (len(list) == 1) {
			t.Errorf("%q=%q: %v, %v", name, value, list, err)
		}
	})
}

func FuzzParseUnit(f *testing.F) {
	f.Add("a-b.slice:vial:c9", "c9")
	f.Add("a-b.-b.slice:vial:c9", "c9")
	f.Fuzz(func(t *testing.T, text, id string) {
		u, err := parseUnit(text, id)
		if err != nil {
			return
		}
		slice, err := expandSlice(u.slice)
		if err != nil || path.Clean(slice) != slice || strings.ContainsAny(u.name, "/\n'") {
			t.Errorf("%q: %+v, %s, %v", text, u, slice, err)
		}
	})
}

// unitFor is a plan with systemd's driver, connected to a bus.
func unitFor(t *testing.T, r *specs.LinuxResources, annotations map[string]string, b *bus.Bus) (*Plan, error) {
	t.Helper()
	facts := factsV2
	p, err := NewPlan(&facts, &specs.Spec{Linux: &specs.Linux{CgroupsPath: ":vial:c9", Resources: r}, Annotations: annotations}, "c9", Systemd)
	if err == nil {
		err = p.Connect(systemd.Bus{Address: b.Address, Patience: time.Second})
		t.Cleanup(p.Disconnect)
	}
	return p, err
}

// TestUnitProperties compares with a golden what systemd is told of each config.
func TestUnitProperties(t *testing.T) {
	b := bus.New(t, func(c bus.Call) bus.Answer {
		if c.Member == "Get" {
			return bus.Answer{Body: []any{dbus.MakeVariant("257")}}
		}
		return bus.Answer{}
	})
	var text strings.Builder
	for _, c := range unitCases() {
		for _, mode := range []host.CgroupMode{host.V1, host.V2} {
			if mode != host.V2 && c.r.Unified != nil {
				continue
			}
			fmt.Fprintf(&text, "%s, %s\n", c.name, mode)
			list, err := unitProperties(&c.r, mode)
			if mode != host.V2 && c.r.Devices != nil {
				list = append(list, deviceProperties(deviceRules(&c.r))...)
			}
			if err != nil {
				fmt.Fprintf(&text, "\t%v\n", err)
				continue
			}
			list = append(list, oomPolicy(&c.r)...)
			before := len(b.Calls())
			conn, err := systemd.Connect(systemd.Bus{Address: b.Address}, "x.scope")
			if err != nil {
				t.Fatal(err)
			}
			sent, err := available(conn, list)
			if err == nil {
				err = conn.SetProperties(sent)
			}
			conn.Close()
			if err != nil {
				t.Fatal(err)
			}
			calls := b.Calls()[before:]
			told := calls[len(calls)-1].Properties()
			for _, one := range list {
				fmt.Fprintf(&text, "\t%s = %s\tfrom %s\n", one.Name, told[one.Name], one.field)
			}
		}
	}
	goldenText(t, "testdata/properties.txt", text.String())
}

func goldenText(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (%v):\n%s", file, err, got)
	}
}

type unitCase struct {
	name string
	r    specs.LinuxResources
}

func unitCases() []unitCase {
	n := func(v int64) *int64 { return &v }
	u := func(v uint64) *uint64 { return &v }
	w := func(v uint16) *uint16 { return &v }
	return []unitCase{
		{"nothing", specs.LinuxResources{}},
		{"memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: n(64 << 20), Reservation: n(32 << 20), Swap: n(96 << 20)}}},
		{"memory without limit", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: n(-1)}}},
		{"swap without limit", specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: n(1 << 20), Swap: n(-1), CheckBeforeUpdate: new(bool)}}},
		{"swap below memory", specs.LinuxResources{Memory: &specs.LinuxMemory{Swap: n(1 << 20)}}},
		{"shares", specs.LinuxResources{CPU: &specs.LinuxCPU{Shares: u(1024)}}},
		{"quota and period", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: n(40000), Period: u(80000)}}},
		{"quota alone", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: n(150000)}}},
		{"period alone", specs.LinuxResources{CPU: &specs.LinuxCPU{Period: u(50000)}}},
		{"no quota", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: n(-1)}}},
		{"a quota of no whole hundredths", specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: n(33333)}}},
		{"idle", specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: n(1), Shares: u(512)}}},
		{"not idle", specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: n(0), Shares: u(512)}}},
		{"cpuset", specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "0-2,9", Mems: "0"}}},
		{"cpuset backwards", specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "3-2"}}},
		{"cpuset too large", specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "99999"}}},
		{"tasks", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: n(33)}}},
		{"no task", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: n(0)}}},
		{"tasks without limit", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: n(-1)}}},
		{"weight", specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: w(500)}}},
		{"low weight", specs.LinuxResources{BlockIO: &specs.LinuxBlockIO{Weight: w(10)}}},
		{"devices", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
			{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: n(10), Minor: n(229), Access: "rw"},
			{Allow: true, Type: "b", Major: n(7), Access: "r"}, {Allow: true, Type: "c", Minor: n(3), Access: "r"},
			{Allow: false, Type: "b", Major: n(7), Minor: n(0), Access: "r"},
		}}},
		{"all devices", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}}},
		{"all devices but one", specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{
			{Allow: true, Access: "rwm"}, {Allow: false, Type: "c", Major: n(10), Minor: n(229), Access: "rwm"},
		}}},
		{"unified", specs.LinuxResources{Unified: map[string]string{
			"memory.high": "50331648", "memory.low": "1", "memory.min": "4096", "memory.max": "max", "memory.swap.max": "0",
			"memory.zswap.max": "max", "pids.max": "0", "cpu.max": "50000 100000", "cpu.weight": "7", "cpuset.cpus": "0", "cpuset.mems": "0,1",
			"memory.oom.group": "1", "io.max": "8:0 rbps=1", "hugetlb.2MB.max": "0",
		}}},
		{"unified idle", specs.LinuxResources{Unified: map[string]string{"cpu.idle": "1", "cpu.weight": "7", "memory.oom.group": "0"}}},
		{"unified without quota", specs.LinuxResources{Unified: map[string]string{"cpu.max": "max 50000"}}},
		{"unified comes last", specs.LinuxResources{Pids: &specs.LinuxPids{Limit: n(7)}, Unified: map[string]string{"pids.max": "9"}}},
	}
}

// TestOldSystemd: what a systemd is too old for is not asked of it.
func TestOldSystemd(t *testing.T) {
	b := bus.New(t, func(c bus.Call) bus.Answer {
		if c.Member == "Get" {
			return bus.Answer{Body: []any{dbus.MakeVariant("v249.11-0ubuntu3")}}
		}
		return bus.Answer{}
	})
	idle := int64(1)
	r := &specs.LinuxResources{CPU: &specs.LinuxCPU{Idle: &idle}, Unified: map[string]string{"memory.oom.group": "1"}}
	if err := tellUnit(systemd.Bus{Address: b.Address}, "x.scope", r, host.V2); err != nil {
		t.Fatal(err)
	}
	calls := b.Calls()
	if got := b.Members(); got != "Get SetUnitProperties" || len(calls[1].Properties()) != 0 {
		t.Errorf("%s, %v", got, calls)
	}
}

// TestUnitStart is what a create asks of systemd.
func TestUnitStart(t *testing.T) {
	b := bus.New(t, nil)
	limit := int64(7)
	p, err := unitFor(t, &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}},
		map[string]string{annotation + "Description": "'mine'", annotation + "TimeoutStopSec": "7"}, b)
	if err == nil {
		err = p.unit.start(4711)
	}
	if err != nil {
		t.Fatal(err)
	}
	got := b.Calls()[0].Properties()
	var lines []string
	for name, value := range got {
		lines = append(lines, name+"="+value.String())
	}
	slices.Sort(lines)
	want := `CPUAccounting=true CollectMode="inactive-or-failed" DefaultDependencies=false Delegate=true Description="mine" ` +
		`IOAccounting=true MemoryAccounting=true PIDs=@au [4711] Slice="system.slice" TasksAccounting=true TasksMax=@t 7 TimeoutStopUSec=@t 7000000`
	if got := strings.Join(lines, " "); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestUnitRefused: an error names the field, and what may stand is taken back.
func TestUnitRefused(t *testing.T) {
	limit := int64(7)
	r := &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}
	annotations := map[string]string{annotation + "TimeoutStopSec": "7"}
	for _, c := range []struct {
		name   string
		answer bus.Answer
		want   string
		calls  string
	}{
		{"exists", bus.Answer{Error: systemd.UnitExists, Text: "Unit vial-c9.scope was already loaded."},
			"linux.cgroupsPath: start the unit vial-c9.scope: Unit vial-c9.scope was already loaded: choose another name, or see systemctl status and systemctl reset-failed", "StartTransientUnit"},
		{"an annotation", bus.Answer{Error: "x.y", Text: "Cannot set property TimeoutStopUSec, or unknown property."},
			`annotations["org.systemd.property.TimeoutStopSec"]: start the unit vial-c9.scope: Cannot set property TimeoutStopUSec, or unknown property`, "StartTransientUnit"},
		{"an annotation by its other name", bus.Answer{Error: "x.y", Text: "Invalid TimeoutStopSec= value"},
			`annotations["org.systemd.property.TimeoutStopSec"]: start the unit vial-c9.scope: Invalid TimeoutStopSec= value`, "StartTransientUnit"},
		{"a limit", bus.Answer{Error: "x.y", Text: "TasksMax= is out of range"},
			"linux.resources.pids.limit: start the unit vial-c9.scope: TasksMax= is out of range", "StartTransientUnit"},
		{"something else", bus.Answer{Error: "x.y", Text: "Access denied"},
			"linux.cgroupsPath: start the unit vial-c9.scope: Access denied", "StartTransientUnit"},
		{"the job fails", bus.Answer{Result: "failed"},
			`linux.cgroupsPath: start the unit vial-c9.scope: its job ended with the result "failed" (journalctl -u vial-c9.scope may tell why)`, "StartTransientUnit StopUnit"},
		{"no answer", bus.Answer{Silent: true}, "linux.cgroupsPath: start the unit vial-c9.scope: no answer within 1s", "StartTransientUnit StopUnit"},
		{"gone", bus.Answer{Hangup: true}, "linux.cgroupsPath: start the unit vial-c9.scope: the bus has closed the connection", "StartTransientUnit StopUnit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bus.New(t, func(call bus.Call) bus.Answer {
				if call.Member == "StartTransientUnit" {
					return c.answer
				}
				return bus.Answer{}
			})
			p, err := unitFor(t, r, annotations, b)
			if err != nil {
				t.Fatal(err)
			}
			err = p.unit.start(4711)
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
			if err := p.Undo(); err != nil {
				t.Error(err)
			}
			if got := b.Members(); got != c.calls {
				t.Errorf("systemd was asked for %s, want %s", got, c.calls)
			}
		})
	}
}

func TestNoSystemd(t *testing.T) {
	if systemd.Running() {
		t.Skip("systemd runs this host")
	}
	p, err := NewPlan(&factsV2, &specs.Spec{}, "c9", Systemd)
	if err == nil {
		err = p.Connect(systemd.Bus{})
	}
	if err == nil || !strings.HasPrefix(err.Error(), "systemd not running on this host, cannot use systemd cgroups manager") {
		t.Error(err)
	}
	if err := RemoveUnit(systemd.Bus{}, "x.scope", nil); err != nil {
		t.Error(err)
	}
}

func TestDisabled(t *testing.T) {
	limit := int64(7)
	for _, c := range []struct {
		r    specs.LinuxResources
		want string
	}{
		{specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &limit}}, "linux.resources.pids.limit: cannot set limits without cgroups"},
		{specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rw"}}}, "linux.resources.devices[0]: cannot set limits without cgroups"},
		{specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}}, ""},
		{specs.LinuxResources{}, ""},
	} {
		facts := factsV1
		p, err := NewPlan(&facts, &specs.Spec{Linux: &specs.Linux{CgroupsPath: "/x", Resources: &c.r}}, "c9", Disabled)
		if fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
			t.Errorf("got  %v\nwant %s", err, c.want)
		}
		if err != nil {
			continue
		}
		if err := errors.Join(p.Create(), p.Set(), p.Undo()); err != nil || len(p.Paths()) > 0 {
			t.Error(err, p.Paths())
		}
		if len(p.Warnings()) != len(c.r.Devices) {
			t.Error(p.Warnings())
		}
	}
}
