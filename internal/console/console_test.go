package console

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if os.Getenv("VIAL_TEST_PROCESS") != "" {
		_, _ = io.Copy(io.Discard, os.Stdin) // until told to end
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// A pty is a terminal of this host's.
type pty struct {
	master int
	peer   *os.File
	name   string
}

func newPty(t *testing.T) *pty {
	t.Helper()
	master, err := unix.Open("/dev/pts/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	must(t, unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	must(t, err)
	p := &pty{master: master, name: fmt.Sprint("/dev/pts/", number)}
	p.open(t)
	return p
}

func (p *pty) open(t *testing.T) {
	t.Helper()
	peer, err := unix.Open(p.name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	must(t, err)
	p.peer = os.NewFile(uintptr(peer), p.name)
	t.Cleanup(func() { p.peer.Close() })
}

func (p *pty) modes(t *testing.T) unix.Termios {
	t.Helper()
	modes, err := unix.IoctlGetTermios(int(p.peer.Fd()), unix.TCGETS)
	must(t, err)
	return *modes
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal("the test itself: ", err)
	}
}

// A process is one that a session may be about, as long as it lives.
type process struct {
	pidfd int
	end   func()
}

func newProcess(t *testing.T) *process {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"VIAL_TEST_PROCESS=1"}
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	pidfd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	must(t, err)
	t.Cleanup(func() { in.Close(); _ = cmd.Wait(); unix.Close(pidfd) })
	return &process{pidfd, func() { in.Close(); _ = cmd.Wait() }}
}

// pipes are a caller without any terminal.
type pipes struct{ in, out [2]*os.File }

func newPipes(t *testing.T) *pipes {
	t.Helper()
	p := &pipes{}
	for _, ends := range []*[2]*os.File{&p.in, &p.out} {
		r, w, err := os.Pipe()
		must(t, err)
		*ends = [2]*os.File{r, w}
		t.Cleanup(func() { r.Close(); w.Close() })
	}
	return p
}

func (p *pipes) caller() Caller {
	return Caller{Stdin: int(p.in[0].Fd()), Stdout: int(p.out[1].Fd()), Stderr: int(p.out[1].Fd())}
}

func begin(t *testing.T, c Caller, p *pty, process *process) *Session {
	t.Helper()
	s, err := Begin(c, p.master, process.pidfd)
	must(t, err)
	return s
}

// until waits for something that has to happen.
func until(t *testing.T, what string, happened func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: it did not happen", what)
		}
	}
}

func TestPlaces(t *testing.T) {
	p := newPty(t)
	defer unix.Close(p.master)
	open := func(path string, flags int) int {
		fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
		must(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	place, err := CheckPlace(open("/dev/pts", unix.O_PATH))
	must(t, err)
	if err := place.CheckMaster(p.master); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/", "/dev", "/proc", t.TempDir(), "/dev/pts/ptmx", "/dev/null"} {
		if _, err := CheckPlace(open(path, unix.O_PATH)); err != errNoDevpts {
			t.Errorf("%s: %v", path, err)
		}
	}
	for name, fd := range map[string]int{
		"the peer": int(p.peer.Fd()), "null": open(os.DevNull, unix.O_RDWR), "a place": open("/dev/pts/ptmx", unix.O_PATH),
		"the directory": open("/dev/pts", unix.O_RDONLY), "a file": open("/proc/self/exe", unix.O_RDONLY),
	} {
		if place.CheckMaster(fd) == nil {
			t.Errorf("%s is taken for a master", name)
		}
	}
	if (Place{place.device + 1}).CheckMaster(p.master) == nil {
		t.Error("a master of another devpts is taken")
	}
}

// TestLastByte ends the process with the terminal full, and the reader slow.
func TestLastByte(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	text := strings.Repeat("0123456789abcde\n", 20000)
	go func() {
		_, _ = p.peer.WriteString(text)
		p.peer.Close()
		process.end()
	}()
	got := make(chan string)
	go func() {
		all, _ := io.ReadAll(c.out[0])
		got <- string(all)
	}()
	until(t, "the process ends", func() bool { return process.ended() })
	s.End()
	c.out[1].Close()
	if all := <-got; all != strings.ReplaceAll(text, "\n", "\r\n") {
		t.Errorf("%d bytes came through, of %d", len(all), len(text)+20000)
	}
}

func (p *process) ended() bool {
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(p.pidfd), Events: unix.POLLIN}}, 0)
	return n == 1
}

// TestOthersGoOn: who still writes to the terminal of a process that has ended
// is not waited for.
func TestOthersGoOn(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	go io.Copy(io.Discard, c.out[0])
	go func() {
		for err := error(nil); err == nil; {
			_, err = p.peer.WriteString(strings.Repeat("x", 1000))
		}
	}()
	process.end()
	s.End()
}

// TestReopened: a terminal that nobody has open is not at its end.
func TestReopened(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	read := func(want string) {
		t.Helper()
		got := make([]byte, len(want))
		if _, err := io.ReadFull(c.out[0], got); err != nil || string(got) != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	for _, word := range []string{"one", "two", "three"} {
		_, err := p.peer.WriteString(word)
		must(t, err)
		p.peer.Close()
		read(word)
		p.open(t)
	}
	process.end()
	s.End()
}

// TestInputEnds: the end of an input is one for the process, and the lines before
// it are whole.
func TestInputEnds(t *testing.T) {
	for _, text := range []string{"", "line\n", "no end"} {
		p, process, c := newPty(t), newProcess(t), newPipes(t)
		s := begin(t, c.caller(), p, process)
		_, err := c.in[1].WriteString(text)
		must(t, err)
		c.in[1].Close()
		if got, err := io.ReadAll(p.peer); err != nil || string(got) != text {
			t.Errorf("%q, %v; want %q", got, err, text)
		}
		process.end()
		s.End()
	}
}

// TestMuchInput is more than a terminal holds: it waits for the reader.
func TestMuchInput(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	text := strings.Repeat("0123456789abcde\n", 4000)
	go func() { _, _ = c.in[1].WriteString(text); c.in[1].Close() }()
	go io.Copy(io.Discard, c.out[0])
	if got, err := io.ReadAll(p.peer); err != nil || string(got) != text {
		t.Errorf("%d bytes came through, of %d (%v)", len(got), len(text), err)
	}
	process.end()
	s.End()
}

// TestNullInput: the null device is no input that comes to its end.
func TestNullInput(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	null, err := os.Open(os.DevNull)
	must(t, err)
	defer null.Close()
	caller := c.caller()
	caller.Stdin = int(null.Fd())
	s := begin(t, caller, p, process)
	process.end()
	s.End()
	poll := []unix.PollFd{{Fd: int32(p.peer.Fd()), Events: unix.POLLIN}}
	if _, err := unix.Poll(poll, 0); err != nil || poll[0].Revents&unix.POLLHUP == 0 {
		t.Fatal("the master is not closed")
	}
}

// TestReaderIsGone: without anybody who sees the output the process loses its
// terminal.
func TestReaderIsGone(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	c.out[0].Close()
	_, err := p.peer.WriteString("x")
	must(t, err)
	hungUp(t, p)
	process.end()
	s.End()
}

func hungUp(t *testing.T, p *pty) {
	t.Helper()
	until(t, "the terminal hangs up", func() bool {
		poll := []unix.PollFd{{Fd: int32(p.peer.Fd())}}
		_, err := unix.Poll(poll, 0)
		return err == nil && poll[0].Revents&unix.POLLHUP != 0
	})
}

// TestLeave: whoever does not want to wait for a slow reader does not have to.
func TestLeave(t *testing.T) {
	p, process, c := newPty(t), newProcess(t), newPipes(t)
	s := begin(t, c.caller(), p, process)
	go func() { _, _ = p.peer.WriteString(strings.Repeat("x", 1<<20)) }()
	until(t, "the pipe is full", func() bool {
		poll := []unix.PollFd{{Fd: int32(c.out[1].Fd()), Events: unix.POLLOUT}}
		n, err := unix.Poll(poll, 0)
		return n == 0 && err == nil
	})
	process.end()
	s.Leave()
	s.Leave()
	s.End()
	hungUp(t, p)
}

// TestCallersTerminal follows the caller's terminal through a session.
func TestCallersTerminal(t *testing.T) {
	own, p, process := newPty(t), newPty(t), newProcess(t)
	defer unix.Close(own.master)
	before := own.modes(t)
	fd := int(own.peer.Fd())
	caller := Caller{fd, fd, fd}
	must(t, unix.IoctlSetWinsize(own.master, unix.TIOCSWINSZ, &unix.Winsize{Row: 30, Col: 90}))
	must(t, caller.Prepare(p.master))
	size := func(want unix.Winsize) {
		t.Helper()
		if got, err := unix.IoctlGetWinsize(int(p.peer.Fd()), unix.TIOCGWINSZ); err != nil || *got != want {
			t.Errorf("the size is %v, want %v (%v)", got, want, err)
		}
	}
	size(unix.Winsize{Row: 30, Col: 90})
	if p.modes(t).Oflag&unix.ONLCR == 0 {
		t.Error("the terminal does not return the carriage")
	}
	s := begin(t, caller, p, process)
	raw := own.modes(t)
	if raw.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) != 0 || raw.Oflag&unix.OPOST != 0 {
		t.Errorf("the caller's terminal is not raw: %+v", raw)
	}
	must(t, unix.IoctlSetWinsize(own.master, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 100}))
	if !s.Signal(unix.SIGWINCH) || s.Signal(unix.SIGTERM) || s.Signal(unix.SIGCONT) {
		t.Error("it is wrong about whose signals are")
	}
	size(unix.Winsize{Row: 40, Col: 100})
	must(t, unix.IoctlSetTermios(fd, unix.TCSETS, &before)) // as a shell does while vial is stopped
	s.Signal(unix.SIGCONT)
	if own.modes(t) != raw {
		t.Error("the caller's terminal is not raw again")
	}
	process.end()
	s.End()
	s.End()
	if own.modes(t) != before {
		t.Error("the caller's terminal is not what it was")
	}
	if s.Signal(unix.SIGWINCH); own.modes(t) != before {
		t.Error("a signal after the end changes it")
	}
}

// TestCallerHangsUp: with the caller's terminal goes that of the process.
func TestCallerHangsUp(t *testing.T) {
	own, p, process := newPty(t), newPty(t), newProcess(t)
	fd := int(own.peer.Fd())
	s := begin(t, Caller{fd, fd, fd}, p, process)
	unix.Close(own.master)
	hungUp(t, p)
	process.end()
	s.End()
}

// TestPreparedForFiles: where no terminal sees the output, lines end as they are
// written.
func TestPreparedForFiles(t *testing.T) {
	p, c := newPty(t), newPipes(t)
	defer unix.Close(p.master)
	must(t, c.caller().Prepare(p.master))
	if p.modes(t).Oflag&unix.ONLCR != 0 {
		t.Error("the terminal returns the carriage")
	}
}

// TestBeginFails: what a session was given is closed, whatever fails.
func TestBeginFails(t *testing.T) {
	p, c := newPty(t), newPipes(t)
	if _, err := Begin(c.caller(), p.master, -1); err == nil {
		t.Fatal("it began without a process")
	}
	hungUp(t, p)
}

func TestNilSession(t *testing.T) {
	var s *Session
	if s.Signal(unix.SIGWINCH) {
		t.Error("a signal is for nobody")
	}
	s.Leave()
	s.End()
}
