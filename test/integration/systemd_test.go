package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// A scoped bundle is one whose cgroup systemd makes.
type scoped struct {
	*bed.Bundle
	slice, unit string
}

// inScope is a bundle for systemd's driver, on a host that systemd runs.
func inScope(t *testing.T) *scoped {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		bed.Skip(t, "systemd: it does not run this host")
	}
	b := bed.New(t)
	b.Spec.Linux.CgroupsPath = "system.slice:vt:" + b.ID
	s := &scoped{b, "/system.slice", "vt-" + b.ID + ".scope"}
	t.Cleanup(s.gone) // before the bundle's own
	b.Global = []string{"--systemd-cgroup"}
	return s
}

// create creates the container, and does not say again who manages its cgroups.
func (s *scoped) create(acts ...string) int {
	s.T.Helper()
	pid := s.Created(acts...)
	s.Global = nil
	return pid
}

// file is what is in a file of the container's cgroup; on v1 its name begins with
// the controller's.
func (s *scoped) file(name string) string {
	s.T.Helper()
	root := "/sys/fs/cgroup"
	if !bed.V2() {
		controller, _, _ := strings.Cut(name, ".")
		root += "/" + controller
	}
	text, err := os.ReadFile(root + s.slice + "/" + s.unit + "/" + name)
	s.Must(err)
	return strings.TrimSpace(string(text))
}

func systemctl(t testing.TB, words ...string) string {
	t.Helper()
	out, err := exec.Command("systemctl", words...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemctl %s: %v: %s", strings.Join(words, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

func (s *scoped) property(name string) string {
	s.T.Helper()
	return systemctl(s.T, "show", "--value", "--property="+name, s.unit)
}

// anew has systemd read all units, and write all values of this one that it has
// properties for: each of these settings makes it do so with a controller.
func (s *scoped) anew() {
	s.T.Helper()
	systemctl(s.T, "daemon-reload")
	io := "IOAccounting=yes"
	if !bed.V2() {
		io = "BlockIOAccounting=yes"
	}
	systemctl(s.T, "set-property", "--runtime", s.unit, "MemoryAccounting=yes", "CPUAccounting=yes", "TasksAccounting=yes", io)
}

// gone sees to it that a delete leaves neither unit nor cgroup.
func (s *scoped) gone() {
	s.T.Helper()
	s.Global = nil
	if r := s.Vial("delete", "--force", s.ID); r.Status != 0 || r.Stderr != "" {
		s.T.Errorf("delete --force: status %d: %s", r.Status, r.Stderr)
	}
	if state := s.property("LoadState"); state != "not-found" {
		s.T.Errorf("the unit is left: %s", systemctl(s.T, "show", s.unit))
	}
	if left, _ := filepath.Glob("/run/systemd/*/" + s.unit + "*"); len(left) > 0 {
		s.T.Errorf("files are left: %v", left)
	}
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/*"} {
		if left, _ := filepath.Glob(root + s.slice + "/" + s.unit); len(left) > 0 {
			s.T.Errorf("cgroups are left: %v", left)
		}
	}
}

func cgroupOf(t *testing.T, pid int) string {
	t.Helper()
	for line := range strings.Lines(readHost(t, "/proc/"+itoa(pid)+"/cgroup")) {
		if at, ok := strings.CutPrefix(line, "0::"); ok {
			return strings.TrimSpace(at)
		}
	}
	return ""
}

// TestSystemdScope: systemd knows the limits, they are in the files, and stay
// there when systemd writes its files anew.
func TestSystemdScope(t *testing.T) {
	t.Parallel()
	onlyV2(t)
	s := inScope(t)
	r := s.Resources()
	r.Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20)), Reservation: number(int64(32 << 20)), Swap: number(int64(96 << 20))}
	r.CPU = &specs.LinuxCPU{Shares: number(uint64(512)), Quota: number(int64(40000)), Period: number(uint64(80000)), Cpus: "0", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: number(int64(33))}
	r.Unified = map[string]string{"memory.high": "50331648", "memory.oom.group": "1"}
	s.Spec.Annotations = map[string]string{
		"org.systemd.property.TimeoutStopUSec": "uint64 7000000",
		"org.systemd.property.KillSignal":      "10",
		"org.systemd.property.RuntimeMaxSec":   "3600.5",
		"org.systemd.property.After":           "['dbus.service', 'vial-none.service']",
	}
	pid := s.create("sleep")
	same(t, "the cgroup", cgroupOf(t, pid), s.slice+"/"+s.unit)
	for name, want := range map[string]string{
		"ActiveState": "active", "Slice": "system.slice", "Delegate": "yes", "Transient": "yes", "DefaultDependencies": "no",
		"Description": "vial container " + s.ID, "CollectMode": "inactive-or-failed", "ControlGroup": s.slice + "/" + s.unit,
		"MemoryMax": "67108864", "MemoryLow": "33554432", "MemorySwapMax": "33554432", "MemoryHigh": "50331648",
		"CPUWeight": "59", "CPUQuotaPerSecUSec": "500ms", "CPUQuotaPeriodUSec": "80ms", "TasksMax": "33",
		"AllowedCPUs": "0", "AllowedMemoryNodes": "0", "OOMPolicy": "kill",
		"TimeoutStopUSec": "7s", "KillSignal": "10", "RuntimeMaxUSec": "1h 500ms",
	} {
		same(t, name, s.property(name), want)
	}
	if after := s.property("After"); !strings.Contains(after, "vial-none.service") {
		t.Errorf("After is %q", after)
	}
	files := map[string]string{
		"memory.max": "67108864", "memory.low": "33554432", "memory.swap.max": "33554432", "memory.high": "50331648",
		"cpu.weight": "59", "cpu.max": "40000 80000", "pids.max": "33", "cpuset.cpus": "0", "cpuset.mems": "0", "memory.oom.group": "1",
	}
	for _, when := range []string{"after create", "when systemd has written them anew"} {
		for name, want := range files {
			same(t, when+": "+name, s.file(name), want)
		}
		s.anew()
	}
	if state := s.Vial("state", s.ID).OK().Stdout; !strings.Contains(state, `"created"`) || !strings.Contains(state, fmt.Sprintf(`"pid": %d`, pid)) {
		t.Errorf("state: %s", state)
	}
	s.Vial("start", s.ID).OK()
	if list := s.Vial("list").OK().Stdout; !strings.Contains(list, s.ID) || !strings.Contains(list, "running") {
		t.Errorf("list: %s", list)
	}
	s.Vial("delete", s.ID).Fails("cannot delete container")
	s.Vial("kill", s.ID, "KILL").OK()
	s.Until("the container has stopped", func() bool { return s.Status() == "stopped" })
	s.Vial("delete", s.ID).OK()
	s.gone()
}

func onlyV2(t *testing.T) {
	t.Helper()
	if !bed.V2() {
		bed.Skip(t, "cgroup2 has these properties and files, and this host has v1")
	}
	for _, controller := range []string{"cpu", "cpuset", "memory", "pids"} {
		needs(t, controller)
	}
}

// TestSystemdScopeV1 is TestSystemdScope for cgroup v1, where systemd would also
// allow every device again.
func TestSystemdScopeV1(t *testing.T) {
	t.Parallel()
	if bed.V2() {
		bed.Skip(t, "cgroup v1 has these properties and files, and this host has v2")
	}
	s := inScope(t)
	r := s.Resources()
	r.Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20)), Reservation: number(int64(32 << 20))}
	r.CPU = &specs.LinuxCPU{Shares: number(uint64(512)), Quota: number(int64(40000)), Period: number(uint64(80000)), Cpus: "0", Mems: "0"}
	r.Pids = &specs.LinuxPids{Limit: number(int64(33))}
	r.Devices = []specs.LinuxDeviceCgroup{
		{Allow: false, Access: "rwm"}, {Allow: true, Type: "c", Major: number(int64(10)), Minor: number(int64(229)), Access: "rw"},
	}
	s.create("sleep")
	for name, want := range map[string]string{
		"MemoryLimit": "67108864", "CPUShares": "512", "CPUQuotaPerSecUSec": "500ms", "TasksMax": "33", "DevicePolicy": "strict",
	} {
		same(t, name, s.property(name), want)
	}
	devices := strings.Fields(s.file("devices.list"))
	for _, when := range []string{"after create", "when systemd has written them anew"} {
		for name, want := range map[string]string{
			"memory.limit_in_bytes": "67108864", "memory.soft_limit_in_bytes": "33554432", "cpu.shares": "512", "cpu.cfs_quota_us": "40000",
			"cpu.cfs_period_us": "80000", "pids.max": "33", "cpuset.cpus": "0", "cpuset.mems": "0",
		} {
			same(t, when+": "+name, s.file(name), want)
		}
		now := strings.Fields(s.file("devices.list"))
		slices.Sort(now)
		slices.Sort(devices)
		same(t, when+": devices.list", strings.Join(now, " "), strings.Join(devices, " "))
		s.anew()
	}
	s.Vial("update", "--memory", "128m", "--pids-limit", "40", "--cpu-share", "256", s.ID).OK()
	s.anew()
	for name, want := range map[string]string{"memory.limit_in_bytes": "134217728", "pids.max": "40", "cpu.shares": "256"} {
		same(t, "after an update: "+name, s.file(name), want)
	}
}

// TestSystemdUpdate: systemd does not come back to the old limits.
func TestSystemdUpdate(t *testing.T) {
	t.Parallel()
	onlyV2(t)
	s := inScope(t)
	s.Resources().Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20))}
	s.Resources().CPU = &specs.LinuxCPU{Quota: number(int64(50000)), Period: number(uint64(100000))}
	s.create("sleep")
	s.Vial("start", s.ID).OK()
	s.Vial("update", "--memory", "128m", "--pids-limit", "40", "--cpu-quota", "33333", "--cpu-share", "512", "--cpuset-cpus", "0", s.ID).OK()
	same(t, "cpu.max", s.file("cpu.max"), "33333 100000")
	for name, want := range map[string]string{
		"MemoryMax": "134217728", "TasksMax": "40", "CPUQuotaPerSecUSec": "340ms", "CPUWeight": "59", "AllowedCPUs": "0",
	} {
		same(t, name, s.property(name), want)
	}
	s.anew()
	for name, want := range map[string]string{"memory.max": "134217728", "pids.max": "40", "cpu.weight": "59", "cpuset.cpus": "0"} {
		same(t, name, s.file(name), want)
	}
	s.Vial("update", "--pids-limit", "-1", s.ID).OK()
	s.anew()
	same(t, "pids.max", s.file("pids.max"), "max")
}

// TestSystemdPause: a container that is frozen is still systemd's.
func TestSystemdPause(t *testing.T) {
	t.Parallel()
	s := inScope(t)
	s.create("sleep")
	s.Vial("start", s.ID).OK()
	s.Vial("pause", s.ID).OK()
	systemctl(t, "daemon-reload")
	same(t, "the status", s.Status(), "paused")
	s.Vial("resume", s.ID).OK()
	same(t, "the status", s.Status(), "running")
	s.Vial("pause", s.ID).OK()
	s.gone()
}

// TestSystemdDevices: systemd has a filter of its own only if it is asked for
// one, and does not touch vial's.
func TestSystemdDevices(t *testing.T) {
	t.Parallel()
	s := inScope(t)
	s.Resources().Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	s.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/mem", Type: "c", Major: 1, Minor: 1}}
	s.Capabilities("CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE")
	s.create("open", "/dev/mem", "r", "openDevice", "/dev/null", "rw")
	systemctl(t, "daemon-reload")
	r := s.Started()
	same(t, "open /dev/mem", act(t, r, 0).Errno, "EPERM")
	same(t, "open /dev/null", act(t, r, 1).Errno, "")
}

// TestSystemdRun: nothing is left of a container that has ended, and one task is
// enough for the runtime too.
func TestSystemdRun(t *testing.T) {
	t.Parallel()
	needs(t, "pids")
	s := inScope(t)
	s.Resources().Pids = &specs.LinuxPids{Limit: number(int64(1))}
	s.Program(s.In("true"), bed.TrueELF())
	s.Spec.Process.Args = []string{"/true"}
	s.RunSpec().OK()
	same(t, "LoadState", s.property("LoadState"), "not-found")
}

// TestSystemdDefault: a config without a path gets a unit named for the container.
func TestSystemdDefault(t *testing.T) {
	t.Parallel()
	s := inScope(t)
	s.Spec.Linux.CgroupsPath = ""
	s.unit = "vial-" + s.ID + ".scope"
	pid := s.create("sleep")
	same(t, "the cgroup", cgroupOf(t, pid), s.slice+"/"+s.unit)
}

// TestSystemdExec: a process that joins is in the scope.
func TestSystemdExec(t *testing.T) {
	t.Parallel()
	s := inScope(t)
	s.create("sleep")
	s.Vial("start", s.ID).OK()
	r := s.Vial("exec", s.ID, "/probe", "read", "/proc/self/cgroup").OK().Report()
	if text := act(t, r, 0).Text; !strings.Contains(text, "0::"+s.slice+"/"+s.unit+"\n") {
		t.Errorf("the cgroup is %q", text)
	}
}

// TestSystemdSlice: two containers in a slice of their own, below another.
func TestSystemdSlice(t *testing.T) {
	t.Parallel()
	one, two := inScope(t), inScope(t)
	top := "vt" + itoa(os.Getpid())
	for _, s := range []*scoped{one, two} {
		s.slice = "/" + top + ".slice/" + top + "-inner.slice"
		s.unit = s.ID + ".scope"
		s.Spec.Linux.CgroupsPath = top + "-inner.slice::" + s.ID
		pid := s.create("sleep")
		same(t, "the cgroup", cgroupOf(t, pid), s.slice+"/"+s.unit)
	}
	one.gone()
	same(t, "the other", two.Status(), "created")
	same(t, "its unit", two.property("ActiveState"), "active")
	two.gone()
	systemctl(t, "stop", top+".slice")
}

func TestSystemdRefuses(t *testing.T) {
	t.Parallel()
	t.Run("a path of another form", func(t *testing.T) {
		t.Parallel()
		s := inScope(t)
		s.Spec.Linux.CgroupsPath = "/" + s.ID
		s.Run("report").Fails(`linux.cgroupsPath: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/` + s.ID + `" instead`)
	})
	t.Run("an unknown property", func(t *testing.T) {
		t.Parallel()
		s := inScope(t)
		s.Spec.Annotations = map[string]string{"org.systemd.property.Nonsense": "true"}
		s.Run("report").Fails(`annotations["org.systemd.property.Nonsense"]: `, "start the unit "+s.unit, "Nonsense")
	})
	t.Run("a wrong value", func(t *testing.T) {
		t.Parallel()
		s := inScope(t)
		s.Spec.Annotations = map[string]string{"org.systemd.property.CollectMode": "'never'"}
		s.Run("report").Fails(`annotations["org.systemd.property.CollectMode"]: `, "start the unit "+s.unit, "CollectMode")
	})
	t.Run("a wrong type", func(t *testing.T) {
		t.Parallel()
		s := inScope(t)
		s.Spec.Annotations = map[string]string{"org.systemd.property.TimeoutStopUSec": "'7s'"}
		s.Run("report").Fails("start the unit " + s.unit)
	})
	t.Run("a unit that exists", func(t *testing.T) {
		t.Parallel()
		s, other := inScope(t), inScope(t)
		s.create("sleep")
		other.Spec.Linux.CgroupsPath = s.Spec.Linux.CgroupsPath
		other.unit = "vt-" + other.ID + ".scope"
		other.Run("report").Fails("linux.cgroupsPath: start the unit "+s.unit, "already loaded")
		same(t, "the other", s.Status(), "created")
		same(t, "its unit", s.property("ActiveState"), "active")
	})
}

// TestSystemdKilled ends vial at random moments of a create and of a delete: what
// is left does not keep the name from being used again, and can be removed.
func TestSystemdKilled(t *testing.T) {
	t.Parallel()
	for _, k := range []bed.Kills{
		{Verb: "create", Signal: unix.SIGKILL, Rounds: 40}, {Verb: "create", Signal: unix.SIGTERM, Rounds: 20},
		{Verb: "delete", Signal: unix.SIGKILL, Rounds: 20},
	} {
		t.Run(k.Verb+" "+unix.SignalName(k.Signal), func(t *testing.T) {
			t.Parallel()
			s := inScope(t)
			s.Spec.Process.Args = []string{"/probe", "sleep"}
			k.Global, s.Global = s.Global, nil
			k.Rounds = max(1, k.Rounds/int(bed.Slowly(1)))
			t.Logf("what was left: %v", s.Killed(k))
			s.gone()
		})
	}
}

// TestSystemdStop: systemd may end a container too.
func TestSystemdStop(t *testing.T) {
	t.Parallel()
	s := inScope(t)
	s.Spec.Annotations = map[string]string{"org.systemd.property.TimeoutStopSec": "1"}
	s.create("sleep")
	systemctl(t, "stop", s.unit)
	s.Until("the container has stopped", func() bool { return s.Status() == "stopped" })
	s.Vial("delete", s.ID).OK()
}
