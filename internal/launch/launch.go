// Package launch starts programs and talks with them until they are done. It
// is the only place in vial that starts a process of a container.
//
// What comes in: a program, its image, and the descriptors that it expects
// (Start), then somebody who serves its requests (Serve). What goes out: the
// pid of the container's first process, or the error that the program reported,
// in the words of config.json.
//
//	vial                                            first process
//	  │ memfd: image, sealed
//	  │ clone3 with the container's namespaces, exec ──▶ │
//	  │ ◀───────────────────────────────────── request ─ │
//	  │ ── answer ─────────────────────────────────────▶ │
//	  │ ◀───────────────────── failure, or end of file ─ │
//
// A thread of vial's may have made some of the namespaces by then
// (MakeNamespaces), and is then the one that calls clone3.
//
// Where namespaces take in only children of who has entered them (exec, time
// namespaces), a stage 0 comes first, which makes the first process:
//
//	vial                          stage 0                  first process
//	  │ memfd: image, sealed
//	  │ fork+exec ───────────────▶ │
//	  │                            │ clone3(CLONE_PARENT) ─▶ │
//	  │ ◀──────────────── pid ──── │ exit                    │
//	  │ ◀──────────────────────────────────────── request ── │
//
// The channel is a SOCK_SEQPACKET pair; package program defines its messages.
// The kernel adds to each who sent it (SO_PASSCRED), so a first process whose
// pid comes late, or never because stage 0 was killed, is known nevertheless.
// A program that reads an end of file from it knows that vial is gone, and ends.
//
// The package does not know what a request means, nor what a program does.
package launch

import (
	"fmt"
	"strconv"
	"syscall"
	"time"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A Child is a program that has been started.
type Child struct {
	channel int // vial's end
	stage0  int // pid of the process that clones the container's first one; 0 once reaped
	Pid     int // of the container's first process; 0 until it is known
	PidFD   int // the same as a descriptor; -1 until it is known

	interrupt Interrupt
}

// An Interrupt may end the wait for a program.
type Interrupt interface {
	// Descriptor is readable when there may be a reason to end; -1 if there never is.
	Descriptor() int
	// Asked tells whether there is one, and takes from the descriptor what is none.
	Asked() bool
}

// A Plan is what Start needs.
type Plan struct {
	Program  *program.Program
	Image    []byte // of the program
	TmpDir   string // a directory for the image where the host denies executable memfds
	Stdio    [3]int
	Preserve int                     // so many descriptors from number 3 on keep their numbers
	Inherits func(channel int) []int // the descriptors behind those, given the program's end of the channel
	Cgroup   int                     // directory of the cgroup v2 to start in; 0 is vial's own

	Interrupt Interrupt // what may end Serve; nil for nothing
}

// Start executes the image. The descriptors are the child's from number 0 on.
func Start(p Plan) (*Child, error) { return StartIn(nil, p)() }

// StartIn is Start on the thread that makes namespaces, for which it does not
// wait: wait does, which is to be called once.
func StartIn(n *Namespaces, p Plan) (wait func() (*Child, error)) {
	s := starting{Plan: p, child: &Child{channel: -1, PidFD: -1, interrupt: p.Interrupt}, far: -1, exe: -1}
	err := s.open()
	executed := func() error { return err }
	if err == nil {
		executed = n.use(s.execute)
	}
	return func() (*Child, error) {
		err := executed()
		s.close()
		if err != nil {
			s.child.Close()
			return nil, err
		}
		return s.child, nil
	}
}

// A starting is a program on its way to be a child.
type starting struct {
	Plan
	child *Child
	far   int // the program's end of the channel
	exe   int // the image
	files []uintptr
}

// open makes the channel and the image.
func (s *starting) open() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("make the channel to the container's first process: socketpair: %w", err)
	}
	s.child.channel, s.far = pair[0], pair[1]
	if s.Program.Clone == 0 {
		if err := unix.SetsockoptInt(pair[0], unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
			return fmt.Errorf("make the channel to the container's first process: setsockopt: %w", err)
		}
	}
	s.files = s.inherited(s.far)
	s.exe, err = openImage(s.Image, s.TmpDir, above(s.files))
	return err
}

// close closes what only the program needs.
func (s *starting) close() {
	for _, fd := range [...]int{s.far, s.exe} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// inherited are the program's descriptors, from number 0 on.
func (p *Plan) inherited(channel int) []uintptr {
	files := []uintptr{uintptr(p.Stdio[0]), uintptr(p.Stdio[1]), uintptr(p.Stdio[2])}
	for fd := range p.Preserve {
		files = append(files, uintptr(3+fd))
	}
	for _, fd := range p.Inherits(channel) {
		files = append(files, uintptr(fd))
	}
	return files
}

// execute starts the image, on a thread that has made these of its namespaces.
func (s *starting) execute(made uint64) (err error) {
	c, clone := s.child, s.Program.Clone
	how := syscall.SysProcAttr{UseCgroupFD: s.Cgroup > 0, CgroupFD: s.Cgroup}
	process, pidfd := &c.stage0, notCloned
	if clone != 0 {
		how.Cloneflags = uintptr(clone &^ (made | unix.CLONE_INTO_CGROUP))
		process, how.PidFD = &c.Pid, &pidfd
	}
	*process, err = syscall.ForkExec("/proc/self/fd/"+strconv.Itoa(s.exe), []string{"vial"}, &syscall.ProcAttr{Files: s.files, Env: []string{}, Sys: &how})
	errno, _ := err.(unix.Errno)
	switch {
	case err != nil && clone != 0 && pidfd == notCloned:
		return s.Program.ExplainClone(errno)
	case err != nil:
		return fmt.Errorf("start the container's first process: %w", err)
	case clone != 0:
		c.PidFD = pidfd
	}
	return nil
}

// notCloned is what syscall.ForkExec leaves in SysProcAttr.PidFD if there is no
// child yet that could fail. An error alone does not tell clone3 from execve.
const notCloned = -2

// above is the least number that package syscall does not use in the child
// while it moves the descriptors to their places: it starts behind both the
// highest of them and their count, and moves each once at most, and its pipe.
func above(files []uintptr) int {
	highest := uintptr(len(files))
	for _, fd := range files {
		highest = max(highest, fd)
	}
	return int(highest) + len(files) + 3
}

// AwaitExecve waits until the first process has memory of its own. Start may return
// before: on Linux 6.12 the process has been seen to have vial's still after every
// other start. A limit that is too small for it would end vial too then, as one who
// shares the memory (mm/oom_kill.c, __oom_kill_process).
func (c *Child) AwaitExecve() {
	var vial, its unix.Stat_t
	if c.Pid <= 0 || unix.Stat("/proc/self/exe", &vial) != nil {
		return
	}
	exe := "/proc/" + strconv.Itoa(c.Pid) + "/exe"
	const step, most = 20 * time.Microsecond, 5 * time.Second
	for waited := time.Duration(0); waited < most; waited += step {
		if unix.Stat(exe, &its) != nil || its.Ino != vial.Ino || its.Dev != vial.Dev {
			return // it has executed the program, or is gone
		}
		time.Sleep(step)
	}
}

// Close closes the channel. A program that still waits for an answer ends.
func (c *Child) Close() {
	if c.channel >= 0 {
		unix.Close(c.channel)
		c.channel = -1
	}
}

// Release closes every descriptor; the process goes its own way.
func (c *Child) Release() {
	c.Close()
	if c.PidFD >= 0 {
		unix.Close(c.PidFD)
		c.PidFD = -1
	}
}

// Kill ends the program at whatever stage it is, and reaps it.
func (c *Child) Kill() {
	if c.stage0 > 0 {
		_ = unix.Kill(c.stage0, unix.SIGKILL)
		_, _ = wait(c.stage0)
		if c.Pid == 0 {
			c.Pid = c.unannounced()
		}
		c.stage0 = 0
	}
	c.Close()
	if c.Pid > 0 {
		_ = unix.Kill(c.Pid, unix.SIGKILL)
		_, _ = wait(c.Pid)
		c.Pid = 0
	}
}

// Wait waits for the container's first process to end and is its status, or
// that of stage 0 if it did not come to that.
func (c *Child) Wait() (unix.WaitStatus, error) {
	process := &c.Pid
	if c.Pid == 0 {
		process = &c.stage0
	}
	if *process == 0 { // to wait for 0 would be to wait for anybody
		return 0, unix.ECHILD
	}
	status, err := wait(*process)
	if err == nil {
		*process = 0
	}
	return status, err
}

// WaitForAll is Wait, and reaps whatever other child of vial's ends meanwhile.
func (c *Child) WaitForAll() (status unix.WaitStatus, err error) {
	for pid := 0; pid != c.Pid; {
		pid, err = unix.Wait4(-1, &status, unix.WALL, nil)
		if err != nil && err != unix.EINTR {
			return 0, err
		}
	}
	c.Pid = 0
	return status, nil
}

// Reap waits for children of vial's that were killed, if they are that, and
// reaps every other that has ended.
func Reap(killed []int) {
	for _, pid := range killed {
		_, _ = wait(pid)
	}
	for pid := 1; pid > 0; {
		pid, _ = unix.Wait4(-1, nil, unix.WALL|unix.WNOHANG, nil)
	}
}

func wait(pid int) (status unix.WaitStatus, err error) {
	for {
		_, err = unix.Wait4(pid, &status, unix.WALL, nil)
		if err != unix.EINTR {
			return status, err
		}
	}
}
