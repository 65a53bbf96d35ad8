package hostile

import (
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// TestFileCapabilities runs a program of the image's that asks for capabilities
// by its file, as a user that was given none (CVE-2022-29162, 2022-27650).
func TestFileCapabilities(t *testing.T) {
	t.Parallel()
	net := []string{"CAP_NET_ADMIN"}
	for _, c := range []struct {
		name  string
		set   *specs.LinuxCapabilities
		nnp   bool
		gains bool
	}{
		{"absent", nil, false, false},
		{"empty", &specs.LinuxCapabilities{}, false, false},
		{"bounding alone", &specs.LinuxCapabilities{Bounding: net}, false, false},
		{"all but inheritable", &specs.LinuxCapabilities{Bounding: net, Permitted: net, Effective: net}, false, false},
		{"inheritable as asked for", &specs.LinuxCapabilities{Bounding: net, Permitted: net, Effective: net, Inheritable: net}, false, true},
		{"inheritable, no new privileges", &specs.LinuxCapabilities{Bounding: net, Permitted: net, Effective: net, Inheritable: net}, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.capable("tool", 12)
			a.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
			a.Spec.Process.Capabilities, a.Spec.Process.NoNewPrivileges = c.set, c.nnp
			r := a.judge(a.Run("report", "exec", "/tool", "report"))
			if r == nil {
				t.Fatal("refused")
			}
			got := r.Process.Capabilities
			want := report.Capabilities{}
			if c.set != nil && c.set.Bounding != nil {
				want.Bounding = 1 << 12
			}
			if c.set != nil && c.set.Inheritable != nil {
				want.Inheritable = 1 << 12
			}
			if c.gains {
				want.Permitted, want.Effective = 1<<12, 1<<12
			}
			if got != want {
				t.Errorf("the tool has %+v, want %+v", got, want)
			}
		})
	}
}

// capable puts a copy of the probe into the rootfs whose file asks for one
// capability, inherited and effective (struct vfs_cap_data, revision 2).
func (a *attack) capable(name string, number int) {
	a.T.Helper()
	text, err := os.ReadFile(bed.Probe())
	a.Must(err)
	a.Program(a.In(name), text)
	data := make([]byte, 20)
	binary.LittleEndian.PutUint32(data, 0x02000001)
	binary.LittleEndian.PutUint32(data[8:], 1<<number)
	if err := unix.Setxattr(a.In(name), "security.capability", data, 0); err != nil {
		bed.Skip(a.T.(*testing.T), "this filesystem keeps no capabilities of files: "+err.Error())
	}
}

// TestSetuid: no new privileges means none by a setuid file either.
func TestSetuid(t *testing.T) {
	t.Parallel()
	for _, nnp := range []bool{true, false} {
		a := newAttack(t)
		text, err := os.ReadFile(bed.Probe())
		a.Must(err)
		a.Program(a.In("tool"), text)
		a.Must(os.Chmod(a.In("tool"), 0o755|os.ModeSetuid))
		a.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		a.Spec.Process.NoNewPrivileges = nnp
		r := a.judge(a.Run("exec", "/tool", "report"))
		want := uint32(0)
		if nnp {
			want = 1000
		}
		if r.Process.UID[1] != want {
			t.Errorf("with noNewPrivileges %v a setuid file gives uid %d", nnp, r.Process.UID[1])
		}
		if r.Process.Capabilities.Effective != 0 {
			t.Errorf("and capabilities %x", r.Process.Capabilities.Effective)
		}
	}
}

// TestCapabilityNames: what is no capability gives none, and a typing error is
// told. The spec wants a warning, not a failure (config.md, Linux process).
func TestCapabilityNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CAP_NONSENSE", "", "CAP_", "kill", "CAP_KILL\x00", "CAP_KILL ", "ALL", "CAP_KILL\nvial: ", "cap_kill"} {
		a := newAttack(t)
		a.Capabilities(name)
		r := a.Run("report")
		if strings.Contains(name, "\x00") {
			r.Fails("a string must not hold a NUL")
			continue
		}
		if got := r.WithWarnings().Process.Capabilities; got != (report.Capabilities{}) {
			t.Errorf("%q was taken for a capability: %+v", name, got)
		}
		if n := strings.Count(r.Stderr, " is no capability: it is not granted\n"); n != 3 || strings.Count(r.Stderr, "\n") != 3 {
			t.Errorf("%q: %s", name, r.Stderr)
		}
	}
}
