package container

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// withTerminal gives the process a terminal, whose other end is kept open: it
// would hang up else.
func (b *bed) withTerminal() {
	b.spec.Process.Terminal, b.spec.Process.ConsoleSize = true, &specs.Box{Height: 1, Width: 1}
	b.console = func(f *os.File) error { b.master = f; return nil }
}

// output is what comes out of a terminal until nobody has it open any more.
func output(t *testing.T, master *os.File) string {
	t.Helper()
	text, err := io.ReadAll(master)
	if err == nil {
		t.Error("a terminal does not come to its end without an error (EIO)")
	}
	master.Close()
	return string(text)
}

// TestConsole hands terminals to the calling program.
func TestConsole(t *testing.T) {
	var master *os.File
	take := func(f *os.File) error { master = f; return nil }
	text := func(want string) {
		t.Helper()
		if got := output(t, master); got != want {
			t.Errorf("the terminal shows %q, want %q", got, want)
		}
	}
	b := newBed(t, "print", "hello")
	b.spec.Process.Terminal, b.console = true, take
	id := b.created()
	b.ok(b.Start(id))
	text("hello\r\n")
	b.delete(id)
	status, err := b.Run(b.id(), RunOptions{Options: b.options()})
	b.ok(err)
	text("hello\r\n")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	b.spec.Process.Terminal = false
	b.does("sleep")
	id = b.created()
	b.ok(b.Start(id))
	o := ExecOptions{Args: []string{"/probe", "copy", "exit", "4"}, Terminal: true, ConsoleOptions: ConsoleOptions{Console: take}}
	e, err := b.Exec(id, o)
	b.ok(err)
	_, err = master.WriteString("typed\n\x04")
	b.ok(err)
	status, err = e.Wait()
	b.ok(err)
	text("typed\r\ntyped\r\n")
	if status != 4 {
		t.Errorf("status %d", status)
	}
	// Closing it ends a read: it is no descriptor that blocks.
	e, err = b.Exec(id, o)
	b.ok(err)
	done := make(chan error)
	go func() { _, err := io.ReadAll(master); done <- err }()
	b.ok(master.Close())
	if err := <-done; !errors.Is(err, os.ErrClosed) {
		t.Errorf("a read ends with %v", err)
	}
	_, err = e.Wait() // its terminal is gone
	b.ok(err)
}

// TestConsoleIsRefused has the calling program not take the terminal.
func TestConsoleIsRefused(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.withTerminal()
	id := b.id()
	b.ok(b.Create(id, b.options())) // makes the mount points
	b.delete(id)
	b.ok(b.master.Close())
	before := b.picture()
	b.console = func(f *os.File) error { f.Close(); return errors.New("no room for it") }
	b.fails(b.Create(id, b.options()), "create "+id+": process.terminal: hand over the terminal: no room for it")
	b.unchanged(&before)
	b.console = nil
	for _, err := range []error{b.Create(id, b.options()), b.RunDetached(id, b.options())} {
		if err == nil || !strings.Contains(err.Error(), "process.terminal: cannot allocate tty") {
			t.Error(err)
		}
	}
	both := b.options()
	both.Console, both.ConsoleSocket = func(*os.File) error { return nil }, "x"
	b.fails(b.Create(id, both), "create "+id+": process.terminal: there is one terminal, and both ConsoleSocket and Console are to get it")
	b.unchanged(&before)
}
