package compile

import "golang.org/x/sys/unix"

// user becomes process.user. KEEPCAPS lets the permitted set outlive the
// change from root; execve clears it, and the pass after this one sets exactly
// what the config names.
func user(c *compiler) {
	u := c.spec.Process.User
	c.Step(at("process", "user"), "become the user")
	c.chownStdio(u.UID)
	if u.UID != 0 {
		c.Prctl(unix.PR_SET_KEEPCAPS, 1)
	}
	c.Setgroups(u.AdditionalGids)
	c.Setresgid(u.GID)
	c.Setresuid(u.UID)
}
