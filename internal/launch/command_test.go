package launch

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func command(t *testing.T, args ...string) *Child {
	t.Helper()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	c, err := StartCommand(Command{Path: "/bin/sh", Args: args, Stdin: int(null.Fd())})
	if errors.Is(err, unix.ENOENT) {
		t.Skip("there is no /bin/sh")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	return c
}

func TestCommand(t *testing.T) {
	t.Setenv("CALLERS", "1")
	status, err := command(t, "name", "-c", `test "$0$CALLERS" = name && exit 7`).Wait()
	if err != nil || status.ExitStatus() != 7 {
		t.Errorf("status %d, %v; want 7", status.ExitStatus(), err)
	}
	_, err = StartCommand(Command{Path: "/nope", Args: []string{"x"}})
	if !errors.Is(err, unix.ENOENT) || err.Error() != `exec: "/nope": no such file or directory` {
		t.Errorf("got %v", err)
	}
}

// TestKillGroup kills a shell and what it waits for: that holds the other end of
// a fifo open.
func TestKillGroup(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c := command(t, "sh", "-c", `(echo up; exec sleep 1000) >"$0"; exit 1`, fifo)
	f, err := os.Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := make([]byte, 8)
	if n, err := f.Read(text); err != nil || string(text[:n]) != "up\n" {
		t.Fatalf("%q, %v", text[:n], err)
	}
	c.KillGroup()
	if n, err := f.Read(text); n != 0 {
		t.Errorf("%q, %v; want the end", text[:n], err)
	}
}
