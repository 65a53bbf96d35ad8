package hostile

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestProcShape makes /proc and /sys of the image something else than plain
// directories (CVE-2019-16884, 2019-19921, 2023-27561, 2023-28642, 2025-54867).
func TestProcShape(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"proc", "sys"} {
		for _, o := range objects() {
			if o.name == "a directory" || o.name == "a mount" {
				continue // which are what they have to be
			}
			t.Run(point+": "+o.name, func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				a.File(a.Path("outside"), "")
				o.put(a, a.In(point))
				index, fstype := 0, "proc"
				if point == "sys" {
					index, fstype = 5, "sysfs"
				}
				a.refused(fmt.Sprintf("mounts[%d]: open /%s: filesystem %q must be mounted on ordinary directory: ", index, point, fstype))
			})
		}
		t.Run(point+": covered by a tmpfs with files of the same names", func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Tmpfs(a.In(point))
			a.File(a.In(point+"/self/attr/exec"), "fake")
			a.File(a.In(point+"/sys/kernel/domainname"), "fake")
			r := a.run("stat", "/"+point)
			magic := map[string]int64{"proc": unix.PROC_SUPER_MAGIC, "sys": unix.SYSFS_MAGIC}[point]
			if f := last(r).File; f == nil || f.Filesystem != magic || f.Inode != 1 {
				t.Errorf("/%s is %+v", point, f)
			}
		})
	}
}

// TestProcMounts tries to get something of its own into /proc by the config.
func TestProcMounts(t *testing.T) {
	t.Parallel()
	for _, destination := range []string{
		"/proc/self", "/proc/sys", "/proc/../proc/sys", "//proc//sys", "/proc/sys/kernel", "/proc/./self/attr",
		"/a/../proc/self", "/proc/self/exe", "/proc/1", "/proc/net/dev", "/proc/keys",
	} {
		t.Run(destination, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Bind(a.decoy.dir, destination)
			a.refused("mounts[6]: ", "cannot be mounted because it is inside /proc")
		})
	}
	t.Run("another filesystem on /proc", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Mount("/proc", "tmpfs", "tmpfs")
		a.refused("mounts[6]: ", `"/proc" cannot be mounted because it is not of type proc`)
	})
	t.Run("a link of the image's that leads a mount into /proc", func(t *testing.T) {
		t.Parallel()
		for _, target := range []string{"/proc/sys/kernel", "/proc"} {
			a := newAttack(t)
			a.Link(target, a.In("way"))
			given := a.Mkdir(a.Path("given"))
			a.File(given+"/shm_rmid_forced", "")
			a.Bind(given, "/way")
			a.Mount("/real", "proc", "proc")
			a.Spec.Linux.Sysctl = map[string]string{"kernel.shm_rmid_forced": "1"}
			// The container may spoil its own view; what is set is set all the same.
			if r := a.run("read", "/real/sys/kernel/shm_rmid_forced"); r != nil && strings.TrimSpace(last(r).Text) != "1" {
				t.Errorf("the sysctl is %q", last(r).Text)
			}
			if text, err := os.ReadFile(given + "/shm_rmid_forced"); err != nil || len(text) > 0 {
				t.Errorf("the sysctl was written into the volume: %q", text)
			}
		}
	})
	t.Run("two of them", func(t *testing.T) {
		t.Parallel()
		a := newAttack(t)
		a.Mount("/a/../proc", "proc", "proc")
		if f := last(a.run("stat", "/proc")).File; f == nil || f.Filesystem != unix.PROC_SUPER_MAGIC {
			t.Errorf("/proc is %+v", f)
		}
	})
	for _, file := range []string{"cpuinfo", "meminfo", "stat", "uptime", "loadavg", "diskstats", "swaps"} {
		t.Run("lxcfs may replace "+file, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Bind(a.File(a.Path("given"), "virtual"), "/proc/"+file)
			if got := last(a.run("read", "/proc/"+file)).Text; got != "virtual" {
				t.Errorf("%s is %q", file, got)
			}
		})
	}
}

// TestProcWrites covers the files that the runtime writes to (CVE-2025-52881):
// what it writes must arrive, and nowhere else.
func TestProcWrites(t *testing.T) {
	t.Parallel()
	const sysctl, adj = "proc/sys/kernel/shm_rmid_forced", "proc/self/oom_score_adj"
	covers := []struct {
		name string
		put  func(a *attack, fake string)
	}{
		{"files in a volume on /proc", func(a *attack, fake string) {
			a.File(fake+"/sys/kernel/shm_rmid_forced", "")
			a.File(fake+"/self/oom_score_adj", "")
		}},
		{"links to the decoy in a volume on /proc", func(a *attack, fake string) {
			a.Link(a.decoy.path("file"), fake+"/sys/kernel/shm_rmid_forced")
			a.Link(a.decoy.path("file"), fake+"/self/oom_score_adj")
		}},
		{"links to other files of the kernel's", func(a *attack, fake string) {
			// Of the container's own namespace, should a write ever get there.
			a.Link("/real/sys/kernel/domainname", fake+"/sys/kernel/shm_rmid_forced")
			a.Link("/real/sys/kernel/domainname", fake+"/self/oom_score_adj")
		}},
		{"fifos in a volume on /proc", func(a *attack, fake string) {
			a.Fifo(fake + "/sys/kernel/shm_rmid_forced")
			a.Fifo(fake + "/self/oom_score_adj")
		}},
	}
	for _, c := range covers {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Unmount("/proc")
			a.Mount("/real", "proc", "proc")
			fake := a.Mkdir(a.Path("fake"))
			c.put(a, fake)
			a.Bind(fake, "/proc")
			n := 777
			a.Spec.Process.OOMScoreAdj = &n
			a.Spec.Linux.Sysctl = map[string]string{"kernel.shm_rmid_forced": "1"}
			r := a.run("read", "/real/sys/kernel/domainname", "read", "/real/self/oom_score_adj", "read", "/real/sys/kernel/shm_rmid_forced")
			n = len(r.Acts)
			for i, want := range []string{"(none)", "777", "1"} {
				if got := strings.TrimSpace(r.Acts[n-3+i].Text); got != want {
					t.Errorf("%s is %q, want %q", r.Acts[n-3+i].Do[1], got, want)
				}
			}
			for _, path := range []string{sysctl, adj} {
				file := a.Path("fake", strings.TrimPrefix(path, "proc/"))
				if info, err := os.Lstat(file); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
					t.Errorf("%s was written", file)
				}
			}
		})
	}
}

// TestSysctlKeys gives keys that are the host's, or are meant to become them on
// the way (CVE-2022-0811).
func TestSysctlKeys(t *testing.T) {
	t.Parallel()
	all := []specs.LinuxNamespaceType{specs.MountNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace}
	for _, key := range []string{
		"kernel.core_pattern", "kernel.hostname", "kernel.sysrq", "vm.overcommit_memory", "fs.file-max", "user.max_user_namespaces",
		"net/../kernel/core_pattern", "net.ipv4/../../kernel/core_pattern", "net.ipv4..x", "kernel.shm_rmid_forced/", "/kernel/msgmax",
		"", ".", "..", "net", "kernel.msgmax+kernel.core_pattern=x", "kernel.msgmax=1", "kernel.msgmax\nkernel.core_pattern", "kernel.msgmax\x00",
		strings.Repeat("net.", 1024), "net.ipv4.\u202e", "kernel.%63ore_pattern", "../kernel/msgmax", "net.ipv4.conf.-/../../../kernel/core_pattern",
	} {
		t.Run(fmt.Sprintf("%.30q", key), func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			// Should it ever be written, it changes nothing.
			a.Spec.Linux.Sysctl = map[string]string{key: strings.TrimSpace(a.text("/proc/sys/kernel/core_pattern"))}
			a.refused("linux.sysctl")
		})
	}
	for key, missing := range map[string]specs.LinuxNamespaceType{
		"net.ipv4.ip_forward": specs.NetworkNamespace, "kernel.msgmax": specs.IPCNamespace,
		"fs.mqueue.msg_max": specs.IPCNamespace, "kernel.domainname": specs.UTSNamespace,
	} {
		t.Run(key+" without a namespace", func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Spec.Hostname = ""
			a.Spec.Linux.Namespaces = nil
			for _, kind := range all {
				if kind != missing {
					a.Spec.Linux.Namespaces = append(a.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
				}
			}
			a.Spec.Linux.Sysctl = map[string]string{key: "1"}
			a.refused("linux.sysctl[")
		})
	}
	for _, value := range []string{"1\nkernel.core_pattern=x", "1\r", strings.Repeat("1", 5000)} {
		t.Run(fmt.Sprintf("value %.20q", value), func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Spec.Linux.Sysctl = map[string]string{"kernel.msgmax": value}
			a.refused("linux.sysctl[")
		})
	}
}
