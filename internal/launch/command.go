package launch

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// A Command is a program of the host's that runs beside a container: a hook, or
// one that vial asks something.
type Command struct {
	Path   string
	Args   []string // from argv[0] on
	Env    []string // all of it
	Stdin  int
	Output int // for standard output and error; 0 is for vial's own
}

// StartCommand executes a program in vial's own namespaces, as the leader of a
// new process group.
func StartCommand(c Command) (*Child, error) {
	out, errs := uintptr(1), uintptr(2)
	if c.Output > 0 {
		out, errs = uintptr(c.Output), uintptr(c.Output)
	}
	pid, err := syscall.ForkExec(c.Path, c.Args, &syscall.ProcAttr{
		Files: []uintptr{uintptr(c.Stdin), out, errs}, Env: c.Env, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return nil, fmt.Errorf("exec: %q: %w", c.Path, err)
	}
	child := &Child{channel: -1, Pid: pid}
	if child.PidFD, err = unix.PidfdOpen(pid, 0); err != nil {
		child.PidFD = -1
		child.KillGroup()
		return nil, fmt.Errorf("exec: %q: pidfd_open: %w", c.Path, err)
	}
	return child, nil
}

// KillGroup ends a process that leads its group, and with it whom it has
// started and who has not left the group since; it reaps the process.
func (c *Child) KillGroup() {
	if c.Pid > 0 {
		_ = unix.Kill(-c.Pid, unix.SIGKILL)
	}
	c.Kill()
}
