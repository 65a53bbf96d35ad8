package compile

import (
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// clearUmask makes the modes of files that the program makes exact.
func clearUmask(c *compiler) {
	c.Step(program.Runtime, "make modes of new files exact")
	c.Umask(0)
}

// defaultUmask is what runc leaves a process that asks for none.
const defaultUmask = 0o022

// setUmask sets process.user.umask.
func setUmask(c *compiler) {
	mask, origin := uint32(defaultUmask), program.Runtime
	if u := c.spec.Process.User.Umask; u != nil {
		mask, origin = *u, at("process", "user", "umask")
	}
	c.Step(origin, "set the umask")
	c.Umask(mask)
}

// rlimits sets process.rlimits.
func rlimits(c *compiler) {
	for i, r := range c.cfg.Rlimits {
		c.Step(at("process", "rlimits").Index(i), "set "+r.Name)
		c.Setrlimit(r.Resource, r.Soft, r.Hard)
	}
}

// noNewPrivileges keeps execve from giving privileges, for good.
func noNewPrivileges(c *compiler) {
	if !c.spec.Process.NoNewPrivileges {
		return
	}
	c.Step(at("process", "noNewPrivileges"), "give up gaining privileges")
	c.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1)
}

// workingDirectory enters process.cwd, which is made if it is missing. It is
// opened beneath the root without magic links, so it lies inside whatever the
// path says (CVE-2024-21626). If root may not enter it the user gets a try.
func workingDirectory(c *compiler) {
	c.Step(at("process", "cwd"), "enter "+c.spec.Process.Cwd)
	c.enter(c.dirTarget(c.spec.Process.Cwd, program.DirInRoot))
}

// existingWorkingDirectory is workingDirectory for a container that exists: a
// directory that is missing there is an error.
func existingWorkingDirectory(c *compiler) {
	c.Step(at("process", "cwd"), "enter "+c.spec.Process.Cwd)
	c.Openat2(c.root.Content(), inRoot(c.spec.Process.Cwd), program.DirInRoot).Into(c.target)
	c.enter(c.target)
}

// enter makes the directory in a slot the working directory, and closes the root.
func (c *compiler) enter(dir program.Slot) {
	c.cwd = c.Slot("cwd")
	done, denied := c.Label(), c.Label()
	c.Set(dir.Content()).Into(c.cwd)
	c.Fchdir(c.cwd.Content()).On(unix.EACCES, denied)
	c.Close(c.cwd)
	c.Set(program.Int(0)).Into(c.cwd).Then(done)
	c.Place(denied)
	c.Place(done)
	c.Close(c.root)
}

// lateWorkingDirectory enters process.cwd as the user if root was refused.
func lateWorkingDirectory(c *compiler) {
	c.Step(at("process", "cwd"), "enter "+c.spec.Process.Cwd+" as the user, if root could not")
	done := c.Label()
	c.Set(c.cwd.Content()).OnZero(done)
	c.Fchdir(c.cwd.Content())
	c.Close(c.cwd)
	c.Place(done)
}
