package compile

import (
	"strconv"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// createHooks has the parent run the hooks that are part of create. It knows
// the container's namespaces by their process, which waits here.
func createHooks(c *compiler) {
	h := c.cfg.Hooks
	if len(h.Prestart)+len(h.CreateRuntime)+len(h.CreateContainer) == 0 {
		return
	}
	c.Step(at("hooks"), "run before pivot_root")
	buffer, size := c.answer()
	c.request(program.RequestCreateHooks, buffer, size)
}

// startHooks does the same for those that are part of start, unless it is
// `vial start` that runs them.
func startHooks(c *compiler) {
	if c.in.Start != StartAtOnce || len(c.cfg.Hooks.StartContainer) == 0 {
		return
	}
	c.Step(at("hooks", "startContainer"), "run before the process")
	buffer, size := c.answer()
	c.request(program.RequestStartHooks, buffer, size)
}

// hookDirectory makes the rootfs the working directory of a createContainer
// hook, as runc does: hooks are written with paths relative to it.
func hookDirectory(c *compiler) {
	c.Step(at("root", "path"), "enter the rootfs "+c.in.Rootfs)
	c.Openat2(program.CWD, c.in.Rootfs, program.How{
		Flags:   program.O_PATH | program.O_DIRECTORY | program.O_NOFOLLOW | program.O_CLOEXEC,
		Resolve: unix.RESOLVE_NO_MAGICLINKS,
	}).Into(c.target)
	c.Fchdir(c.target.Content())
	c.Close(c.target)
}

// createContainerHook becomes a createContainer hook. What its config says is
// all of its environment.
func createContainerHook(c *compiler) { c.becomeHook(c.Strings("envp", c.in.Hook.Env)) }

// startContainerHook becomes a startContainer hook. One without an environment
// has that of the container's process, as in runc.
func (c *compiler) startContainerHook() {
	if c.hookNeedsEnvironment() {
		c.becomeHook(c.environmentAddresses())
		return
	}
	c.becomeHook(c.Strings("envp", c.in.Hook.Env))
}

func (c *compiler) hookNeedsEnvironment() bool { return len(c.in.Hook.Env) == 0 }

func (c *compiler) becomeHook(envp program.Arg) {
	hook := c.in.Hook
	argv := c.Strings("argv", hook.Args)
	c.Step(hook.Origin.Child("path"), "exec: "+strconv.Quote(hook.Path)).Plain = true
	c.CloseRange(c.out.FirstInherited, unix.CLOSE_RANGE_CLOEXEC)
	c.Execve(c.String(hook.Path), argv, envp)
}
