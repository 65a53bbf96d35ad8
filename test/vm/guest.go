package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A guest is a machine that runs. It has two serial ports: the console, and one
// for what the tests print.
type guest struct {
	name, dir               string
	kernel, initramfs, disk string
	settings, suites        []string
}

func (g guest) console() string { return filepath.Join(g.dir, g.name+".console") }
func (g guest) results() string { return filepath.Join(g.dir, g.name+".results") }

// An outcome is what a machine has to show for itself.
type outcome struct {
	guest
	runs []testRun
	lost string // why it did not do all of its tests, if it did not
	note string // what a reader of the results has to know
	took time.Duration
}

// run has the machine do its tests. No test may make a kernel panic, so that one
// which does has met a bug of the kernel's or of the emulator's: it is given one
// more chance, and the report says so.
func (g guest) run(ctx context.Context) outcome {
	o := g.runOnce(ctx)
	if panicked(o.lost) && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "vm: %s is booted once more: %s\n%s\n", g.name, o.lost, g.lastWords())
		again := g.runOnce(ctx)
		again.note = "in a second machine; of the first one, " + o.lost
		return again
	}
	return o
}

func (g guest) runOnce(ctx context.Context) outcome {
	since := time.Now()
	err := g.boot(ctx)
	took := time.Since(since)
	fmt.Fprintf(os.Stderr, "vm: %s ran for %d s\n", g.name, int(took.Seconds()))
	console, _ := os.ReadFile(g.console())
	text, _ := os.ReadFile(g.results())
	runs, whole := parseResults(string(text))
	o := outcome{guest: g, runs: runs, took: took}
	if !whole {
		o.lost = diagnose(err, string(console), runs)
	}
	return o
}

// boot runs the machine until it switches itself off.
func (g guest) boot(ctx context.Context) error {
	line := "console=ttyS0 panic=-1 oops=panic quiet loglevel=4 mitigations=off " +
		"no_timer_check" // which, when the host is busy, finds that the emulated timer does not work, and panics
	words := []string{
		// One thread for both CPUs: with one each, qemu 7.2 has let a CPU run into
		// code that the kernel was changing on the other (a static key, as the
		// first device filter was attached), and the kernel panicked.
		"-accel", "tcg,thread=single", "-cpu", "max", "-smp", "2", "-m", "3072", "-no-reboot",
		"-display", "none", "-monitor", "none", "-nic", "none",
		"-serial", "file:" + g.console(), "-serial", "file:" + g.results(),
		"-kernel", g.kernel, "-initrd", g.initramfs,
	}
	if g.disk != "" {
		line += " vial.disk=/dev/vda"
		words = append(words, "-drive", "file="+g.disk+",if=virtio,format=raw,snapshot=on")
	}
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64", append(words, "-append", line)...)
	var complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = os.Stderr, &complaint
	// The signal is for the end of the thread that started it (prctl(2)).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	err := cmd.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errors.New("it took too long and was switched off")
	case ctx.Err() != nil:
		return errors.New("it was interrupted")
	case err != nil:
		return fmt.Errorf("%s: %w: %s", emulatorDied, err, strings.TrimSpace(complaint.String()))
	}
	return nil
}

const (
	emulatorDied = "the emulator died"
	kernelDied   = "its kernel panicked"
)

// panicked tells whether a machine was lost for a reason that no test can have.
func panicked(why string) bool {
	return strings.HasPrefix(why, emulatorDied) || strings.HasPrefix(why, kernelDied)
}

// diagnose tells in a line why a machine did not do all of its tests, and where
// it was. The first complaint of a kernel is the one that counts.
func diagnose(died error, console string, runs []testRun) string {
	why := "it switched itself off before the tests had ended"
	complaint := regexp.MustCompile(`(?m)(Kernel panic - not syncing|BUG: |Oops: |general protection fault|unable to handle).*`)
	switch text := strings.TrimSpace(complaint.FindString(console)); {
	case text != "" && strings.Contains(console, "Kernel panic"):
		why = kernelDied + ": " + text
	case died != nil:
		why = died.Error()
	}
	if len(runs) > 0 {
		last := runs[len(runs)-1]
		why += "; it was in " + last.pkg
		if at := lastTest(last.output); at != "" && last.status == unfinished {
			why += ", " + at
		}
	}
	return why
}

// lastTest is the test that was begun last.
func lastTest(output string) string {
	found := regexp.MustCompile(`(?m)^\x16?=== (?:RUN|CONT) +(\S+)`).FindAllStringSubmatch(output, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// lastWords are the end of the console.
func (g guest) lastWords() string {
	text, _ := os.ReadFile(g.console())
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-60):], "\n")
}

// keep copies what the machine printed into a directory, if there is one.
func (g guest) keep(dir string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, path := range []string{g.console(), g.results()} {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(path)), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
