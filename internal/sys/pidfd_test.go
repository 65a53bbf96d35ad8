package sys

import (
	"fmt"
	"os/exec"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// leave starts a child, prints its pid and leaves it behind.
func leave() int {
	child := exec.Command("/proc/self/exe")
	child.Env = []string{childVariable + "=wait"}
	if err := child.Start(); err != nil {
		return 1
	}
	fmt.Print(child.Process.Pid)
	return 0
}

// TestPidfdOpenOfASession opens a session leader that is gone while a child of
// its goes on.
func TestPidfdOpenOfASession(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	leader := exec.Command("/proc/self/exe")
	leader.Env = []string{childVariable + "=leave a child"}
	leader.SysProcAttr = &unix.SysProcAttr{Setsid: true}
	out, err := leader.Output()
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(out))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		unix.Kill(child, unix.SIGKILL)
		unix.Wait4(child, nil, 0, nil)
	}()
	if session, err := unix.Getsid(child); err != nil || session != leader.Process.Pid {
		t.Fatalf("session %d, %v; want %d", session, err, leader.Process.Pid)
	}
	if fd, err := PidfdOpen(leader.Process.Pid, 0); err != unix.ESRCH {
		t.Errorf("%d, %v", fd, err)
	}
	fd, err := PidfdOpen(child, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(fd)
}
