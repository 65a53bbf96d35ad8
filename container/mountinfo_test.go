package container

import (
	"slices"
	"strings"
	"testing"
)

const hostMountinfo = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw
24 23 0:30 / /proc/sys/fs/binfmt_misc rw shared:3 - autofs systemd-1 rw
25 22 0:22 / /sys rw shared:4 - sysfs sysfs rw
26 22 0:23 / /with\\040space\\134 rw - tmpfs tmpfs rw
27 26 0:24 / /with\\040space\\134/bundle rw - tmpfs tmpfs rw
28 22 0:25 / /sys rw - tmpfs again rw
`

func TestMountinfo(t *testing.T) {
	mounts, err := parseMountinfo(strings.ReplaceAll(hostMountinfo, `\\`, `\`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/": "/", "/bundle": "/", "/proc/sys": "/proc", "/procession": "/",
		`/with space\/bundle/rootfs`: `/with space\/bundle`, `/with space\/bundles`: `/with space\`,
	} {
		if got := mountpointOf(mounts, path); got != want {
			t.Errorf("%s is in the mount at %s, want %s", path, got, want)
		}
	}
	if got, want := onRoot(mounts), []string{"/sys", `/with space\`, "/sys", "/proc"}; !slices.Equal(got, want) {
		t.Errorf("on the root are %q, want %q", got, want)
	}
	if _, err := parseMountinfo("1 2 3\n"); err == nil {
		t.Error("half a line is taken")
	}
}

// FuzzMountinfo: names on the host are anybody's.
func FuzzMountinfo(f *testing.F) {
	f.Add(hostMountinfo)
	f.Fuzz(func(t *testing.T, text string) {
		mounts, err := parseMountinfo(text)
		if err == nil && len(onRoot(mounts)) > len(mounts) {
			t.Error("more mounts than there are")
		}
	})
}
