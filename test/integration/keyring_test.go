package integration

import (
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestKeyring: a container has a session keyring of its own, which exec joins,
// or that of who has called vial.
func TestKeyring(t *testing.T) {
	t.Parallel()
	own, err := unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	if err != nil {
		bed.Skip(t, "this process has no session keyring: "+err.Error())
	}
	for _, c := range []struct {
		flags []string
		own   bool
	}{{nil, true}, {[]string{"--no-new-keyring"}, false}} {
		t.Run(strings.Join(append([]string{"create"}, c.flags...), " "), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Write("report", "sleep")
			b.Vial(append(append([]string{"create", "--bundle", b.Dir, "--pid-file", b.Path("pid")}, c.flags...), b.ID)...).OK()
			b.Adopt(b.Path("pid"))
			b.Vial("start", b.ID).OK()
			first, second := inside(b), inside(b)
			same(t, "it is the caller's", first.KeyringID == own, !c.own)
			same(t, "it has the container's name", strings.HasSuffix(first.Keyring, ";_ses."+b.ID), c.own)
			same(t, "the next exec's", second.KeyringID, first.KeyringID)
			other := bed.New(t)
			if another := other.Process().KeyringID; another == first.KeyringID {
				t.Errorf("another container has the same keyring %d", another)
			}
		})
	}
}
