package compile

import (
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"golang.org/x/sys/unix"
)

// Grantable are the capabilities that a process of the container can have: all
// that the kernel knows in a user namespace of its own, else what vial has too.
// The spec wants no failure for want of the others.
func Grantable(cfg *config.Config, facts *host.Facts) uint64 {
	known := uint64(1)<<(facts.LastCap+1) - 1
	if cfg.Namespaces.Has(unix.CLONE_NEWUSER) {
		return known
	}
	return known & facts.Permitted
}

// boundingSet drops from the bounding set what the config does not name.
func boundingSet(c *compiler) {
	c.Step(at("process", "capabilities", "bounding"), "drop the other capabilities from the bounding set")
	for n := 0; n <= c.in.Facts.LastCap; n++ {
		if c.cfg.Capabilities.Bounding&(1<<n) == 0 {
			c.Prctl(unix.PR_CAPBSET_DROP, uint64(n))
		}
	}
}

// capabilities sets the other four sets. A set that is absent is empty.
func capabilities(c *compiler) {
	can := Grantable(c.cfg, &c.in.Facts)
	set := c.cfg.Capabilities
	c.Step(at("process", "capabilities"), "set the capabilities")
	c.Capset(set.Effective&can, set.Permitted&can, set.Inheritable&can)
	if set.Inheritable&can == 0 {
		return // the kernel keeps the ambient set within the inheritable one: it is empty
	}
	c.Step(at("process", "capabilities", "ambient"), "set the ambient capabilities")
	c.PrctlAmbient(unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	for n := 0; n <= c.in.Facts.LastCap; n++ {
		if set.Ambient&can&(1<<n) != 0 {
			c.PrctlAmbient(unix.PR_CAP_AMBIENT_RAISE, n)
		}
	}
}
