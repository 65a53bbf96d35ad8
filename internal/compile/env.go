package compile

import (
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// homeLimit is how long a home directory may be: PATH_MAX with its NUL.
const homeLimit = unix.PathMax

// environment is process.env without what a later entry of the same name
// overrides.
func (c *compiler) environment() []string {
	env := c.spec.Process.Env
	last := make(map[string]int, len(env))
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		last[name] = i
	}
	kept := make([]string, 0, len(last))
	for i, kv := range env {
		name, _, _ := strings.Cut(kv, "=")
		if last[name] == i && kv != "HOME=" {
			kept = append(kept, kv)
		}
	}
	return kept
}

// variable is the value of an environment variable, "" if there is none.
func (c *compiler) variable(name string) string {
	for _, kv := range c.environment() {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value
		}
	}
	return ""
}

// home finds HOME for a process that has none in its environment, as runc
// does: the user's line of the container's /etc/passwd, or "/". The file is
// the container's, so it is opened beneath the root and never waited for; the
// parent takes a regular file of modest size for it and nothing else. It is
// asked when all is set up (ready), since each question costs two changes of
// process.
func home(c *compiler) {
	if c.in.Hook != nil && !c.hookNeedsEnvironment() || c.variable("HOME") != "" {
		return
	}
	c.Step(at("process", "user", "uid"), "open the file that the home directory is looked up in")
	c.home = c.Buffer("home", len("HOME=")+homeLimit+1, "HOME=/")
	none, done := c.Label(), c.Label()
	c.passwd = c.Slot("passwd")
	c.Openat2(c.root.Content(), "etc/passwd", program.How{
		Flags:   program.O_RDONLY | program.O_NONBLOCK | program.O_NOCTTY | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS,
	}).Into(c.passwd).On(program.AnyErrno, none).Then(done)
	c.Place(none)
	c.Set(program.Int(0)).Into(c.passwd)
	c.Place(done)
}

// environmentAddresses is the environment as execve takes it.
func (c *compiler) environmentAddresses() program.Arg {
	var addresses []program.Arg
	for _, kv := range c.environment() {
		addresses = append(addresses, c.String(kv))
	}
	if c.home != (program.Arg{}) {
		addresses = append(addresses, c.home)
	}
	return c.Pointers("envp", addresses)
}
