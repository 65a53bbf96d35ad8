package gather

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

func TestKernel(t *testing.T) {
	for _, c := range []struct {
		release string
		want    host.Version
		err     string
	}{
		{"6.12.4-arch1-1", host.Version{Major: 6, Minor: 12}, ""},
		{"5.14.0-427.el9.x86_64", host.Version{Major: 5, Minor: 14}, ""},
		{"7.0-rc1", host.Version{Major: 7, Minor: 0}, ""},
		{"10.1+", host.Version{Major: 10, Minor: 1}, ""},
		{"5.13.19", host.Version{}, "linux 5.13 is too old: vial requires linux 5.14 or later"},
		{"4.18.0", host.Version{}, "linux 4.18 is too old: vial requires linux 5.14 or later"},
		{"", host.Version{}, `uname: kernel release "" starts with no version`},
		{"6", host.Version{}, `uname: kernel release "6" starts with no version`},
		{"x.y", host.Version{}, `uname: kernel release "x.y" starts with no version`},
	} {
		got, err := kernel(c.release)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("kernel(%q): error %v, want %s", c.release, err, c.err)
			}
			continue
		}
		if err != nil || got != c.want {
			t.Errorf("kernel(%q) = %v, %v, want %v", c.release, got, err, c.want)
		}
	}
}

func TestHierarchies(t *testing.T) {
	for _, c := range []struct {
		name, info string
		want       []host.Hierarchy
		unified    string
	}{
		{
			"a hybrid host",
			`24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
31 24 0:28 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755
32 31 0:29 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
33 31 0:30 / /sys/fs/cgroup/systemd rw shared:11 - cgroup cgroup rw,xattr,name=systemd
34 31 0:31 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid - cgroup cgroup rw,seclabel,cpu,cpuacct
`,
			[]host.Hierarchy{
				{Mountpoint: "/sys/fs/cgroup/systemd", Controllers: []string{"name=systemd"}, Root: "/"},
				{Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Root: "/"},
			},
			"/sys/fs/cgroup/unified",
		},
		{
			"bind mounts of a hierarchy come second",
			`50 24 0:30 /docker/x /var/lib/x/cgroup/memory rw - cgroup cgroup rw,memory
33 31 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
51 24 0:30 / /elsewhere rw - cgroup cgroup rw,memory
52 24 0:29 / /mnt/two rw - cgroup2 cgroup2 rw
`,
			[]host.Hierarchy{{Mountpoint: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}, Root: "/"}},
			"",
		},
		{
			"a root of its own, a path with a blank, an empty source",
			`33 31 0:30 /docker/c0ffee /sys/fs/cgroup/p\040q rw master:2 - cgroup  rw,pids
`,
			[]host.Hierarchy{{Mountpoint: "/sys/fs/cgroup/p q", Controllers: []string{"pids"}, Root: "/docker/c0ffee"}},
			"",
		},
		{"nothing", "", nil, ""},
		{"junk", " - cgroup\n - cgroup2 \nx - cgroup cgroup rw,cpu\n1 2 3 4 5 6 - cgroupfoo x cpu\n", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, unified := hierarchies([]byte(c.info))
			if !reflect.DeepEqual(got, c.want) || unified != c.unified {
				t.Errorf("got %+v, %q\nwant %+v, %q", got, unified, c.want, c.unified)
			}
		})
	}
}

func FuzzHierarchies(f *testing.F) {
	f.Add([]byte("34 31 0:31 / /sys/fs/cgroup/a\\134 rw - cgroup cgroup rw,cpu\n"))
	f.Add([]byte("1 2 0:1 / /sys/fs/cgroup/u rw - cgroup2 none rw"))
	f.Fuzz(func(t *testing.T, info []byte) {
		list, _ := hierarchies(info)
		for _, h := range list {
			if len(h.Controllers) == 0 {
				t.Errorf("%+v has no controller", h)
			}
		}
	})
}

// The kernel's own answers are the expected values.
func TestFactsOfThisHost(t *testing.T) {
	f, err := Facts()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile("/proc/sys/kernel/cap_last_cap"); err != nil {
		t.Log(err)
	} else if want, _ := strconv.Atoi(strings.TrimSpace(string(b))); f.LastCap != want {
		t.Errorf("LastCap = %d, want %d", f.LastCap, want)
	}
	if !f.KnowsCap(0) || !f.KnowsCap(f.LastCap) || f.KnowsCap(f.LastCap+1) || f.KnowsCap(-1) {
		t.Error("KnowsCap does not agree with LastCap")
	}
	if b, err := os.ReadFile("/proc/thread-self/status"); err != nil {
		t.Log(err)
	} else if !strings.Contains(string(b), fmt.Sprintf("CapPrm:\t%016x\n", f.Permitted)) {
		t.Errorf("Permitted = %016x", f.Permitted)
	}
	for _, h := range f.Hierarchies {
		var st unix.Statfs_t
		if err := unix.Statfs(h.Mountpoint, &st); err != nil || st.Type != unix.CGROUP_SUPER_MAGIC {
			t.Errorf("%s is no v1 hierarchy: %v", h.Mountpoint, err)
		}
	}
	switch f.Cgroup {
	case host.V2:
		if f.Unified != cgroupRoot || f.Hierarchies != nil {
			t.Errorf("v2 facts are odd: %+v", f)
		}
	case host.Hybrid:
		if f.Unified == "" || len(f.Hierarchies) == 0 {
			t.Errorf("hybrid facts are odd: %+v", f)
		}
	case host.V1:
		if f.Unified != "" {
			t.Errorf("v1 facts are odd: %+v", f)
		}
	}
	t.Logf("%s, %s, last capability %d, %d hierarchies", f.Kernel, f.Cgroup, f.LastCap, len(f.Hierarchies))
}

func BenchmarkFacts(b *testing.B) {
	for b.Loop() {
		if _, err := Facts(); err != nil {
			b.Fatal(err)
		}
	}
}
