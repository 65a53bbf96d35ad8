package compile

import (
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// executable finds process.args[0] inside the container, as the user, so that
// what is missing or not executable is create's error and not start's: engines
// tell 126 and 127 by it, and by its exact words. Whether a path is a directory
// is asked with "/." behind it, which takes no descriptor: the limit on open
// files may be spent.
func executable(c *compiler) {
	if c.in.Hook != nil {
		return // its path is absolute, and execve says as much
	}
	name := c.spec.Process.Args[0]
	c.Step(at("process", "args").Index(0), "exec: "+strconv.Quote(name)).Plain = true
	found := c.Label()
	if strings.Contains(name, "/") {
		c.Set(c.String(name)).Into(c.executable)
		c.Faccessat2(program.CWD, name, unix.X_OK, unix.AT_EACCESS)
		c.Faccessat2(program.CWD, name+"/.", unix.F_OK, 0).On(unix.ENOTDIR, found)
		c.FailWith(unix.EISDIR, "exec: "+strconv.Quote(name)+": is a directory")
		c.Place(found)
		return
	}
	for dir := range strings.SplitSeq(c.variable("PATH"), ":") {
		if dir == "" {
			dir = "."
		}
		path, next := dir+"/"+name, c.Label()
		c.Set(c.String(path)).Into(c.executable)
		c.Faccessat2(program.CWD, path, unix.X_OK, unix.AT_EACCESS).On(program.AnyErrno, next)
		c.Faccessat2(program.CWD, path+"/.", unix.F_OK, 0).On(unix.ENOTDIR, found)
		c.Place(next)
	}
	c.FailWith(unix.ENOENT, "exec: "+strconv.Quote(name)+": executable file not found in $PATH")
	c.Place(found)
}

// bare is a name as it is, unless it would not fit in one line.
func bare(name string) string {
	if quoted := strconv.Quote(name); quoted != `"`+name+`"` {
		return quoted
	}
	return name
}

// execve becomes the user's process. What is still open closes here, and once
// more what a bug might have left without the flag.
func execve(c *compiler) {
	if c.in.Hook != nil {
		c.startContainerHook()
		return
	}
	name := c.spec.Process.Args[0]
	argv := c.Strings("argv", c.spec.Process.Args)
	envp := c.environmentAddresses()
	step := c.Step(at("process", "args").Index(0), "exec "+bare(name)) // which runc words otherwise than a look for it
	step.Plain = true
	c.out.Exec = string(step.Origin) + ": " + step.Phrase
	c.CloseRange(c.out.FirstInherited, unix.CLOSE_RANGE_CLOEXEC)
	c.Execve(c.executable.Content(), argv, envp)
}
