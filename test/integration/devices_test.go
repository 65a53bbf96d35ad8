package integration

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// defaults are the devices that every container has (config-linux.md).
var defaults = []struct{ path, number string }{
	{"/dev/null", "1:3"}, {"/dev/zero", "1:5"}, {"/dev/full", "1:7"},
	{"/dev/random", "1:8"}, {"/dev/urandom", "1:9"}, {"/dev/tty", "5:0"},
}

var devLinks = [][2]string{
	{"/dev/fd", "/proc/self/fd"}, {"/dev/stdin", "/proc/self/fd/0"}, {"/dev/stdout", "/proc/self/fd/1"},
	{"/dev/stderr", "/proc/self/fd/2"}, {"/dev/ptmx", "pts/ptmx"},
}

// TestDevices looks at /dev in all the ways that it can come to be.
func TestDevices(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		prepare func(b *bed.Bundle)
	}{
		{"tmpfs", func(*bed.Bundle) {}},
		{"read-only tmpfs", func(b *bed.Bundle) {
			b.Spec.Mounts[1].Options = append(b.Spec.Mounts[1].Options, "ro")
		}},
		{"no mount", func(b *bed.Bundle) { b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue") }},
		{"no mount, read-only rootfs", func(b *bed.Bundle) {
			b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
			b.Spec.Root.Readonly = true
		}},
		{"no mount, files in the way", func(b *bed.Bundle) {
			b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
			for _, d := range defaults {
				b.File(b.In(d.path), "not a device")
			}
			b.Link("elsewhere", b.In("dev/ptmx"))
		}},
		{"tmpfs with copy-up of wrong nodes", func(b *bed.Bundle) {
			b.Mkdir(b.In("dev"))
			b.Must(unix.Mknod(b.In("dev/null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 5))))
			b.File(b.In("dev/zero"), "not a device")
			b.Spec.Mounts[1].Options = append(b.Spec.Mounts[1].Options, "tmpcopyup")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			c.prepare(b)
			acts := []string{"openDevice", "/dev/null", "rw", "openDevice", "/dev/zero", "r", "openDevice", "/dev/urandom", "r"}
			for _, d := range defaults {
				acts = append(acts, "lstat", d.path)
			}
			for _, l := range devLinks {
				acts = append(acts, "readlink", l[0])
			}
			r := b.Report(acts...)
			worked(t, r)
			for i, d := range defaults {
				f := file(t, act(t, r, 3+i))
				same(t, d.path, fmt.Sprintf("%s %d:%d %o %d:%d", f.Type, f.Major, f.Minor, f.Mode, f.UID, f.GID), "char "+d.number+" 666 0:0")
			}
			for i, l := range devLinks {
				same(t, l[0], act(t, r, 3+len(defaults)+i).Text, l[1])
			}
		})
	}
	t.Run("a bound /dev is the caller's to fill", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
		dev := b.Mkdir(b.Path("dev"))
		b.File(dev+"/mine", "x")
		b.Bind(dev, "/dev")
		same(t, "what is in /dev", strings.Join(act(t, b.Report("ls", "/dev"), 0).Names, " "), "mine")
	})
}

// TestDevicesOwn makes what linux.devices names.
func TestDevicesOwn(t *testing.T) {
	t.Parallel()
	mode := func(m os.FileMode) *os.FileMode { return &m }
	id := func(n uint32) *uint32 { return &n }
	devices := []struct {
		device specs.LinuxDevice
		want   string
	}{
		{specs.LinuxDevice{Path: "/dev/own", Type: "c", Major: 1, Minor: 3, FileMode: mode(0o640), UID: id(7), GID: id(8)}, "char 1:3 640 7:8"},
		{specs.LinuxDevice{Path: "/dev/plain", Type: "c", Major: 10, Minor: 229}, "char 10:229 666 0:0"},
		{specs.LinuxDevice{Path: "/dev/block", Type: "b", Major: 7, Minor: 0, FileMode: mode(0o600)}, "block 7:0 600 0:0"},
		{specs.LinuxDevice{Path: "/dev/unbuffered", Type: "u", Major: 1, Minor: 5}, "char 1:5 666 0:0"},
		{specs.LinuxDevice{Path: "/dev/pipe", Type: "p", FileMode: mode(0o622)}, "fifo 0:0 622 0:0"},
		{specs.LinuxDevice{Path: "/dev/deep/er/own", Type: "c", Major: 1, Minor: 7}, "char 1:7 666 0:0"},
		{specs.LinuxDevice{Path: "/else/where", Type: "c", Major: 1, Minor: 7, FileMode: mode(0o600)}, "char 1:7 600 0:0"},
		{specs.LinuxDevice{Path: "/dev/tty", Type: "c", Major: 5, Minor: 0, FileMode: mode(0o620), GID: id(5)}, "char 5:0 620 0:5"},
		{specs.LinuxDevice{Path: "/dev/big", Type: "c", Major: 4095, Minor: 1048575}, "char 4095:1048575 666 0:0"},
	}
	for _, tmpfs := range []bool{true, false} {
		t.Run(map[bool]string{true: "in a tmpfs", false: "in the rootfs"}[tmpfs], func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			if !tmpfs {
				b.Unmount("/dev", "/dev/pts", "/dev/shm", "/dev/mqueue")
			}
			var acts []string
			for _, d := range devices {
				b.Spec.Linux.Devices = append(b.Spec.Linux.Devices, d.device)
				acts = append(acts, "lstat", d.device.Path)
			}
			// Engines that pass all of the host's devices on list it too.
			b.Spec.Linux.Devices = append(b.Spec.Linux.Devices, specs.LinuxDevice{Path: "/dev/ptmx", Type: "c", Major: 5, Minor: 2})
			acts = append(acts, "readlink", "/dev/ptmx")
			r := b.Report(acts...)
			same(t, "/dev/ptmx", act(t, r, len(devices)).Text, "pts/ptmx")
			for i, d := range devices {
				f := file(t, act(t, r, i))
				same(t, d.device.Path, fmt.Sprintf("%s %d:%d %o %d:%d", f.Type, f.Major, f.Minor, f.Mode, f.UID, f.GID), d.want)
			}
			if !tmpfs {
				// What is in the rootfs are targets, not nodes that the next user of it would find.
				var st unix.Stat_t
				b.Must(unix.Lstat(b.In("dev/own"), &st))
				same(t, "the rootfs's own /dev/own", st.Mode&unix.S_IFMT, unix.S_IFREG)
			}
		})
	}
}

// TestDevicesInTheWay has something at the place of a device.
func TestDevicesInTheWay(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		refused bool
		prepare func(b *bed.Bundle)
	}{
		{"nothing", false, func(*bed.Bundle) {}},
		{"an empty file", false, func(b *bed.Bundle) { b.File(b.In("own/null"), "") }},
		{"the same device", false, func(b *bed.Bundle) {
			b.Mkdir(b.In("own"))
			b.Must(unix.Mknod(b.In("own/null"), unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3))))
		}},
		{"another device", true, func(b *bed.Bundle) {
			b.Mkdir(b.In("own"))
			b.Must(unix.Mknod(b.In("own/null"), unix.S_IFCHR|0o666, int(unix.Mkdev(1, 5))))
		}},
		{"a file with something in it", true, func(b *bed.Bundle) { b.File(b.In("own/null"), "text") }},
		{"a directory", true, func(b *bed.Bundle) { b.Mkdir(b.In("own/null")) }},
		{"a fifo", true, func(b *bed.Bundle) { b.Fifo(b.In("own/null")) }},
		{"a link", true, func(b *bed.Bundle) { b.Link("/dev/null", b.In("own/null")) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			c.prepare(b)
			b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/own/null", Type: "c", Major: 1, Minor: 3}}
			if c.refused {
				b.Run("report").Fails("linux.devices[0]: make the device /own/null: another file is there already")
				return
			}
			for range 2 { // the second time with what the first has left
				same(t, "opening it", act(t, b.Report("openDevice", "/own/null", "rw"), 0).Errno, "")
			}
		})
	}
	t.Run("in a tmpfs", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Bind(b.File(b.Path("file"), "text"), "/dev/own")
		b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/own", Type: "c", Major: 1, Minor: 3}}
		b.Run("report").Fails("linux.devices[0]: make the device /dev/own: mknodat: file exists")
	})
}

// TestDeviceRules uses devices that the cgroup allows or denies.
func TestDeviceRules(t *testing.T) {
	t.Parallel()
	n := func(n int64) *int64 { return &n }
	rule := func(allow bool, kind string, major, minor *int64, access string) specs.LinuxDeviceCgroup {
		return specs.LinuxDeviceCgroup{Allow: allow, Type: kind, Major: major, Minor: minor, Access: access}
	}
	deny := rule(false, "a", nil, nil, "rwm")
	for _, c := range []struct {
		name  string
		rules []specs.LinuxDeviceCgroup
		acts  []string
		want  string // errno of each act
	}{
		{"none: only the defaults", nil,
			[]string{"openDevice", "/dev/null", "rw", "openDevice", "/dev/fuse", "r", "openDevice", "/dev/mem", "r"}, " EPERM EPERM"},
		{"deny all: the defaults work", []specs.LinuxDeviceCgroup{deny},
			[]string{"openDevice", "/dev/zero", "r", "openDevice", "/dev/full", "r", "open", "/dev/fuse", "rw"}, "  EPERM"},
		{"one allowed", []specs.LinuxDeviceCgroup{deny, rule(true, "c", n(10), n(229), "rwm")},
			[]string{"open", "/dev/fuse", "rw", "open", "/dev/mem", "r"}, " EPERM"},
		{"reading allowed, writing not", []specs.LinuxDeviceCgroup{deny, rule(true, "c", n(10), n(229), "r")},
			[]string{"open", "/dev/fuse", "r", "open", "/dev/fuse", "w", "open", "/dev/fuse", "rw"}, " EPERM EPERM"},
		{"a major number allowed", []specs.LinuxDeviceCgroup{deny, rule(true, "c", n(10), nil, "rw")},
			[]string{"open", "/dev/fuse", "rw", "open", "/dev/loop0", "r"}, " EPERM"},
		{"all allowed", []specs.LinuxDeviceCgroup{rule(true, "a", nil, nil, "rwm")},
			[]string{"open", "/dev/fuse", "rw", "open", "/dev/loop0", "r"}, " "},
		{"all allowed, then one denied", []specs.LinuxDeviceCgroup{rule(true, "a", nil, nil, "rwm"), rule(false, "c", n(10), n(229), "rw")},
			[]string{"open", "/dev/fuse", "rw", "open", "/dev/loop0", "r"}, "EPERM "},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			for _, d := range []specs.LinuxDevice{
				{Path: "/dev/fuse", Type: "c", Major: 10, Minor: 229}, {Path: "/dev/mem", Type: "c", Major: 1, Minor: 1},
				{Path: "/dev/loop0", Type: "b", Major: 7, Minor: 0},
			} {
				// That of /dev/mem is never allowed, so it need not be there.
				if _, err := os.Stat(d.Path); err != nil && d.Path != "/dev/mem" {
					bed.Skip(t, "this host has no "+d.Path)
				}
				b.Spec.Linux.Devices = append(b.Spec.Linux.Devices, d)
			}
			b.Capabilities("CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE")
			b.Resources().Devices = c.rules
			var got []string
			for _, a := range b.Report(c.acts...).Acts {
				got = append(got, a.Errno)
			}
			same(t, "errors", fmt.Sprintf("%q", got), fmt.Sprintf("%q", strings.Split(c.want, " ")))
		})
	}
	t.Run("making a node is allowed, opening it is not", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Capabilities("CAP_MKNOD", "CAP_DAC_OVERRIDE")
		r := b.Report("mknod", "/dev/x", "b", "7", "0", "open", "/dev/x", "r")
		same(t, "mknod", act(t, r, 0).Errno, "")
		same(t, "open", act(t, r, 1).Errno, "EPERM")
	})
}

// TestDevicesWhileRulesAreSet makes many containers one after another: the rules
// of the cgroup, which begin with one that denies all, must not be in the way of
// the runtime's own devices.
func TestDevicesWhileRulesAreSet(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Program(b.In("true"), bed.TrueELF())
	b.Spec.Process.Args = []string{"/true"}
	b.Resources().Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	for range bed.Rounds(60) {
		b.RunSpec().OK()
	}
}
