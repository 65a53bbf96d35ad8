package integration

import (
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

func TestSysctl(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"kernel.shm_rmid_forced": "1", "kernel.msgmax": "4096", "kernel.sem": "100\t200\t30\t40",
		"fs.mqueue.msg_max": "7", "net.ipv4.ip_forward": "1", "net/ipv4/conf/lo/accept_local": "1",
		"kernel.domainname": "from.sysctl", "net.ipv4.ping_group_range": "0 7",
	}
	for _, proc := range []string{"", "without a /proc", "/proc/sys is read-only"} {
		t.Run(proc, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Linux.Sysctl = values
			var acts, keys []string
			for key := range values {
				keys = append(keys, key)
				acts = append(acts, "read", "/proc/sys/"+strings.ReplaceAll(key, ".", "/"))
			}
			switch proc {
			case "without a /proc":
				b.Unmount("/proc")
				same(t, "domainname", b.Process().Domainname, "from.sysctl")
				return
			case "/proc/sys is read-only":
				b.Spec.Linux.ReadonlyPaths = []string{"/proc/sys"}
			}
			before := readHost(t, "/proc/sys/kernel/msgmax") + readHost(t, "/proc/sys/net/ipv4/ip_forward")
			r := b.Report(acts...)
			for i, key := range keys {
				same(t, key, strings.Join(strings.Fields(act(t, r, i).Text), " "), strings.Join(strings.Fields(values[key]), " "))
			}
			same(t, "the host's", readHost(t, "/proc/sys/kernel/msgmax")+readHost(t, "/proc/sys/net/ipv4/ip_forward"), before)
		})
	}
	t.Run("a value that the kernel refuses", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.Sysctl = map[string]string{"kernel.msgmax": "nonsense"}
		b.Run("report").Fails("linux.sysctl[\"kernel.msgmax\"]: write kernel.msgmax: write: invalid argument")
	})
	t.Run("one that does not exist", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.Sysctl = map[string]string{"net.no.such": "1"}
		b.Run("report").Fails("linux.sysctl[\"net.no.such\"]: write net.no.such: openat2: no such file or directory")
	})
}
