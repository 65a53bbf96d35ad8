package bed

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A Terminal has the test at its keyboard and screen: it is the other end of
// the device that a program takes for one.
type Terminal struct {
	b      *Bundle
	Device *os.File // what the program has; nil if that is not the test's own
	master int
	file   *os.File // the same as master
	mu     sync.Mutex
	seen   []byte
}

// Terminal makes a terminal, and calls vial from it from now on. It has a size
// of rows and columns.
func (b *Bundle) Terminal(rows, columns uint16) *Terminal {
	b.T.Helper()
	master, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		Skip(b.T.(*testing.T), "no terminals here: "+err.Error())
	}
	b.Must(unix.IoctlSetPointerInt(master, unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(master, unix.TIOCGPTN)
	b.Must(err)
	name := "/dev/pts/" + strconv.Itoa(number)
	peer, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	b.Must(err)
	t := b.Console(os.NewFile(uintptr(master), "ptmx"))
	t.Device = os.NewFile(uintptr(peer), name)
	b.T.Cleanup(func() { t.Device.Close() })
	t.Resize(rows, columns)
	b.Stdio = map[int]*os.File{0: t.Device, 1: t.Device, 2: t.Device}
	b.Attributes = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	return t
}

// Console is the terminal whose master is f.
func (b *Bundle) Console(f *os.File) *Terminal {
	b.T.Helper()
	master, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	b.Must(err)
	b.Must(unix.SetNonblock(master, true)) // so that closing it ends a read
	t := &Terminal{b: b, master: master, file: os.NewFile(uintptr(master), "ptmx")}
	f.Close()
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := t.file.Read(buffer)
			t.mu.Lock()
			t.seen = append(t.seen, buffer[:n]...)
			t.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	b.T.Cleanup(func() { t.file.Close() })
	return t
}

// Seen is all that has appeared on the screen.
func (t *Terminal) Seen() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.seen)
}

// Await waits until a text is on the screen.
func (t *Terminal) Await(text string) {
	t.b.T.Helper()
	if !until(func() bool { return strings.Contains(t.Seen(), text) }) {
		t.b.T.Fatalf("the terminal shows %q, not %q", t.Seen(), text)
	}
}

// Type types text.
func (t *Terminal) Type(text string) {
	t.b.T.Helper()
	_, err := unix.Write(t.master, []byte(text))
	t.b.Must(err)
}

// Resize makes the terminal another size: who has it in the foreground is told.
func (t *Terminal) Resize(rows, columns uint16) {
	t.b.T.Helper()
	t.b.Must(unix.IoctlSetWinsize(t.master, unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}))
}

// Modes are those of the terminal.
func (t *Terminal) Modes() unix.Termios {
	t.b.T.Helper()
	modes, err := unix.IoctlGetTermios(t.master, unix.TCGETS)
	t.b.Must(err)
	return *modes
}

// Raw tells whether the terminal passes on every character as it is.
func (t *Terminal) Raw() bool {
	m := t.Modes()
	return m.Lflag&(unix.ICANON|unix.ECHO|unix.ISIG) == 0 && m.Iflag&unix.ICRNL == 0
}
