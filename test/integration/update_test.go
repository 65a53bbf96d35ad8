package integration

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// limit compares a file of the container's cgroup, by its name on v1 and on
// cgroup2; one without a name there is passed over.
func limit(b *bed.Bundle, controller, v1, v2, want string) {
	b.T.Helper()
	file := v1
	if bed.V2() {
		file = v2
	}
	file, value, found := strings.Cut(file, "=")
	if found {
		want = value
	}
	if got := b.CgroupFile(controller, file); got != want {
		b.T.Errorf("%s is %q, want %q", file, got, want)
	}
}

// TestUpdate: what is changed is in the files, and what the kernel or vial
// refuses changes nothing.
func TestUpdate(t *testing.T) {
	t.Parallel()
	for _, controller := range []string{"memory", "pids", "cpu", "cpuset"} {
		needs(t, controller)
	}
	b := running(t, func(b *bed.Bundle) {
		b.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "ro")
		b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
		b.Resources().Memory = &specs.LinuxMemory{Limit: number(int64(64 << 20))}
		b.Resources().CPU = &specs.LinuxCPU{Quota: number(int64(50000)), Period: number(uint64(100000))}
	})
	b.Vial("update", b.ID).OK() // nothing to change
	b.Vial("update", "--memory", "128m", "--memory-reservation", "32m", "--pids-limit", "40", "--cpu-quota", "40000",
		"--cpu-share", "512", "--cpuset-cpus", "0", "--cpuset-mems", "0", b.ID).OK()
	all := func() {
		t.Helper()
		limit(b, "memory", "memory.limit_in_bytes", "memory.max", "134217728")
		limit(b, "memory", "memory.soft_limit_in_bytes", "memory.low", "33554432")
		limit(b, "pids", "pids.max", "pids.max", "40")
		limit(b, "cpu", "cpu.cfs_quota_us=40000", "cpu.max=40000 100000", "")
		limit(b, "cpu", "cpu.shares=512", "cpu.weight=59", "")
		limit(b, "cpuset", "cpuset.cpus", "cpuset.cpus", "0")
	}
	all()
	same(t, "what is seen from inside", readInside(b, "pids", "pids.max"), "40")
	// One that the kernel refuses comes behind others that it takes.
	b.Vial("update", "--memory", "256m", "--pids-limit", "50", "--cpu-quota", "5", b.ID).Fails("update "+b.ID, "linux.resources.cpu.quota: a")
	all()
	b.Vial("update", "--memory", "256m", "--cpuset-cpus", "9999", b.ID).Fails("update "+b.ID, "linux.resources.cpu.cpus: ")
	all()
	b.Vial("update", "--memory", "256m", "--memory-swap", "1m", b.ID).Fails("memory+swap limit should be >= memory limit")
	b.Vial("update", "--blkio-weight", "5", b.ID).Fails("linux.resources.blockIO.weight: 5 is out of range (10 to 1000)")
	b.Vial("update", "--memory", "much", b.ID).Fails("update: invalid value for memory: ")
	all()
	// A later update knows what an earlier one has set: the quota stays.
	b.Vial("update", "--cpu-period", "50000", b.ID).OK()
	limit(b, "cpu", "cpu.cfs_quota_us=40000", "cpu.max=40000 50000", "")
	b.Vial("update", "--cpu-quota", "-1", b.ID).OK()
	limit(b, "cpu", "cpu.cfs_quota_us=-1", "cpu.max=max 50000", "")
	b.Vial("update", "--memory", "-1", "--pids-limit", "-1", b.ID).OK()
	limit(b, "pids", "pids.max", "pids.max", "max")
	limit(b, "memory", "memory.limit_in_bytes=9223372036854771712", "memory.max=max", "")
	b.Vial("pause", b.ID).OK()
	b.Vial("update", "--pids-limit", "41", b.ID).OK()
	limit(b, "pids", "pids.max", "pids.max", "41")
	b.Vial("delete", "--force", b.ID).OK()
	b.Vial("update", b.ID).Fails("container does not exist")
}

// readInside is what a process in the container reads of the container's cgroup.
func readInside(b *bed.Bundle, controller, file string) string {
	b.T.Helper()
	dir := "/sys/fs/cgroup/"
	if !bed.V2() {
		dir += controller + "/"
	}
	r := b.Vial("exec", b.ID, "/probe", "read", dir+file).OK().Report()
	return strings.TrimSpace(act(b.T.(*testing.T), r, 0).Text)
}

// TestUpdateResources: limits as JSON, from a file and from standard input.
func TestUpdateResources(t *testing.T) {
	t.Parallel()
	needs(t, "pids")
	b := bed.New(t)
	b.Resources().Devices = []specs.LinuxDeviceCgroup{{Access: "rwm"}}
	b.Created("report")
	file := b.File(b.Path("r.json"), `{"pids": {"limit": 44}, "devices": [{"allow": false, "access": "rwm"}], "memory": null}`)
	b.Vial("update", "--resources", file, "--pids-limit", "5", b.ID).OK()
	limit(b, "pids", "pids.max", "pids.max", "44")
	b.File(file, `{"pids": {"limit": 45}}`)
	in, err := os.Open(file)
	b.Must(err)
	defer in.Close()
	b.Stdio = map[int]*os.File{0: in}
	b.Vial("update", "-r", "-", b.ID).OK()
	limit(b, "pids", "pids.max", "pids.max", "45")
	b.Stdio = nil
	b.File(file, `{"devices": [{"allow": true, "access": "rwm"}]}`)
	r := b.Vial("update", "-r", file, b.ID)
	if r.Status != 0 || !strings.HasSuffix(r.Stderr, "linux.resources.devices is ignored: device rules are as they were at create\n") {
		t.Errorf("status %d, %s", r.Status, r.Stderr)
	}
	for text, want := range map[string]string{
		"":                                  "the JSON text is empty",
		"null":                              "linux.resources: must not be null",
		`{"pids": {"limit": "many"}}`:       "linux.resources.pids.limit: ",
		`{"unified": {"../pids.max": "5"}}`: "must be a file name (no slashes)",
	} {
		b.File(file, text)
		b.Vial("update", "-r", file, b.ID).Fails("update", want)
	}
	limit(b, "pids", "pids.max", "pids.max", "45")
	b.Started()
	b.Vial("update", b.ID).Fails("update "+b.ID, "container not running")
	b.Vial("update", "--pids-limit", "x", b.ID).Fails("invalid value for pids-limit")
}

// TestUpdateUnified: files of cgroup2 by their names, and none on v1.
func TestUpdateUnified(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("report")
	file := b.File(b.Path("r.json"), `{"unified": {"cgroup.max.depth": "7"}}`)
	if !bed.V2() {
		b.Vial("update", "-r", file, b.ID).Fails("linux.resources.unified: invalid configuration: cannot use unified on cgroup v1")
		return
	}
	b.Vial("update", "-r", file, b.ID).OK()
	same(t, "cgroup.max.depth", b.CgroupFile("", "cgroup.max.depth"), "7")
	b.File(file, `{"unified": {"cgroup.max.depth": "8", "cgroup.max.descendants": "none"}}`)
	b.Vial("update", "-r", file, b.ID).Fails(`linux.resources.unified["cgroup.max.descendants"]: unable to set unified resource "cgroup.max.descendants": `, "invalid argument")
	same(t, "cgroup.max.depth", b.CgroupFile("", "cgroup.max.depth"), "7")
	b.File(file, `{"unified": {"nothing.max": "8"}}`)
	b.Vial("update", "-r", file, b.ID).Fails(`linux.resources.unified["nothing.max"]: the controller nothing does not reach `)
}

// TestPidsLimit: it is the kernel that says no, at the number that was set.
func TestPidsLimit(t *testing.T) {
	t.Parallel()
	needs(t, "pids")
	b := bed.New(t)
	b.Resources().Pids = &specs.LinuxPids{Limit: number(int64(100))}
	b.Created("children", "200", "exit", "0")
	b.Vial("update", "--pids-limit", "60", b.ID).OK()
	a := act(t, b.Started(), 0)
	same(t, "the errno", a.Errno, "EAGAIN")
	if n, err := strconv.Atoi(a.Text); err != nil || n < 20 || n > 59 { // threads count too
		t.Errorf("there were %s children, with a limit of 60", a.Text)
	}
}

// TestWithoutCgroups: what needs a cgroup says so, and the rest works.
func TestWithoutCgroups(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Global = []string{"--cgroup-manager", "disabled"}
	b.Created("report")
	b.Global = nil
	b.Vial("pause", b.ID).Fails("pause "+b.ID, "the container has no cgroup that can be frozen")
	b.Vial("resume", b.ID).Fails("container not paused")
	b.Vial("ps", "--format", "json", b.ID).Fails("ps "+b.ID, "the container was made without cgroups")
	b.Vial("update", b.ID).OK()
	b.Vial("update", "--pids-limit", "5", b.ID).Fails("linux.resources.pids.limit: cannot set limits without cgroups")
	same(t, "events", events(b, b.Vial("events", "--stats", b.ID).OK().Stdout)[0].Data.Pids.Current, 0)
	b.Started()
}
