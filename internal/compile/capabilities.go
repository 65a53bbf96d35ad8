package compile

import "golang.org/x/sys/unix"

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
	known := uint64(1)<<(c.in.Facts.LastCap+1) - 1
	set := c.cfg.Capabilities
	c.Step(at("process", "capabilities"), "set the capabilities")
	c.Capset(set.Effective&known, set.Permitted&known, set.Inheritable&known)
	if set.Inheritable&known == 0 {
		return // the kernel keeps the ambient set within the inheritable one: it is empty
	}
	c.Step(at("process", "capabilities", "ambient"), "set the ambient capabilities")
	c.PrctlAmbient(unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	for n := 0; n <= c.in.Facts.LastCap; n++ {
		if set.Ambient&(1<<n) != 0 {
			c.PrctlAmbient(unix.PR_CAP_AMBIENT_RAISE, n)
		}
	}
}
