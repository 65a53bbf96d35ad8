package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// TestCgroupWrites has root in the container write to its cgroups as mounted by
// default (CVE-2022-0492, 2023-25809).
func TestCgroupWrites(t *testing.T) {
	t.Parallel()
	for _, caps := range [][]string{
		{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"},
		{"CAP_DAC_OVERRIDE", "CAP_CHOWN", "CAP_FOWNER", "CAP_SETUID", "CAP_MKNOD", "CAP_SYS_CHROOT"},
	} {
		for _, private := range []bool{false, true} {
			a := newAttack(t)
			a.Capabilities(caps...)
			a.Mount("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid", "noexec", "nodev", "relatime", "ro")
			if private {
				a.Spec.Linux.Namespaces = append(a.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
			}
			a.cgroupWrites()
		}
	}
}

func (a *attack) cgroupWrites() {
	a.T.Helper()
	top := "/sys/fs/cgroup"
	dirs := []string{top}
	if !bed.V2() {
		entries, err := os.ReadDir(top)
		a.Must(err)
		for _, e := range entries {
			dirs = append(dirs, top+"/"+e.Name())
		}
	}
	var acts []string
	for _, dir := range dirs {
		acts = append(acts, "mkdir", dir+"/evil", "set", dir+"/cgroup.procs", "1", "set", dir+"/tasks", "1",
			"set", dir+"/release_agent", a.decoy.path("file"), "set", dir+"/notify_on_release", "1",
			"set", dir+"/cgroup.subtree_control", "+pids", "chmod", dir, "777", "remount", dir, "stat", dir)
	}
	acts = append(acts, "mount", "cgroup", "/mnt", "mount", "cgroup2", "/mnt", "mount", "sysfs", "/mnt")
	a.Mkdir(a.In("mnt"))
	r := a.run(acts...)
	for _, act := range r.Acts {
		switch {
		case act.Do[0] == "stat" && act.File != nil && act.File.Flags&1 == 0:
			a.T.Errorf("%s is writable", act.Do[1])
		case slices.Contains([]string{"mkdir", "set", "chmod", "remount", "mount"}, act.Do[0]) && act.Errno == "":
			a.T.Errorf("%q worked", act.Do)
		}
	}
	for _, m := range bed.Mounts(r.Process.Mountinfo) {
		if strings.HasPrefix(m.Type, "cgroup") && m.Root != "/"+a.ID && m.Root != "/" {
			a.T.Errorf("more than its own cgroup is mounted: %+v", m)
		}
	}
}

// TestCgroupNames puts paths where names of files or cgroups are wanted
// (GHSA-5g49-rx9x-qfc6).
func TestCgroupNames(t *testing.T) {
	t.Parallel()
	type set func(a *attack, bad string)
	for field, c := range map[string]struct {
		put set
		bad []string
	}{
		"linux.resources.hugepageLimits": {func(a *attack, bad string) {
			a.Resources().HugepageLimits = []specs.LinuxHugepageLimit{{Pagesize: bad, Limit: 1}}
		}, []string{"2MB/../../x", "../../../../tmp/y", "2MB\n", "", "2MB.max/x"}},
		"linux.resources.unified": {func(a *attack, bad string) {
			a.Resources().Unified = map[string]string{bad: "1"}
		}, []string{"../cgroup.procs", "a/b.c", "..", ".", "", "memory.max\n", "nodot", "memory/../x.y"}},
		"linux.cgroupsPath": {func(a *attack, bad string) {
			a.Spec.Linux.CgroupsPath = bad
		}, []string{"/..", "/../x", "/a/../../b", "/x\ny", "/x\x00y", "/" + strings.Repeat("x/", 2500)}},
	} {
		for _, bad := range c.bad {
			t.Run(fmt.Sprintf("%s %.20q", field, bad), func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				c.put(a, bad)
				a.refused(field)
				for _, name := range []string{"a", "b", "x", "y"} {
					found, _ := filepath.Glob("/sys/fs/cgroup/" + name)
					more, _ := filepath.Glob("/sys/fs/cgroup/*/" + name)
					if len(found)+len(more) > 0 {
						t.Errorf("cgroups were made: %v %v", found, more)
					}
				}
			})
		}
	}
}
