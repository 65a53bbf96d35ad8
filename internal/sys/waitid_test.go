package sys

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// childVariable has the test binary end by a signal, or with a status.
const childVariable = "VIAL_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childVariable) {
	case "":
		os.Exit(m.Run())
	case "exit 7":
		os.Exit(7)
	case "exit 255":
		os.Exit(255)
	case "leave a child":
		os.Exit(leave())
	case "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	}
	select {}
}

func TestWaitid(t *testing.T) {
	for _, child := range []struct {
		does   string
		status int
		signal unix.Signal
	}{{"exit 7", 7, -1}, {"exit 255", 255, -1}, {"killed", -1, unix.SIGKILL}} {
		pidfd := start(t, child.does)
		status, ended, err := Waitid(pidfd, unix.WEXITED|unix.WNOWAIT)
		if err != nil || !ended || status.ExitStatus() != child.status || status.Signal() != child.signal {
			t.Errorf("%s: %#x, %t, %v", child.does, status, ended, err)
		}
		if again, _, err := Waitid(pidfd, unix.WEXITED); err != nil || again != status {
			t.Errorf("%s: WNOWAIT has taken it: %#x, %v", child.does, again, err)
		}
		if _, _, err := Waitid(pidfd, unix.WEXITED|unix.WNOHANG); !errors.Is(err, unix.ECHILD) {
			t.Errorf("%s: a second wait: %v", child.does, err)
		}
	}
}

func TestWaitidBeforeTheEnd(t *testing.T) {
	pidfd := start(t, "wait")
	if _, ended, err := Waitid(pidfd, unix.WEXITED|unix.WNOHANG); ended || err != nil {
		t.Errorf("%t, %v", ended, err)
	}
	if err := unix.PidfdSendSignal(pidfd, unix.SIGTERM, nil, 0); err != nil {
		t.Fatal(err)
	}
	if status, ended, err := Waitid(pidfd, unix.WEXITED); err != nil || !ended || !status.Exited() && status.Signal() != unix.SIGTERM {
		t.Errorf("%#x, %t, %v", status, ended, err)
	}
}

// start starts a child and is its pidfd.
func start(t *testing.T, does string) int {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{childVariable + "=" + does}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		unix.Close(pidfd)
		_ = cmd.Process.Release()
	})
	return pidfd
}
