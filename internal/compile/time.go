package compile

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// timeNamespace makes a time namespace. Who unshares one stays outside, and its
// children are in it: so the offsets can be set, which they cannot any more once
// a process is in (time_namespaces(7)).
func timeNamespace(c *compiler) {
	if !c.cfg.Namespaces.Has(unix.CLONE_NEWTIME) {
		return
	}
	c.Step(at("linux", "namespaces"), "make a time namespace")
	c.Unshare(unix.CLONE_NEWTIME)
	if len(c.cfg.TimeOffsets) == 0 {
		return
	}
	c.Step(at("linux", "timeOffsets"), "make a procfs to write the offsets through")
	proc := c.privateProc()
	for _, o := range c.cfg.TimeOffsets {
		c.Step(at("linux", "timeOffsets").Key(o.Clock), "set the offset of the clock "+o.Clock)
		c.writeProc(proc, "self/timens_offsets", o.Clock+" "+strconv.FormatInt(o.Secs, 10)+" "+strconv.FormatUint(uint64(o.Nanosecs), 10)+"\n")
	}
	c.Close(proc)
}
