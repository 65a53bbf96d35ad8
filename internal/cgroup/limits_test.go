package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/sys"
)

// Who may read a cgroup does not depend on the umask of who makes it.
func TestUmask(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t)+"/below", nil)
		old := unix.Umask(0o077)
		err := p.Create()
		unix.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range p.dirs {
			for _, dir := range []string{d.Dir, path.Dir(d.Dir)} {
				if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != dirMode {
					t.Errorf("%s: %v, %v", dir, info.Mode(), err)
				}
			}
		}
	})
}

// A cgroup2 that is taken over keeps none of the device filters that it had.
func TestFilterIsReplaced(t *testing.T) {
	denyAll := deviceRules(nil)[:1]
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup != host.V2 {
			t.Skip("cgroup2 only")
		}
		for _, c := range []struct {
			title string
			old   []uint32 // how the filters that are there were attached
			allow bool
			want  int
		}{
			{"none", nil, false, 1},
			{"one of several", []uint32{unix.BPF_F_ALLOW_MULTI}, false, 1},
			{"three", []uint32{unix.BPF_F_ALLOW_MULTI, unix.BPF_F_ALLOW_MULTI, unix.BPF_F_ALLOW_MULTI}, false, 1},
			{"a single one", []uint32{0}, false, 1},
			{"one to be overridden", []uint32{unix.BPF_F_ALLOW_OVERRIDE}, false, 1},
			{"two and no rules", []uint32{unix.BPF_F_ALLOW_MULTI, unix.BPF_F_ALLOW_MULTI}, true, 0},
			{"a single one and no rules", []uint32{0}, true, 0},
		} {
			t.Run(c.title, func(t *testing.T) {
				before := plan(t, facts, name(t), nil)
				if err := before.Create(); err != nil {
					t.Fatal(err)
				}
				fd, err := unix.Open(before.dirs[0].Dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer unix.Close(fd)
				for _, flags := range c.old {
					attach(t, fd, denyAll, flags)
				}
				p := plan(t, facts, name(t), &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Allow: c.allow, Access: "rwm"}}})
				if err := errors.Join(p.Create(), p.Set()); err != nil {
					t.Fatal(err)
				}
				if ids, _, err := sys.DeviceFilters(fd); err != nil || len(ids) != c.want {
					t.Errorf("filters %v, %v, want %d", ids, err, c.want)
				}
				if got := enter(t, p, "open /dev/null").line(t); got != "ok" {
					t.Errorf("got %s", got)
				}
			})
		}
	})
}

func attach(t *testing.T, cgroup int, rules []rule, flags uint32) {
	t.Helper()
	program, err := sys.LoadDeviceFilter(filter(rules))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(program)
	if err := sys.AttachDeviceFilter(cgroup, program, flags, 0); err != nil {
		t.Fatal(err)
	}
}

// A limit below what is in use is refused on v1, with the numbers.
func TestLimitBelowUsage(t *testing.T) {
	if swaps, err := os.ReadFile("/proc/swaps"); err != nil || strings.Count(string(swaps), "\n") > 1 {
		t.Skip("with swap there is room for everything")
	}
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 {
			t.Skip("v1 only: cgroup2 kills instead")
		}
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		if got := enter(t, p, "hold").line(t); got != "full" {
			t.Fatal(got)
		}
		p.writes, _ = writesV1(&specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(1 << 20))}})
		want := regexp.MustCompile(`^linux\.resources\.memory\.limit: unable to set memory limit to 1048576 \(current usage: \d+, peak usage: \d+\): write /sys/fs/cgroup/memory/.*: device or resource busy$`)
		if err := p.Set(); err == nil || !want.MatchString(err.Error()) {
			t.Errorf("Set: %v", err)
		}
	})
}

// Limits that leave room for nothing but the container's own process do not
// keep it from getting in.
func TestTinyLimits(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 {
			needControllers(t, "/sys/fs/cgroup", "pids")
		}
		for _, pids := range []int64{0, 1} {
			p := plan(t, facts, name(t), &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: &pids}})
			if err := errors.Join(p.Create(), p.Set()); err != nil {
				t.Fatal(err)
			}
			dir, file := p.Paths()["pids"], "tasks"
			if facts.Cgroup == host.V2 {
				dir, file = p.Paths()[""], "cgroup.procs"
			}
			wantFile(t, dir+"/pids.max", "1")
			// A program of one thread, that is there as the container's is.
			sh := exec.Command("/bin/sh", "-c", `echo 0 > "$1" && echo here; (:) || :`, "sh", dir+"/"+file)
			if _, err := os.Stat(sh.Path); err != nil {
				t.Skip("no /bin/sh here, and Go has many threads")
			}
			if out, err := sh.CombinedOutput(); !strings.HasPrefix(string(out), "here\n") || !strings.Contains(string(out), "fork") {
				t.Errorf("%s%v", out, err)
			}
			if err := errors.Join(Kill(p.Paths(), unix.SIGKILL), Remove(p.Paths())); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A file that the config names lies in the container's cgroup.
func TestWriteBeneath(t *testing.T) {
	dir := t.TempDir()
	if err := errors.Join(os.Mkdir(dir+"/c", 0o755), os.WriteFile(dir+"/canary", []byte("alive"), 0o644),
		os.WriteFile(dir+"/c/file", nil, 0o644), os.Symlink("file", dir+"/c/link")); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(dir+"/c", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for file, want := range map[string]error{"file": nil, "../canary": unix.EXDEV, dir + "/canary": unix.EXDEV, "link": unix.ELOOP, "none": unix.ENOENT} {
		if err := writeBeneath(fd, dir+"/c", file, "x"); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", file, err, want)
		}
	}
	wantFile(t, dir+"/canary", "alive")
	wantFile(t, dir+"/c/file", "x")
}

func TestLimitsMemory(t *testing.T) {
	most := int64(1 << 20)
	for want, list := range map[bool][]specs.LinuxResources{
		true: {
			{Memory: &specs.LinuxMemory{Limit: &most}}, {Memory: &specs.LinuxMemory{Reservation: &most}},
			{Unified: map[string]string{"memory.high": "1"}},
		},
		false: {{}, {Pids: &specs.LinuxPids{Limit: &most}}, {Unified: map[string]string{"pids.max": "1"}}},
	} {
		for _, r := range list {
			p, err := NewPlan(&factsV2, spec(&r), "c9", Filesystem)
			if err != nil {
				t.Fatal(err)
			}
			if got := p.LimitsMemory(); got != want {
				t.Errorf("%+v: %v", r, got)
			}
		}
	}
}
