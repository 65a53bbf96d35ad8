package cgroup

import (
	"errors"
	"reflect"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
)

var (
	factsV2 = host.Facts{Cgroup: host.V2, Unified: "/sys/fs/cgroup"}
	factsV1 = host.Facts{Cgroup: host.V1, Hierarchies: []host.Hierarchy{
		{Mountpoint: "/sys/fs/cgroup/systemd", Controllers: []string{"name=systemd"}, Root: "/"},
		{Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Root: "/"},
		{Mountpoint: "/sys/fs/cgroup/devices", Controllers: []string{"devices"}, Root: "/docker/c1"},
	}}
	factsHybrid = host.Facts{Cgroup: host.Hybrid, Unified: "/sys/fs/cgroup/unified", Hierarchies: factsV1.Hierarchies}
)

func TestPlace(t *testing.T) {
	own := map[string]string{
		"":             "/user.slice/session-1.scope",
		"name=systemd": "/user.slice/session-1.scope",
		"cpu":          "/", "cpuacct": "/",
		"devices": "/docker/c1/inner",
	}
	for _, c := range []struct {
		name  string
		facts host.Facts
		text  string
		want  []string
	}{
		{"absolute, v2", factsV2, "/a/b", []string{"/sys/fs/cgroup/a/b"}},
		{"absolute, not clean", factsV2, "//a/./b/", []string{"/sys/fs/cgroup/a/b"}},
		{"upwards, v2", factsV2, "/../../x", []string{"/sys/fs/cgroup/x"}},
		{"relative, v2", factsV2, "a/b", []string{"/sys/fs/cgroup/user.slice/a/b"}},
		{"relative and upwards, v2", factsV2, "../../b", []string{"/sys/fs/cgroup/user.slice/b"}},
		{"empty, v2", factsV2, "", []string{"/sys/fs/cgroup/user.slice/c9"}},
		{"a dot, v2", factsV2, ".", []string{"/sys/fs/cgroup/user.slice/c9"}},
		{"absolute, v1", factsV1, "/a/b", []string{
			"/sys/fs/cgroup/systemd/a/b", "/sys/fs/cgroup/cpu,cpuacct/a/b", "/sys/fs/cgroup/devices/a/b",
		}},
		{"empty, v1", factsV1, "", []string{
			"/sys/fs/cgroup/systemd/user.slice/session-1.scope/c9", "/sys/fs/cgroup/cpu,cpuacct/c9", "/sys/fs/cgroup/devices/inner/c9",
		}},
		{"relative, hybrid", factsHybrid, "a", []string{
			"/sys/fs/cgroup/systemd/user.slice/session-1.scope/a", "/sys/fs/cgroup/cpu,cpuacct/a", "/sys/fs/cgroup/devices/inner/a",
			"/sys/fs/cgroup/unified/a",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dirs, err := place(&c.facts, c.text, "c9", func() (map[string]string, error) { return own, nil })
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, d := range dirs {
				got = append(got, d.Dir)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestPlaceRefuses(t *testing.T) {
	for _, c := range []struct {
		facts host.Facts
		text  string
		want  string
	}{
		{factsV2, "/", `linux.cgroupsPath: "/" is the root of the hierarchy, which belongs to the host`},
		{factsV2, "/a/..", `linux.cgroupsPath: "/a/.." is the root of the hierarchy, which belongs to the host`},
		{factsV1, "system.slice:vial:c9", `linux.cgroupsPath: "system.slice:vial:c9" is a path for systemd: use --systemd-cgroup, or a path such as /c9`},
		{host.Facts{}, "/a", `no cgroup filesystem is mounted below /sys/fs/cgroup: mount cgroup2 there`},
		{factsV1, "a", `broken`},
	} {
		_, err := place(&c.facts, c.text, "c9", func() (map[string]string, error) { return nil, errors.New("broken") })
		if err == nil || err.Error() != c.want {
			t.Errorf("%q: got  %v\nwant %s", c.text, err, c.want)
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct{ root, own, want string }{
		{"/", "/", "/"},
		{"/", "/a/b", "/a/b"},
		{"/a", "/a", "/"},
		{"/a", "/a/b", "/b"},
		{"/a", "/ab", "/"},
		{"/a", "/", "/"},
		{"/", "/../x", "/"}, // seen from within a cgroup namespace
		{"/", "//..", "/"},
		{"/", "/..x", "/..x"},
		{"/", "", "/"},
	} {
		if got := below(c.root, c.own); got != c.want {
			t.Errorf("below(%q, %q) = %q, want %q", c.root, c.own, got, c.want)
		}
	}
}

func TestParseOwn(t *testing.T) {
	got := parseOwn("9:name=systemd:/a\n4:cpu,cpuacct:/b:c (deleted)\n0::/d\n\njunk\n7:x\n")
	want := map[string]string{"name=systemd": "/a", "cpu": "/b:c", "cpuacct": "/b:c", "": "/d"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func FuzzPlace(f *testing.F) {
	f.Add("/a/../b", "/x")
	f.Add("../..", "/x/y")
	f.Add("b", "//..")
	f.Fuzz(func(t *testing.T, text, own string) {
		for _, facts := range []host.Facts{factsV1, factsV2, factsHybrid} {
			dirs, err := place(&facts, text, "c9", func() (map[string]string, error) {
				return map[string]string{"": own, "cpu": own, "devices": own, "name=systemd": own}, nil
			})
			if err != nil {
				continue
			}
			for _, d := range dirs {
				if len(d.Dir) <= len(d.root)+1 || d.Dir[:len(d.root)+1] != d.root+"/" {
					t.Errorf("%q from %q leads to %q, out of %q", text, own, d.Dir, d.root)
				}
			}
		}
	})
}

func TestPathsAndDirs(t *testing.T) {
	p, err := NewPlan(&factsHybrid, &specs.Spec{Linux: &specs.Linux{CgroupsPath: "/x"}}, "c9", Filesystem)
	if err != nil {
		t.Fatal(err)
	}
	paths := map[string]string{
		"name=systemd": "/sys/fs/cgroup/systemd/x",
		"cpu":          "/sys/fs/cgroup/cpu,cpuacct/x", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct/x",
		"devices": "/sys/fs/cgroup/devices/x",
		"":        "/sys/fs/cgroup/unified/x",
	}
	if got := p.Paths(); !reflect.DeepEqual(got, paths) {
		t.Errorf("Paths: got %v\nwant %v", got, paths)
	}
	dirs := []host.CgroupDir{
		{Name: "systemd", Dir: "/sys/fs/cgroup/systemd/x", Controllers: []string{"name=systemd"}},
		{Name: "cpu,cpuacct", Dir: "/sys/fs/cgroup/cpu,cpuacct/x", Controllers: []string{"cpu", "cpuacct"}},
		{Name: "devices", Dir: "/sys/fs/cgroup/devices/x", Controllers: []string{"devices"}},
		{Name: "unified", Dir: "/sys/fs/cgroup/unified/x"},
	}
	if got := p.Dirs(); !reflect.DeepEqual(got, dirs) {
		t.Errorf("Dirs: got %v\nwant %v", got, dirs)
	}
	if got := len(distinct(paths)); got != 4 {
		t.Errorf("distinct: %d", got)
	}
}
