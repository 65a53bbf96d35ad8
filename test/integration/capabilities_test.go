package integration

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
)

// Numbers of capabilities (linux/capability.h).
const (
	chown, kill, setuid, netBind, netRaw, auditWrite = 1 << 0, 1 << 5, 1 << 7, 1 << 10, 1 << 13, 1 << 29
)

// effective are the capabilities of the tests themselves.
func effective(t *testing.T) uint64 {
	t.Helper()
	return statusBits(t, os.Getpid(), "CapEff")
}

func TestCapabilities(t *testing.T) {
	t.Parallel()
	three := []string{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_CHOWN"}
	const bits = kill | netBind | chown
	for _, c := range []struct {
		name string
		uid  uint32
		set  *specs.LinuxCapabilities
		want report.Capabilities
	}{
		{"absent: none at all", 0, nil, report.Capabilities{}},
		{"present and empty", 0, &specs.LinuxCapabilities{}, report.Capabilities{}},
		{"root", 0, &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three},
			report.Capabilities{Bounding: bits, Permitted: bits, Effective: bits}},
		// execve gives root all of its bounding set (capabilities(7)).
		{"root, bounding only", 0, &specs.LinuxCapabilities{Bounding: three},
			report.Capabilities{Bounding: bits, Permitted: bits, Effective: bits}},
		// It does not give more than that.
		{"root, more permitted than bounding", 0, &specs.LinuxCapabilities{Bounding: three[:1], Permitted: three, Effective: three},
			report.Capabilities{Bounding: kill, Permitted: kill, Effective: kill}},
		{"root, inheritable", 0, &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three, Inheritable: three[:2]},
			report.Capabilities{Bounding: bits, Permitted: bits, Effective: bits, Inheritable: kill | netBind}},
		{"a user keeps none without ambient ones", 1000, &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three, Inheritable: three},
			report.Capabilities{Bounding: bits, Inheritable: bits}},
		{"a user with ambient ones", 1000, &specs.LinuxCapabilities{Bounding: three, Permitted: three, Effective: three, Inheritable: three, Ambient: three[:2]},
			report.Capabilities{Bounding: bits, Inheritable: bits, Permitted: kill | netBind, Effective: kill | netBind, Ambient: kill | netBind}},
		{"bounding of a user", 1000, &specs.LinuxCapabilities{Bounding: []string{"CAP_SETUID", "CAP_NET_RAW", "CAP_AUDIT_WRITE"}},
			report.Capabilities{Bounding: setuid | netRaw | auditWrite}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Process.Capabilities, b.Spec.Process.User.UID = c.set, c.uid
			got := b.Process().Capabilities
			if got != c.want {
				t.Errorf("capabilities are %s, want %s", show(got), show(c.want))
			}
		})
	}
	t.Run("nothing that no capability is needed for fails without any", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Process.Capabilities = nil
		b.Mkdir(b.In("made"))
		worked(t, b.Report("write", "/made/x", "x", "read", "/made/x"))
	})
	t.Run("more than vial has", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		var features struct {
			Linux struct{ Capabilities []string }
		}
		b.Must(json.Unmarshal([]byte(b.Vial("features").OK().Stdout), &features))
		same(t, "capabilities", len(features.Linux.Capabilities), 41)
		b.Capabilities(append(features.Linux.Capabilities, "CAP_OF_TOMORROW")...)
		r := b.Run("report")
		own := statusBits(t, os.Getpid(), "CapPrm")
		if got, want := r.WithWarnings().Process.Capabilities, own&(1<<41-1); got != (report.Capabilities{Bounding: want, Permitted: want, Effective: want}) {
			t.Errorf("capabilities are %s, want %x", show(got), want)
		}
		same(t, "a warning names the unknown one", strings.Contains(r.Stderr, `"CAP_OF_TOMORROW" is no capability`), true)
		same(t, "a warning names those that vial lacks", strings.Contains(r.Stderr, "vial itself runs without them"), own != 1<<41-1)
		b.Create("sleep")
		if e := b.Vial("exec", b.ID, "/probe", "report"); e.Status != 0 {
			t.Errorf("exec: %s", e.Stderr)
		}
	})
	t.Run("they work", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mkdir(b.In("made"))
		b.Capabilities("CAP_MKNOD")
		worked(t, b.Report("mknod", "/made/with", "c", "1", "3"))
		b.Capabilities()
		same(t, "mknod without CAP_MKNOD", act(t, b.Report("mknod", "/made/without", "c", "1", "3"), 0).Errno, "EPERM")
	})
}

func show(c report.Capabilities) string {
	return fmt.Sprintf("inh %x prm %x eff %x bnd %x amb %x", c.Inheritable, c.Permitted, c.Effective, c.Bounding, c.Ambient)
}
