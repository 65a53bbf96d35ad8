package vm

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Calls on the process itself, its identity and its limits.

const newNamespaces = unix.CLONE_NEWCGROUP | unix.CLONE_NEWIPC | unix.CLONE_NEWNET | unix.CLONE_NEWNS |
	unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWUSER | unix.CLONE_NEWTIME

func clone3(c *call) Answer {
	c.is(1, 88) // CLONE_ARGS_SIZE_VER2
	c.zero(2)
	b := c.bytes(0, 88)
	var fields [11]uint64
	for n := range fields {
		fields[n] = binary.LittleEndian.Uint64(b[8*n:])
	}
	const flagsField, cgroupField = 0, 10
	flags := fields[flagsField]
	const known = newNamespaces&^unix.CLONE_NEWTIME | unix.CLONE_PARENT | unix.CLONE_INTO_CGROUP
	if flags&^known != 0 {
		c.wrong("unknown flags %#x", flags&^known)
	}
	// Among the fields that have to be zero is exit_signal, since CLONE_PARENT
	// refuses another, and a stack: the new process has the old one's none.
	for n, v := range fields {
		if n != flagsField && n != cgroupField && v != 0 {
			c.wrong("clone_args has %#x at offset %d", v, 8*n)
		}
	}
	if flags&unix.CLONE_INTO_CGROUP != 0 {
		if d := c.p.Descriptors.lookup(fields[cgroupField]); d == nil || d.Kind != CgroupDir {
			c.wrong("descriptor %d is no cgroup directory", int64(fields[cgroupField]))
		}
	}
	if c.refused() {
		return c.done(0)
	}
	return Answer{Result: firstPid + int64(c.p.born), Effect: Clone}
}

func setns(c *call) Answer {
	c.zero(2)
	c.descriptor(0, PidFD)
	if c.flags(1, newNamespaces) == 0 {
		c.wrong("it joins nothing")
	}
	return c.done(0)
}

func unshare(c *call) Answer {
	c.zero(1)
	c.flags(0, newNamespaces)
	return c.done(0)
}

func execve(c *call) Answer {
	c.zero(3)
	e := Execution{Path: c.text(0)}
	var err error
	if e.Argv, err = c.p.Memory.Strings(c.args[1]); err != nil {
		c.wrong("argv: %w", err)
	} else if len(e.Argv) == 0 {
		c.wrong("argv is empty")
	}
	if e.Envp, err = c.p.Memory.Strings(c.args[2]); err != nil {
		c.wrong("envp: %w", err)
	}
	if home := c.p.home; home != "" && !slices.Contains(e.Envp, "HOME="+home) {
		c.wrong("the environment is without the home directory of %d bytes that the parent found", len(home))
	}
	if c.refused() {
		return c.done(0)
	}
	e.Kept, e.Closed = c.p.Descriptors.exec()
	c.p.Execution = e
	return Answer{Effect: Exec}
}

func exitGroup(c *call) Answer {
	c.zero(1)
	if c.args[0] > 255 {
		c.wrong("status %d", int64(c.args[0]))
	}
	c.p.Status = int(c.args[0])
	return Answer{Effect: Exit}
}

func rtSigaction(c *call) Answer {
	c.is(0, uint64(unix.SIGTERM))
	c.is(2, 0) // nobody wants the old action
	c.is(3, 8) // sizeof(sigset_t)
	c.zero(4)
	const restorer = 0x04000000 // SA_RESTORER
	action := c.bytes(1, 32)
	for n, want := range []uint64{program.TerminatedAddress, restorer, 0, 0} {
		if v := binary.LittleEndian.Uint64(action[8*n:]); v != want {
			c.wrong("the action has %#x at offset %d, not %#x", v, 8*n, want)
		}
	}
	return c.done(0)
}

func prctl(c *call) Answer {
	switch op := c.args[0]; op {
	case unix.PR_SET_DUMPABLE, unix.PR_SET_KEEPCAPS:
		c.flags(1, 1)
		c.zero(2)
	case unix.PR_SET_NAME:
		c.text(1)
		c.zero(2)
	case unix.PR_SET_NO_NEW_PRIVS:
		c.is(1, 1)
		c.zero(2)
	case unix.PR_CAPBSET_DROP:
		c.capability(1)
		c.zero(2)
	case unix.PR_CAP_AMBIENT:
		if c.args[1] == unix.PR_CAP_AMBIENT_CLEAR_ALL {
			c.zero(2)
		} else {
			c.is(1, unix.PR_CAP_AMBIENT_RAISE)
			c.capability(2)
			c.zero(3)
		}
	default:
		c.wrong("unknown operation %d", op)
	}
	return c.done(0)
}

func (c *call) capability(n int) {
	if c.args[n] > 63 {
		c.wrong("no capability has the number %d", c.args[n])
	}
}

func capset(c *call) Answer {
	c.zero(2)
	header := c.bytes(0, 8)
	if v := binary.LittleEndian.Uint32(header); v != unix.LINUX_CAPABILITY_VERSION_3 {
		c.wrong("version %#x", v)
	}
	if pid := binary.LittleEndian.Uint32(header[4:]); pid != 0 {
		c.wrong("pid %d", pid)
	}
	data := c.bytes(1, 24)
	for half := 0; half < 24; half += 12 {
		effective, permitted := binary.LittleEndian.Uint32(data[half:]), binary.LittleEndian.Uint32(data[half+4:])
		if effective&^permitted != 0 {
			c.wrong("capabilities %#x are effective but not permitted", effective&^permitted)
		}
	}
	return c.done(0)
}

func prlimit64(c *call) Answer {
	c.is(0, 0)
	if c.args[1] > 15 { // RLIM_NLIMITS
		c.wrong("no resource has the number %d", c.args[1])
	}
	c.zero(3)
	limit := c.bytes(2, 16)
	if soft, hard := binary.LittleEndian.Uint64(limit), binary.LittleEndian.Uint64(limit[8:]); soft > hard {
		c.wrong("soft limit %d is above hard limit %d", soft, hard)
	}
	return c.done(0)
}

func setgroups(c *call) Answer {
	c.zero(2)
	if n := c.args[0]; n > 65536 { // NGROUPS_MAX
		c.wrong("%d groups", n)
	} else if n > 0 {
		c.bytes(1, 4*n)
	}
	return c.done(0)
}

// setres is setresuid and setresgid.
func setres(c *call) Answer {
	c.zero(3)
	for _, id := range c.args[:3] {
		if id >= 0xffffffff { // -1 would leave the id as it is
			c.wrong("id %d", int64(id))
		}
	}
	return c.done(0)
}

func setsid(c *call) Answer {
	c.zero(0)
	c.p.leader = c.p.leader || !c.refused()
	return c.done(1)
}

func umask(c *call) Answer {
	c.zero(1)
	c.flags(0, 0o777)
	return c.done(0o022)
}

func personality(c *call) Answer {
	c.zero(1)
	if d := c.args[0]; d != program.PerLinux && d != program.PerLinux32 {
		c.wrong("execution domain %#x", d)
	}
	return c.done(0)
}

// setname is sethostname and setdomainname.
func setname(c *call) Answer {
	c.zero(2)
	if c.args[1] > 64 { // __NEW_UTS_LEN
		c.wrong("a name of %d bytes", c.args[1])
	}
	if b := c.bytes(0, c.args[1]); bytes.IndexByte(b, 0) >= 0 {
		c.wrong("the name %q is shorter than said", b)
	}
	return c.done(0)
}

func keyctl(c *call) Answer {
	switch c.args[0] {
	case unix.KEYCTL_JOIN_SESSION_KEYRING:
		c.optional(1)
		c.zero(2)
		return c.done(0x12345678)
	case unix.KEYCTL_SETPERM:
		if int64(c.args[1]) <= 0 {
			c.wrong("no key has the number %d", int64(c.args[1]))
		}
		c.zero(3)
	default:
		c.wrong("unknown operation %d", c.args[0])
	}
	return c.done(0)
}
