package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestParseStat(t *testing.T) {
	const tail = " 1 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 %s 9 9 9"
	for _, c := range []struct {
		line  string
		state byte
		start uint64
		ok    bool
	}{
		{"7 (sh) S" + strings.Replace(tail, "%s", "123", 1), 'S', 123, true},
		{"7 (a) Z (b) ) R" + strings.Replace(tail, "%s", "18446744073709551615", 1), 'R', 1<<64 - 1, true},
		{"7 (x) S 1 2 3", 0, 0, false},
		{"7 (x) S" + strings.Replace(tail, "%s", "-1", 1), 'S', 0, false},
		{"", 0, 0, false},
		{")", 0, 0, false},
	} {
		state, start, ok := parseStat([]byte(c.line))
		if ok != c.ok || ok && (state != c.state || start != c.start) {
			t.Errorf("%q: %c %d %t", c.line, state, start, ok)
		}
	}
}

// TestMain makes the test binary a process to look at, too: there need not be a
// sleep here.
func TestMain(m *testing.M) {
	if os.Getenv("VIAL_TEST_SLEEP") != "" {
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

// sleeper is the test binary, by another name, asleep.
func sleeper(name string) *exec.Cmd {
	cmd := exec.Command(name)
	cmd.Env = append(os.Environ(), "VIAL_TEST_SLEEP=1")
	return cmd
}

func TestInnerPid(t *testing.T) {
	if pid, err := InnerPid(os.Getpid()); err != nil || pid != os.Getpid() {
		t.Errorf("own: %d, %v", pid, err)
	}
	child := sleeper(os.Args[0])
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if err := child.Start(); errors.Is(err, unix.EPERM) {
		t.Skip("a pid namespace needs privileges")
	} else if err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	if pid, err := InnerPid(child.Process.Pid); err != nil || pid != 1 {
		t.Errorf("in a namespace: %d, %v", pid, err)
	}
}

func TestAlive(t *testing.T) {
	boot, err := BootID()
	if err != nil || len(boot) != 36 {
		t.Fatalf("boot id %q, %v", boot, err)
	}
	// Its name tries to look like the fields that follow it.
	name := filepath.Join(t.TempDir(), ") Z 1 1")
	test, err := filepath.Abs(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(test, name); err != nil {
		t.Fatal(err)
	}
	child := sleeper(name)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	r := Record{Pid: child.Process.Pid, BootID: boot}
	if r.StartTime, err = StartTime(r.Pid); err != nil {
		t.Fatal(err)
	}
	check := func(when string, r Record, boot string, want bool) {
		t.Helper()
		if got, err := r.Alive(boot); err != nil || got != want {
			t.Errorf("%s: %t, %v", when, got, err)
		}
		fd, err := r.Pidfd(boot)
		if want != (err == nil) || !want && err != ErrNotRunning {
			t.Errorf("%s: Pidfd: %v", when, err)
		}
		if err == nil {
			unix.Close(fd)
		}
	}
	check("alive", r, boot, true)
	check("in another boot", r, "other", false)
	late := r
	late.StartTime++
	check("another process with its number", late, boot, false)
	check("no pid", Record{BootID: boot}, boot, false)
	child.Process.Signal(syscall.SIGKILL)
	// A zombie until Wait: Waitid with WNOWAIT leaves it one.
	if err := unix.Waitid(unix.P_PID, r.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	check("a zombie", r, boot, false)
	child.Wait()
	check("gone", r, boot, false)
}
