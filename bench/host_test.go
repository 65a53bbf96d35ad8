package main

import (
	"reflect"
	"testing"
)

func TestParseCgroupMounts(t *testing.T) {
	const info = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:26 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
32 30 0:28 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
33 30 0:29 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate,favordynmods
34 22 0:29 / /somewhere/else rw,relatime - cgroup2 cgroup2 rw
`
	got := parseCgroupMounts(info)
	want := []cgroupMount{
		{"/sys/fs/cgroup/unified", "rw,nsdelegate,favordynmods", true},
		{"/sys/fs/cgroup/cpu,cpuacct", "rw,cpu,cpuacct", false},
		{"/sys/fs/cgroup/systemd", "rw,xattr,name=systemd", false},
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%+v\nwant %+v", got, want)
	}
	if list := got[1].controllers(); !reflect.DeepEqual(list, []string{"cpu", "cpuacct"}) {
		t.Errorf("controllers %q", list)
	}
	if list := got[2].controllers(); !reflect.DeepEqual(list, []string{"name=systemd"}) {
		t.Errorf("controllers %q", list)
	}
}

func TestParseVersion(t *testing.T) {
	for text, want := range map[string]string{
		"vial version 0.1.0\ncommit: unknown\nspec: 1.3.0\n":                  "0.1.0",
		"runc version 1.5.1\ncommit: v1.5.1-0-g8f26\nspec: 1.3.0\n":           "1.5.1 (v1.5.1-0-g8f26)",
		"crun version 1.27.1-de61c5\ncommit: de61c5\nrundir: /run/crun\n+CAP": "1.27.1-de61c5",
		"something": "something",
	} {
		if got := parseVersion(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestFieldOf(t *testing.T) {
	const text = "Name:\tvial\nVmHWM:\t    3344 kB\nThreads:\t5\nRss:\n"
	for name, want := range map[string]int{"VmHWM": 3344, "Threads": 5, "Rss": 0, "VmPeak": 0, "Vm": 0} {
		if got := fieldOf(text, name); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n", "5", "-cgroup", "v2", "--json", "-crun", "/opt/crun"})
	if err != nil || o.rounds != 5 || o.cgroup != "v2" || !o.json || o.paths["crun"] != "/opt/crun" {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"-n", "0"}, {"-workers", "0"}, {"-cgroup", "v1"}, {"more"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%q: want an error", args)
		}
	}
}
