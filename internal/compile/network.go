package compile

import "golang.org/x/sys/unix"

// network brings the loopback interface of a new network namespace up. The
// kernel gives it its addresses when it comes up (net/ipv4/devinet.c).
func network(c *compiler) {
	if !c.cfg.Namespaces.Has(unix.CLONE_NEWNET) {
		return
	}
	c.Step(at("linux", "namespaces"), "bring the loopback interface up")
	socket := c.Slot("socket")
	c.Socket(unix.AF_INET, unix.SOCK_DGRAM).Into(socket)
	c.SetInterfaceFlags(socket, "lo", unix.IFF_UP)
	c.Close(socket)
}
