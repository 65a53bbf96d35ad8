package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// session keeps the container from pushing characters into the terminal that
// vial was called from (TIOCSTI, CVE-2017-5226).
func session(c *compiler) {
	c.Step(program.Runtime, "start a session")
	c.Setsid()
}

// Keyring is whose session keyring a container has.
type Keyring uint8

const (
	OwnKeyring     Keyring = iota // one named for the container
	CallersKeyring                // that of who called vial
)

// keyringPermissions are those of a new session keyring
// (security/keys/process_keys.c: all to the possessor, view, read and link to
// the user) and search for the user, so that exec can join it by name.
const keyringPermissions = 0x3f1b0000

// keyring gives the container a session keyring of its own, since keyrings
// know no namespaces but the user's.
func keyring(c *compiler) {
	if c.in.Keyring == CallersKeyring {
		return
	}
	c.Step(program.Runtime, "join a session keyring of its own")
	none := c.Label()
	key := c.Slot("keyring")
	c.JoinSessionKeyring("_ses."+c.in.ID).Into(key).On(unix.ENOSYS, none)
	c.SetKeyPermissions(key, keyringPermissions)
	c.Place(none)
}
