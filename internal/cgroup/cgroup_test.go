package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	} else if strings.TrimSpace(string(got)) != want {
		t.Errorf("%s holds %q, want %q", file, got, want)
	}
}

func TestLife(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		top := name(t)
		p := plan(t, facts, top+"/a/b", &specs.LinuxResources{Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}}})
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		c := enter(t, p, "stay")
		if err := p.Set(); err != nil {
			t.Fatal(err)
		}
		if got := c.line(t); got != "here" {
			t.Fatal(got)
		}
		pids, err := Pids(p.Paths())
		if err != nil || !slices.Equal(pids, []int{c.Process.Pid}) {
			t.Errorf("Pids: %v, %v, want %d", pids, err, c.Process.Pid)
		}
		own, err := os.ReadFile("/proc/" + strconv.Itoa(c.Process.Pid) + "/cgroup")
		if err != nil || strings.Count(string(own), ":"+top+"/a/b\n") < len(p.dirs) {
			t.Errorf("it is in %s, %v", own, err)
		}
		again := plan(t, facts, top+"/a/b", nil)
		err = again.Create()
		if err == nil || !strings.Contains(err.Error(), "/a/b: container's cgroup is not empty: 1 process(es) found") {
			t.Errorf("Create of a cgroup in use: %v", err)
		}
		if err := Kill(p.Paths(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if state, err := c.Process.Wait(); err != nil || state.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
			t.Errorf("%v, %v", state, err)
		}
		if err := Remove(p.Paths()); err != nil {
			t.Error(err)
		}
		if pids, err := Pids(p.Paths()); err != nil || pids != nil {
			t.Errorf("Pids of nothing: %v, %v", pids, err)
		}
		if frozen, err := Frozen(p.Paths()); err != nil || frozen {
			t.Errorf("Frozen of nothing: %t, %v", frozen, err)
		}
		if n, err := OOMKills(p.Paths()); err != nil || n != 0 {
			t.Errorf("OOMKills of nothing: %d, %v", n, err)
		}
		if err := errors.Join(Kill(p.Paths(), unix.SIGKILL), Kill(p.Paths(), unix.SIGTERM), Remove(p.Paths())); err != nil {
			t.Errorf("with nothing there: %v", err)
		}
		if err := p.Undo(); err != nil {
			t.Error(err)
		}
		for _, d := range p.dirs {
			if _, err := os.Stat(d.root + top); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s%s is left", d.root, top)
			}
		}
	})
}

func TestDeviceAccess(t *testing.T) {
	kmsg := func(access string) []specs.LinuxDeviceCgroup {
		return []specs.LinuxDeviceCgroup{
			{Access: "rwm"},
			{Allow: true, Type: "c", Major: ptr(int64(1)), Minor: ptr(int64(11)), Access: access},
		}
	}
	views(t, func(t *testing.T, facts host.Facts) {
		for _, c := range []struct {
			title string
			rules []specs.LinuxDeviceCgroup
			want  string
		}{
			{"no rules", nil, "ok ok EPERM"},
			{"the default", []specs.LinuxDeviceCgroup{{Access: "rwm"}}, "ok ok EPERM"},
			{"one more", kmsg("r"), "ok ok ok"},
			{"one more for writing", kmsg("w"), "ok ok EPERM"},
			{"all", []specs.LinuxDeviceCgroup{{Allow: true, Access: "rwm"}}, "ok ok ok"},
		} {
			t.Run(c.title, func(t *testing.T) {
				p := plan(t, facts, name(t), &specs.LinuxResources{Devices: c.rules})
				if err := errors.Join(p.Create(), p.Set()); err != nil {
					t.Fatal(err)
				}
				if got := enter(t, p, "open /dev/null /dev/zero /dev/kmsg").line(t); got != c.want {
					t.Errorf("got %s, want %s", got, c.want)
				}
			})
		}
	})
}

func TestLimits(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		page := hugepage(t)
		r := &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: page, Limit: 1 << 22}}}
		want := map[string]string{"": "hugetlb." + page + ".max=4194304"}
		if facts.Cgroup != host.V2 {
			r = &specs.LinuxResources{
				Memory: &specs.LinuxMemory{Limit: ptr(int64(64 << 20)), Swappiness: ptr(uint64(10))},
				CPU:    &specs.LinuxCPU{Shares: ptr(uint64(512)), Quota: ptr(int64(50000)), Period: ptr(uint64(100000)), Cpus: "0"},
				Pids:   &specs.LinuxPids{Limit: ptr(int64(77))},
			}
			want = map[string]string{
				"memory": "memory.limit_in_bytes=67108864 memory.swappiness=10",
				"cpu":    "cpu.shares=512 cpu.cfs_quota_us=50000 cpu.cfs_period_us=100000",
				"cpuset": "cpuset.cpus=0 cpuset.mems=0",
				"pids":   "pids.max=77",
			}
		}
		p := plan(t, facts, name(t)+"/a/b", r)
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		for controller, list := range want {
			for pair := range strings.FieldsSeq(list) {
				file, value, _ := strings.Cut(pair, "=")
				wantFile(t, p.Paths()[controller]+"/"+file, value)
			}
		}
		if got := enter(t, p, "stay").line(t); got != "here" {
			t.Error(got)
		}
	})
}

// hugepage is a size of huge pages that this host has, as the controller spells it.
func hugepage(t *testing.T) string {
	if _, err := os.Stat("/sys/kernel/mm/hugepages/hugepages-2048kB"); err != nil {
		t.Skip("no huge pages of 2 MB here")
	}
	return "2MB"
}

// A limit that the kernel refuses is named by its field, and what could not be
// served is found before anything is made.
func TestRefusedLimits(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup != host.V2 {
			p := plan(t, facts, name(t), &specs.LinuxResources{CPU: &specs.LinuxCPU{Cpus: "9999"}})
			if err := p.Create(); err == nil || !strings.HasPrefix(err.Error(), "linux.cgroupsPath: linux.resources.cpu.cpus: write /sys/fs/cgroup/cpuset") {
				t.Errorf("Create: %v", err)
			}
			p = plan(t, facts, name(t), &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(1))}})
			if err := p.Create(); err != nil {
				t.Fatal(err)
			}
			if err := p.Set(); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), "linux.resources.cpu.quota: ") {
				t.Errorf("Set: %v", err)
			}
			return
		}
		list, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
		if err != nil {
			t.Fatal(err)
		}
		if has := strings.Fields(string(list)); !slices.Contains(has, "pids") {
			p := plan(t, facts, name(t), &specs.LinuxResources{Pids: &specs.LinuxPids{Limit: ptr(int64(5))}})
			want := "linux.resources.pids.limit: the host has no controller pids: /sys/fs/cgroup/cgroup.controllers says "
			if err := p.Create(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Create: %v", err)
			}
			p = plan(t, facts, name(t), &specs.LinuxResources{Unified: map[string]string{"pids.max": "5"}})
			want = `linux.resources.unified["pids.max"]: the host has no controller pids: `
			if err := p.Create(); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("Create: %v", err)
			}
		} else if slices.Contains(has, "cpu") {
			p := plan(t, facts, name(t), &specs.LinuxResources{CPU: &specs.LinuxCPU{Quota: ptr(int64(1))}})
			if err := errors.Join(p.Create(), p.Set()); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), "linux.resources.cpu.quota: ") {
				t.Errorf("Set: %v", err)
			}
		}
		p := plan(t, facts, name(t), &specs.LinuxResources{Unified: map[string]string{"cgroup.max.depth": "x"}})
		want := `linux.resources.unified["cgroup.max.depth"]: `
		if err := errors.Join(p.Create(), p.Set()); !errors.Is(err, unix.EINVAL) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("Set: %v", err)
		}
		p = plan(t, facts, name(t), &specs.LinuxResources{Unified: map[string]string{"cgroup.max.depth": "5"}})
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		wantFile(t, p.Paths()[""]+"/cgroup.max.depth", "5")
	})
}

// Whatever step of Create fails, nothing is left; what was there before stays.
func TestCreateLeavesNothing(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		top := name(t)
		first := plan(t, facts, top, nil)
		if err := first.Create(); err != nil {
			t.Fatal(err)
		}
		// In the last hierarchy a file has the name that is wanted.
		last := first.dirs[len(first.dirs)-1]
		p := plan(t, facts, top+"/new/cgroup.procs", nil)
		for i := range p.dirs[:len(p.dirs)-1] {
			p.dirs[i].Dir = path.Dir(p.dirs[i].Dir) + "/leaf"
		}
		if err := p.Create(); err == nil || !errors.Is(err, unix.ENOTDIR) {
			t.Errorf("Create: %v", err)
		}
		for _, d := range first.dirs {
			if _, err := os.Stat(d.Dir + "/new"); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s/new is left: %v", d.Dir, err)
			}
		}
		p.dirs = nil // the plan was bent: there is nothing of it to clean up
		if _, err := os.Stat(last.Dir); err != nil {
			t.Errorf("what was there before is gone: %v", err)
		}

		// An empty cgroup that exists is taken, and not removed by Undo.
		p = plan(t, facts, top, nil)
		if err := errors.Join(p.Create(), p.Undo()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(last.Dir); err != nil {
			t.Errorf("what was there before is gone: %v", err)
		}
	})
}

func TestFrozen(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		freeze := func(file, value string) {
			t.Helper()
			if err := writeFile(file, value); err != nil {
				t.Fatal(err)
			}
		}
		file, on := p.Paths()[""]+"/cgroup.freeze", "1"
		if dir, v1 := p.Paths()["freezer"]; v1 {
			file, on = dir+"/freezer.state", "FROZEN"
		}
		check := func(want bool) {
			t.Helper()
			if got, err := Frozen(p.Paths()); err != nil || got != want {
				t.Errorf("Frozen: %t, %v", got, err)
			}
		}
		check(false)
		freeze(file, on)
		check(true)
		again := plan(t, facts, name(t), nil)
		if err := again.Create(); err == nil || !strings.HasSuffix(err.Error(), ": container's cgroup unexpectedly frozen") {
			t.Errorf("Create of a frozen cgroup: %v", err)
		}
		freeze(file, map[string]string{"1": "0", "FROZEN": "THAWED"}[on])
		check(false)

		// A paused container dies of SIGKILL, and of no other signal yet.
		c := enter(t, p, "stay")
		c.line(t)
		freeze(file, on)
		if err := Kill(p.Paths(), unix.SIGTERM); err != nil {
			t.Fatal(err)
		}
		check(true)
		if err := Kill(p.Paths(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		state, err := c.Process.Wait()
		if err != nil || state.Success() {
			t.Errorf("%v, %v", state, err)
		}
	})
}

func TestKillASpreadingTree(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		c := enter(t, p, "spread")
		c.line(t)
		for _, d := range p.dirs { // as a container with a service manager has
			if err := os.MkdirAll(d.Dir+"/x/y", 0o755); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(30 * time.Millisecond)
		if err := Kill(p.Paths(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		go c.Process.Wait()
		if err := Remove(p.Paths()); err != nil {
			t.Fatal(err)
		}
	})
}

// Remove waits for processes that end a little later, and no longer.
func TestRemoveWaits(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		c := enter(t, p, "stay")
		c.line(t)
		if err := remove(p.dirs[0].Dir, time.Now().Add(20*time.Millisecond)); !errors.Is(err, unix.EBUSY) || !strings.HasSuffix(err.Error(), "device or resource busy: 1 process(es) still in it") {
			t.Errorf("while it runs: %v", err)
		}
		const later = 100 * time.Millisecond
		time.AfterFunc(later, func() { c.Process.Kill(); c.Process.Wait() })
		start := time.Now()
		if err := Remove(p.Paths()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < later/2 || took > later+time.Second {
			t.Errorf("Remove took %v for processes that end after %v", took, later)
		}
	})
}

// A path in a record may be wrong. What is no cgroup is not removed, nor is
// anything below a mountpoint, as the root of a hierarchy is one: here it is a
// cgroup of the test's own, so that a Remove gone wrong meets nothing else.
func TestRemoveRefuses(t *testing.T) {
	plain := t.TempDir()
	if err := Remove(map[string]string{"": plain}); err == nil || err.Error() != "cgroup: remove "+plain+": it is no cgroup" {
		t.Errorf("a plain directory: %v", err)
	}
	if _, err := os.Stat(plain); err != nil {
		t.Error(err)
	}
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t)+"/below", nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		for _, d := range p.dirs {
			root := t.TempDir()
			if err := unix.Mount(path.Dir(d.Dir), root, "", unix.MS_BIND, ""); err != nil {
				t.Skipf("bind mount a cgroup: %v", err)
			}
			err := remove(root, time.Now())
			if unmount := unix.Unmount(root, unix.MNT_DETACH); unmount != nil {
				t.Error(unmount)
			}
			if err == nil || err.Error() != "remove "+root+": it is the root of a hierarchy" {
				t.Errorf("%s: %v", d.root, err)
			}
			if _, err := os.Stat(d.Dir); err != nil {
				t.Error(err)
			}
		}
	})
}

// A cgroup2 within a threaded one cannot hold a container.
func TestThreadedIsRefused(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup != host.V2 {
			t.Skip("cgroup2 only")
		}
		top := plan(t, facts, name(t), nil)
		if err := top.Create(); err != nil {
			t.Fatal(err)
		}
		worker := top.dirs[0].Dir + "/worker"
		if err := os.Mkdir(worker, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeFile(worker+"/cgroup.type", "threaded"); err != nil {
			t.Fatal(err)
		}
		p := plan(t, facts, name(t)+"/c", nil)
		if err := p.Create(); err == nil || !strings.HasSuffix(err.Error(), `its type is "domain invalid", because a cgroup above it is threaded`) {
			t.Errorf("Create: %v", err)
		}
		if _, err := os.Stat(p.dirs[0].Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is left: %v", p.dirs[0].Dir, err)
		}
	})
}

func TestTasks(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		files, err := p.Tasks()
		if err != nil {
			t.Fatal(err)
		}
		if want := len(facts.Hierarchies); len(files) != want {
			t.Fatalf("%d files, want %d", len(files), want)
		}
		if facts.Cgroup == host.V2 {
			return // nothing to get into by hand
		}
		script := "for fd in 3 4 5 6 7 8 9; do [ -e /proc/self/fd/$fd ] && echo 0 >&$fd; done; cat /proc/self/cgroup"
		sh := exec.Command("sh", "-c", script)
		sh.ExtraFiles = files[:min(len(files), 7)] // a shell's redirections have one digit
		out, err := sh.CombinedOutput()
		for _, f := range files {
			f.Close()
		}
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if got, want := strings.Count(string(out), ":"+name(t)+"\n"), len(sh.ExtraFiles); got != want {
			t.Errorf("it got into %d hierarchies, want %d:\n%s", got, want, out)
		}
	})
}

func TestOOMKills(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		if facts.Cgroup == host.V2 {
			needControllers(t, "/sys/fs/cgroup", "memory")
		}
		p := plan(t, facts, name(t), &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(32 << 20)), Swap: ptr(int64(32 << 20))}})
		if err := errors.Join(p.Create(), p.Set()); err != nil {
			t.Fatal(err)
		}
		if n, err := OOMKills(p.Paths()); err != nil || n != 0 {
			t.Errorf("before: %d, %v", n, err)
		}
		c := enter(t, p, "eat")
		state, err := c.Process.Wait()
		if err != nil || state.Success() {
			t.Errorf("%v, %v", state, err)
		}
		if n, err := OOMKills(p.Paths()); err != nil || n == 0 {
			t.Errorf("after: %d, %v", n, err)
		}
	})
}
