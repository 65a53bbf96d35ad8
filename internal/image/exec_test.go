package image

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// ownBudget is how much memory of its own a waiting image may hold, in kB, with
// pages of 4 KiB: one to three of the stack, where the kernel puts argv at a
// random place, and one of the program, where the slots are; two if the slots
// lie across a border. Older kernels write to the program's last page as well,
// to clear what lies behind it.
const ownBudget = 24

// TestWaiting measures an image as large as that of a default container while
// it waits in a read, as a created container does.
func TestWaiting(t *testing.T) {
	ready, hold := newPipe(t), newPipe(t)
	waits := tiny{build: func(b *program.Builder) {
		umasks(b, 250)
		for i := range 150 {
			b.String(fmt.Sprintf("/a/path/of/usual/length/%d", i))
		}
		say(b, "waiting")
		b.Read(program.FD(0), b.Buffer("byte", 8, ""), 1)
	}}
	pid := start(t, native(t, waits), hold.r.Fd(), ready.w.Fd(), 2)
	if _, err := ready.r.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	sizes := smaps(t, pid)
	t.Logf("resident: %d kB, of its own: %d kB", sizes["Rss"], sizes["Anonymous"])
	hold.w.Close()
	if status := wait(t, pid); status.ExitStatus() != 0 {
		t.Errorf("it ended with %#x", status)
	}
	if os.Getpagesize() == 4096 && sizes["Anonymous"] > ownBudget {
		t.Errorf("it holds %d kB of its own, the budget is %d kB", sizes["Anonymous"], ownBudget)
	}
}

// smaps adds up the sizes in /proc/<pid>/smaps and logs what is resident where.
func smaps(t *testing.T, pid int) map[string]int {
	t.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	sizes, mapping := map[string]int{}, ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if !strings.HasSuffix(words[0], ":") {
			mapping = words[0] + " " + words[len(words)-1]
			continue
		}
		kb, err := strconv.Atoi(words[1])
		if err != nil {
			continue // VmFlags
		}
		name := strings.TrimSuffix(words[0], ":")
		sizes[name] += kb
		if name == "Rss" && kb > 0 {
			t.Logf("%s: %d kB", mapping, kb)
		}
	}
	return sizes
}

// BenchmarkExec starts an image from a memfd and waits for its end, with one
// call and with 250 trivial ones: the difference is what the calls cost.
func BenchmarkExec(b *testing.B) {
	for _, calls := range []int{0, 250} {
		b.Run(fmt.Sprintf("%d calls", calls+1), func(b *testing.B) {
			p := tiny{build: func(b *program.Builder) { umasks(b, calls) }}
			path := native(b, p)
			for b.Loop() {
				pid := start(b, path, 0, 1, 2)
				if status := wait(b, pid); status.ExitStatus() != 0 {
					b.Fatalf("it ended with %#x", status)
				}
			}
		})
	}
}

// BenchmarkBuild wraps a program of a usual size.
func BenchmarkBuild(b *testing.B) {
	builder := program.NewBuilder()
	end := builder.Label()
	builder.FailTo(end)
	builder.Step(program.Runtime, "test")
	umasks(builder, 250)
	builder.FailTo(0)
	builder.Place(end)
	builder.ExitGroup(0)
	p, err := builder.Finish()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Build(p); err != nil {
			b.Fatal(err)
		}
	}
}

// umasks are n calls that cost next to nothing and keep their results.
func umasks(b *program.Builder, n int) {
	old := b.Slot("old")
	for range n {
		b.Umask(0o22).Into(old)
	}
}

// native is the path of a program's image.
func native(t testing.TB, p tiny) string {
	t.Helper()
	code, err := Interpreter()
	if err != nil {
		t.Fatal(err)
	}
	return executable(t, wrap(Native(), code, p.encode(t, Native())))
}

// start executes what lies at path, as package launch does.
func start(t testing.TB, path string, files ...uintptr) int {
	t.Helper()
	pid, err := syscall.ForkExec(path, []string{"vial"}, &syscall.ProcAttr{Files: files, Env: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func wait(t testing.TB, pid int) (status unix.WaitStatus) {
	t.Helper()
	for {
		_, err := unix.Wait4(pid, &status, 0, nil)
		if err == nil {
			return status
		}
		if err != unix.EINTR {
			t.Fatal(err)
		}
	}
}
