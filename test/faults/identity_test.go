package faults

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// pidReused gives the pid of a container's process to another one, once the
// container's is dead. It is not signalled, by no command.
func pidReused(f *fault) {
	f.first()
	pid := f.Created("sleep")
	f.Vial("start", f.ID).OK()
	f.Must(unix.Kill(pid, unix.SIGKILL))
	_, err := unix.Wait4(pid, nil, unix.WALL, nil)
	f.Must(err)
	// The kernel tells when a process began in hundredths of a second (USER_HZ,
	// proc_pid_stat(5)): a number that comes again within one is out of sight.
	time.Sleep(20 * time.Millisecond)
	victim := reuse(pid)
	if victim == nil {
		f.T.Skip("the kernel would not give the same pid again: needs /proc/sys/kernel/ns_last_pid")
	}
	defer func() { _ = victim.Kill(); _, _ = victim.Wait() }()
	if s := f.Status(); s != "stopped" {
		f.T.Errorf("it is %q", s)
	}
	f.Vial("start", f.ID).Fails("cannot start a container that has stopped")
	f.Vial("kill", f.ID, "KILL").Fails("container not running")
	f.Vial("kill", "--all", f.ID, "KILL").OK()
	if r := f.Vial("exec", f.ID, "/probe", "report"); !strings.HasSuffix(r.Stderr, "cannot exec in a stopped container\n") {
		f.T.Errorf("exec: %s%s", r.Stderr, r.Stdout)
	}
	f.Vial("delete", f.ID).OK()
	if !lives(pid) {
		f.T.Error("another process was killed, which has the pid now")
	}
	f.asBefore("a pid that is another's")
}

// lastPid is the last pid that the kernel has given away.
const lastPid = "/proc/sys/kernel/ns_last_pid"

// reuse starts a process that gets a pid which is free. Those after it get numbers
// that have not been in use for long.
func reuse(pid int) *os.Process {
	last, err := os.ReadFile(lastPid)
	if err != nil {
		return nil
	}
	defer func() { _ = os.WriteFile(lastPid, last, 0) }()
	for range 500 {
		if os.WriteFile(lastPid, []byte(strconv.Itoa(pid-1)), 0) != nil {
			return nil
		}
		p, err := os.StartProcess(bed.Probe(), []string{"probe", "sleep"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil}})
		if err != nil {
			return nil
		}
		if p.Pid == pid {
			return p
		}
		_ = p.Kill()
		_, _ = p.Wait()
	}
	return nil
}

// createdInAnotherTime is about clocks that have been set: what a record says of
// its creation is printed and means nothing else.
func createdInAnotherTime(f *fault) {
	f.first()
	created := regexp.MustCompile(`"created":"[^"]*"`)
	for _, when := range []string{"1970-01-01T00:00:00Z", "2262-04-11T23:47:16.854775807Z", "9999-12-31T23:59:59Z"} {
		f.Created("sleep")
		file := f.record("state.json")
		changed := created.ReplaceAllString(text(file), `"created":"`+when+`"`)
		if changed == text(file) {
			f.T.Fatal("the record does not say when it was created")
		}
		f.Must(os.WriteFile(file, []byte(changed), 0o600))
		f.life(when)
	}
}

// life goes through all commands of a container that has been created.
func (f *fault) life(when string) {
	f.T.Helper()
	if s := f.Status(); s != "created" {
		f.T.Errorf("%s: it is %q, not created", when, s)
	}
	f.Vial("start", f.ID).OK()
	if s := f.Status(); s != "running" {
		f.T.Errorf("%s: it is %q, not running", when, s)
	}
	f.Vial("exec", f.ID, "/probe", "exit", "0").OK()
	if r := f.Vial("list").OK(); !strings.Contains(r.Stdout, f.ID) {
		f.T.Errorf("%s: list: %s", when, r.Stdout)
	}
	f.Vial("kill", f.ID, "KILL").OK()
	f.Until("it has stopped", func() bool { return f.Status() == "stopped" })
	f.Vial("delete", f.ID).OK()
	f.asBefore(when)
}

// shiftBoottime puts this process, once it executes something, into a time
// namespace that has been up for so many seconds longer. The namespace is the
// thread's, and /proc/self is the thread that main began on.
func shiftBoottime(seconds string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWTIME); err != nil {
		return err
	}
	return os.WriteFile(fmt.Sprintf("/proc/%d/timens_offsets", unix.Gettid()), []byte("monotonic "+seconds+" 0\nboottime "+seconds+" 0\n"), 0)
}

// anotherBootTime lets vial live in a time namespace where everything began at
// another time: there a whole life goes well. A container from outside has a
// start time there that is not its own; vial must not take that for another
// process and remove what is in use.
func anotherBootTime(f *fault) {
	f.first()
	const world = "boottime=1000000"
	f.Through = world
	if r := f.Vial("list"); r.Status == 2 { // of the test binary, or of a Go that gets no thread
		f.Through = ""
		f.T.Skip("needs a kernel whose execve(2) enters a time namespace; Linux 6.1 enters it at fork only")
	}
	f.Created("sleep")
	f.life("a life in a time namespace")
	f.Through = ""
	pid := f.Created("sleep")
	f.Vial("start", f.ID).OK()
	f.Through = world
	f.Vial("state", f.ID).OK()
	f.Through = ""
	if !lives(pid) || f.Status() != "running" {
		f.T.Errorf("process %d lives: %v, and the container is %q", pid, lives(pid), f.Status())
	}
	f.Through = world
	f.Vial("delete", "--force", f.ID).OK()
	f.Through = ""
	f.asBefore("a delete in another time namespace")
}

// clockSet sets the clock to and fro, where the machine is the tests' own.
func clockSet(f *fault) {
	if os.Getenv("VIAL_TEST_PLACE") == "" {
		f.T.Skip("the clock of this machine is not the tests' own: runs in virtual machines")
	}
	if os.Geteuid() != 0 {
		f.T.Skip("needs root to set the clock")
	}
	f.first()
	begin, since := time.Now().Round(0), time.Now()
	set := func(t time.Time) {
		f.T.Helper()
		ts := unix.NsecToTimespec(t.UnixNano())
		f.Must(unix.ClockSettime(unix.CLOCK_REALTIME, &ts))
	}
	defer func() { set(begin.Add(time.Since(since))) }()
	for _, jump := range []time.Duration{-20 * 365 * 24 * time.Hour, 10 * 365 * 24 * time.Hour, -time.Hour} {
		f.Created("sleep")
		set(time.Now().Round(0).Add(jump))
		f.life(fmt.Sprintf("a jump of the clock by %v", jump))
	}
}
