package signals

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The test binary is the program that gets signals: a test that is one has none
// left for itself.
const role = "VIAL_TEST_SIGNALS"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "all":
		os.Exit(getAll())
	case "fault":
		os.Exit(faultByItself())
	case "thread":
		os.Exit(sendWhileBusy())
	case "ignored":
		if Ignored(unix.SIGHUP) && !Ignored(unix.SIGINT) {
			os.Exit(0)
		}
		os.Exit(1)
	}
}

const last = 64 // _NSIG

func caught(list []unix.Signal) (read int) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
		panic(err)
	}
	if err := Catch(ends[1], list); err != nil {
		panic(err)
	}
	return ends[0]
}

func catchable() (list []unix.Signal) {
	for s := unix.Signal(1); s <= last; s++ {
		if s != unix.SIGKILL && s != unix.SIGSTOP && s != unix.SIGURG {
			list = append(list, s)
		}
	}
	return list
}

// getAll sends itself every signal, and wants each in the pipe.
func getAll() int {
	list := catchable()
	fd := caught(list)
	list = slices.DeleteFunc(list, func(s unix.Signal) bool {
		err := unix.Kill(os.Getpid(), s)
		if err != nil && !(errors.Is(err, unix.EINVAL) && s > 32) { // qemu-user keeps some for itself
			panic(err)
		}
		return err != nil
	})
	var got [2 * last]byte
	var all []unix.Signal
	for len(all) < len(list) {
		n, err := unix.Read(fd, got[:])
		if errors.Is(err, unix.EAGAIN) {
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
			continue
		}
		for _, b := range got[:max(n, 0)] {
			all = append(all, unix.Signal(b))
		}
	}
	slices.Sort(all)
	if !slices.Equal(all, list) {
		println("not all signals came")
		return 1
	}
	return 0
}

// faultByItself makes a fault of its own, which Go is to turn into a panic.
func faultByItself() (status int) {
	fd := caught(catchable())
	defer func() {
		var b [1]byte
		if _, err := unix.Read(fd, b[:]); recover() == nil || !errors.Is(err, unix.EAGAIN) {
			status = 1
		}
	}()
	var nothing *int
	return *nothing
}

// sendWhileBusy sends signals while goroutines grow their stacks and collect.
func sendWhileBusy() int {
	const many = 2000
	fd := caught([]unix.Signal{unix.SIGUSR1})
	stop := make(chan struct{})
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					return
				default:
					deep(200)
				}
			}
		}()
	}
	n, buffer := 0, make([]byte, 64)
	for range many {
		_ = unix.Kill(os.Getpid(), unix.SIGUSR1)
		k, _ := unix.Read(fd, buffer)
		n += max(k, 0)
	}
	close(stop)
	if n == 0 {
		return 1
	}
	return 0
}

func deep(n int) []byte {
	var frame [256]byte
	if n == 0 {
		return make([]byte, 1024)
	}
	b := deep(n - 1)
	frame[n%256] = b[0]
	return append(b, frame[0])
}

func TestCatch(t *testing.T) {
	catchIn(t, "/proc/self/exe")
}

// TestCatchARM64 is TestCatch on the other CPU, if qemu-user is installed.
func TestCatchARM64(t *testing.T) {
	qemu, err := exec.LookPath("qemu-aarch64-static")
	if err != nil || runtime.GOARCH == "arm64" {
		t.Skip("needs qemu-aarch64-static, and another CPU than arm64")
	}
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("needs Go, to build for arm64")
	}
	binary := filepath.Join(t.TempDir(), "signals")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	catchIn(t, qemu, binary)
}

func catchIn(t *testing.T, command ...string) {
	for _, name := range []string{"all", "fault", "thread"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(command[0], command[1:]...)
			cmd.Env = append(os.Environ(), role+"="+name)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

func TestIgnored(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		t.Skip("there is no /bin/sh")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", "trap '' HUP; exec "+strings.ReplaceAll(self, " ", `\ `))
	cmd.Env = append(os.Environ(), role+"=ignored")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestCatchRefused(t *testing.T) {
	if err := Catch(-1, []unix.Signal{unix.SIGKILL}); !errors.Is(err, unix.EINVAL) {
		t.Errorf("%v", err)
	}
}
