package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A machine is something that executes images.
type machine struct {
	cpu  program.CPU
	code []byte   // its interpreter
	by   []string // the emulator; empty on the CPU itself
}

// An ending is what is left of an image that has run.
type ending struct {
	output  string // written to descriptor 1
	failure string // written to descriptor 3
	status  string // as package os words it
}

// onMachines runs test on this CPU and, where qemu-user is installed, on the
// other one.
func onMachines(t *testing.T, test func(t *testing.T, m machine)) {
	t.Run(Native().String(), func(t *testing.T) {
		code, err := Interpreter()
		if err != nil {
			t.Fatal(err)
		}
		test(t, machine{cpu: Native(), code: code})
	})
	if Native() == program.ARM64 {
		return
	}
	t.Run("arm64 by qemu", func(t *testing.T) {
		m, err := emulated()
		if err != nil {
			t.Skip(err)
		}
		test(t, m)
	})
}

// emulated builds this package's dumper for arm64 and reads the interpreter
// from it, out of its text as vial does, not out of its symbol table.
var emulated = sync.OnceValues(func() (machine, error) {
	m := machine{cpu: program.ARM64}
	for _, name := range []string{"qemu-aarch64-static", "qemu-aarch64"} {
		if path, err := exec.LookPath(name); err == nil {
			m.by = []string{path}
		}
	}
	if m.by == nil {
		return m, fmt.Errorf("needs qemu-aarch64-static (Debian: qemu-user-static)")
	}
	dir, err := os.MkdirTemp("", "vial-image-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	dumper := filepath.Join(dir, "dump")
	build := exec.Command("go", "build", "-o", dumper, "./testdata/dump")
	build.Env = append(os.Environ(), "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build the dumper for arm64: %v: %s", err, out))
	}
	if m.code, err = exec.Command(m.by[0], dumper).Output(); err != nil {
		panic(fmt.Sprintf("run the dumper for arm64: %v", err))
	}
	return m, nil
})

// run executes an encoded program, with input as the file at descriptor 0.
func (m machine) run(t testing.TB, encoded []byte, input string) ending {
	t.Helper()
	stdin := memfd(t, []byte(input))
	output, failure := newPipe(t), newPipe(t)
	cmd := m.command(t, wrap(m.cpu, m.code, encoded))
	cmd.Stdin, cmd.Stdout, cmd.ExtraFiles = stdin, output.w, []*os.File{failure.w}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := ending{output: output.rest(t), failure: failure.rest(t)}
	_ = cmd.Wait() // the status tells it
	e.status = strings.TrimSuffix(cmd.ProcessState.String(), " (core dumped)")
	return e
}

// command executes an image; without an emulator as vial does, from a memfd.
func (m machine) command(t testing.TB, image []byte) *exec.Cmd {
	t.Helper()
	// An interpreter that is wrong may run forever.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	if m.by == nil {
		return exec.CommandContext(ctx, executable(t, image))
	}
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, image, 0o700); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(ctx, m.by[0], append(m.by[1:], path)...)
}

// executable is the path of an image in a memfd. The descriptor's number is
// high: fork and exec use the ones behind the highest that is inherited for
// themselves, and would overwrite it.
func executable(t testing.TB, image []byte) string {
	t.Helper()
	high, err := unix.FcntlInt(memfd(t, image).Fd(), unix.F_DUPFD_CLOEXEC, 200)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(high) })
	return fmt.Sprintf("/proc/self/fd/%d", high)
}

// memfd is a file in memory.
func memfd(t testing.TB, content []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("vial-test", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 every memfd is executable
		fd, err = unix.MemfdCreate("vial-test", unix.MFD_CLOEXEC)
	}
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "memfd")
	t.Cleanup(func() { f.Close() })
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

type pipe struct{ r, w *os.File }

func newPipe(t testing.TB) pipe {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return pipe{r, w}
}

// rest is what is written until nobody is left who could write.
func (p pipe) rest(t testing.TB) string {
	t.Helper()
	p.w.Close()
	b, err := io.ReadAll(p.r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
