package bed

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// A Result is what a vial said, and what the container printed with it.
type Result struct {
	b              *Bundle
	Status         int
	Stdout, Stderr string
	Took           time.Duration
}

// limit is how long one vial may take.
func limit() time.Duration { return Slowly(30 * time.Second) }

// Vial runs vial with a verb and its arguments and waits for it.
func (b *Bundle) Vial(arguments ...string) *Result {
	b.T.Helper()
	p := b.Launch(arguments...)
	return p.Wait()
}

// A Process is a vial that runs.
type Process struct {
	b        *Bundle
	process  *os.Process
	out, err string // the files of its output
	since    time.Time
}

// Launch starts vial and does not wait for it.
func (b *Bundle) Launch(arguments ...string) *Process {
	b.T.Helper()
	b.calls++
	p := &Process{b: b, out: b.Path(fmt.Sprintf("out.%d", b.calls)), err: b.Path(fmt.Sprintf("err.%d", b.calls)), since: time.Now()}
	files, closeAll := b.descriptors(p)
	defer closeAll()
	words := append([]string{"vial", "--root", b.Root}, b.Global...)
	program, env := Vial(), b.Env
	if b.Umask != "" {
		program, env = "/proc/self/exe", append(env, umaskVariable+"="+b.Umask, dirVariable+"="+os.Getenv(dirVariable))
	}
	if b.Through != "" {
		program, env = "/proc/self/exe", append(env, throughVariable+"="+b.Through, dirVariable+"="+os.Getenv(dirVariable))
	}
	var err error
	p.process, err = os.StartProcess(program, append(words, arguments...), &os.ProcAttr{Dir: b.Dir, Env: env, Files: files, Sys: b.Attributes})
	b.Must(err)
	return p
}

// Through is called by a TestMain of tests that use Bundle.Through, before Main.
// In a process that vial is to come of it lets spoil do what the text says, and
// becomes vial, and does not return.
func Through(spoil func(text string) error) {
	text := os.Getenv(throughVariable)
	if text == "" {
		return
	}
	runtime.LockOSThread() // namespaces and cgroups may be a thread's own
	err := spoil(text)
	if err == nil {
		err = unix.Exec(Vial(), os.Args, []string{"PATH=/usr/bin:/bin"})
	}
	fmt.Fprintln(os.Stderr, "spoil:", text, err)
	os.Exit(2)
}

// masked becomes vial with a umask, which belongs to a process: the tests have
// only one between them.
func masked(mask string) int {
	bits, err := strconv.ParseUint(mask, 8, 32)
	if err == nil {
		unix.Umask(int(bits))
		err = unix.Exec(Vial(), os.Args, []string{"PATH=/usr/bin:/bin"})
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// descriptors are vial's own from 0 on.
func (b *Bundle) descriptors(p *Process) (files []*os.File, closeAll func()) {
	b.T.Helper()
	null, err := os.Open(os.DevNull)
	b.Must(err)
	out, err := os.OpenFile(p.out, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	b.Must(err)
	errs, err := os.OpenFile(p.err, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	b.Must(err)
	files = []*os.File{null, out, errs}
	for fd, f := range b.Stdio {
		for len(files) <= fd {
			files = append(files, nil)
		}
		files[fd] = f
	}
	return files, func() { null.Close(); out.Close(); errs.Close() }
}

// Pid is vial's own.
func (p *Process) Pid() int { return p.process.Pid }

// Signal sends vial a signal.
func (p *Process) Signal(s unix.Signal) { p.b.T.Helper(); p.b.Must(p.process.Signal(s)) }

// Output is what has been printed so far.
func (p *Process) Output() string { return readText(p.out) }

// Wait waits for vial to end.
func (p *Process) Wait() *Result {
	p.b.T.Helper()
	timer := time.AfterFunc(limit(), func() { _ = p.process.Kill() })
	state, err := p.process.Wait()
	p.b.Must(err)
	r := &Result{b: p.b, Status: state.ExitCode(), Took: time.Since(p.since)}
	if !timer.Stop() {
		p.b.T.Errorf("vial took more than %v", limit())
	}
	if state.ExitCode() < 0 {
		r.Status = 128 + int(state.Sys().(interface{ Signal() unix.Signal }).Signal())
	}
	r.Stdout, r.Stderr = readText(p.out), readText(p.err)
	return r
}

// Run runs a container with the probe doing the given acts, and sees to it that
// nothing is left of it.
func (b *Bundle) Run(acts ...string) *Result {
	b.T.Helper()
	b.Spec.Process.Args = append([]string{"/probe"}, acts...)
	return b.RunSpec()
}

// RunSpec runs a container as the Spec says.
func (b *Bundle) RunSpec() *Result {
	b.T.Helper()
	b.write()
	r := b.Vial("run", "--bundle", b.Dir, b.ID)
	b.NothingLeft()
	return r
}

// Report runs a container with the probe doing the given acts; it has to work.
func (b *Bundle) Report(acts ...string) *report.Report {
	b.T.Helper()
	return b.Run(acts...).Report()
}

// Process runs a container and is what the probe sees of itself.
func (b *Bundle) Process() *report.Process {
	b.T.Helper()
	r := b.Report("report")
	if r.Process == nil {
		b.T.Fatal("the probe reported nothing")
	}
	return r.Process
}

// Report is what the probe printed; vial has to have succeeded.
func (r *Result) Report() *report.Report {
	r.b.T.Helper()
	if r.Status != 0 {
		r.b.T.Fatalf("status %d: %s%s", r.Status, r.Stderr, r.Stdout)
	}
	return r.b.Parse(r.Stdout)
}

// Parse reads what a probe printed.
func (b *Bundle) Parse(text string) *report.Report {
	b.T.Helper()
	out := &report.Report{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "{") {
			continue
		}
		if err := json.Unmarshal([]byte(line), out); err != nil {
			b.T.Fatalf("what the probe printed: %v: %s", err, text)
		}
	}
	return out
}

// Fails sees to it that vial failed as it has to: status 1, one line that
// begins with "vial: " and holds each of the texts, nothing on standard output.
func (r *Result) Fails(texts ...string) {
	r.b.T.Helper()
	if r.Status != 1 {
		r.b.T.Errorf("status is %d, want 1: %s%s", r.Status, r.Stderr, r.Stdout)
	}
	if !strings.HasPrefix(r.Stderr, "vial: ") || strings.Count(r.Stderr, "\n") != 1 {
		r.b.T.Errorf("want one line of error, got %q", r.Stderr)
	}
	for _, text := range texts {
		if !strings.Contains(r.Stderr, text) {
			r.b.T.Errorf("the error is %q, want %q in it", strings.TrimSpace(r.Stderr), text)
		}
	}
	if r.Stdout != "" {
		r.b.T.Errorf("standard output of a failure: %q", r.Stdout)
	}
}

// Start starts a run of the container and does not wait for it.
func (b *Bundle) Start() *Process {
	b.T.Helper()
	b.write()
	return b.Launch("run", "--bundle", b.Dir, b.ID)
}

// Output is what the created container has printed so far.
func (b *Bundle) Output() string { return readText(b.Path(fmt.Sprintf("out.%d", b.created))) }

// Create creates the container; its process waits for Start.
func (b *Bundle) Create(acts ...string) *Result {
	b.T.Helper()
	if len(acts) > 0 {
		b.Spec.Process.Args = append([]string{"/probe"}, acts...)
	}
	b.write()
	pidFile := b.Path("pid")
	r := b.Vial("create", "--bundle", b.Dir, "--pid-file", pidFile, b.ID)
	if r.Status == 0 {
		b.created = b.calls
		pid, err := strconv.Atoi(readText(pidFile))
		b.Must(err)
		b.pids = append(b.pids, pid)
	}
	return r
}

// Created creates the container and is its pid; it has to work.
func (b *Bundle) Created(acts ...string) int {
	b.T.Helper()
	if r := b.Create(acts...); r.Status != 0 {
		b.T.Fatalf("create: status %d: %s", r.Status, r.Stderr)
	}
	return b.pids[len(b.pids)-1]
}

// OK sees to it that vial succeeded and had nothing to complain of.
func (r *Result) OK() *Result {
	r.b.T.Helper()
	if r.Status != 0 || r.Stderr != "" {
		r.b.T.Fatalf("status %d: %s", r.Status, r.Stderr)
	}
	return r
}

// Cgroup is the container's cgroup of a controller.
func (b *Bundle) Cgroup(controller string) string {
	if V2() {
		return cgroupTop + "/" + b.ID
	}
	return cgroupTop + "/" + controller + "/" + b.ID
}

// CgroupFile is what a file of the container's cgroup holds.
func (b *Bundle) CgroupFile(controller, name string) string {
	b.T.Helper()
	text, err := os.ReadFile(b.Cgroup(controller) + "/" + name)
	b.Must(err)
	return strings.TrimSpace(string(text))
}

// Until waits for something that has to happen.
func (b *Bundle) Until(what string, happened func() bool) {
	b.T.Helper()
	if !until(happened) {
		b.T.Fatalf("%s: it did not happen in %v", what, patience())
	}
}

// Status is the container's status as `vial state` has it, "" without one.
func (b *Bundle) Status() string {
	b.T.Helper()
	r := b.Vial("state", b.ID)
	var s struct{ Status string }
	if r.Status != 0 || json.Unmarshal([]byte(r.Stdout), &s) != nil {
		return ""
	}
	return s.Status
}

// WithWarnings is Report for a vial that may have had something to say.
func (r *Result) WithWarnings() *report.Report {
	r.b.T.Helper()
	if r.Stderr != "" && !strings.HasPrefix(r.Stderr, "vial: warning: ") {
		r.b.T.Fatalf("status %d: %s", r.Status, r.Stderr)
	}
	return r.Report()
}

// Started starts the created container, waits for its end, and is what the
// probe printed.
func (b *Bundle) Started() *report.Report {
	b.T.Helper()
	b.Vial("start", b.ID).OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	return b.Parse(b.Output())
}

// Detached runs the container in the background.
func (b *Bundle) Detached() *Result {
	b.T.Helper()
	b.write()
	r := b.Vial("run", "--detach", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID)
	b.created = b.calls
	b.Adopt(b.Path("pid"))
	return r
}

// Kept runs the container and keeps what is left of it.
func (b *Bundle) Kept() *Result {
	b.T.Helper()
	b.write()
	return b.Vial("run", "--keep", "--bundle", b.Dir, b.ID)
}

// Write writes the config for a container with the probe doing the given acts.
func (b *Bundle) Write(acts ...string) {
	b.T.Helper()
	b.Spec.Process.Args = append([]string{"/probe"}, acts...)
	b.write()
}

// Adopt is the process whose pid is in a file, and takes note of it, to reap it
// later.
func (b *Bundle) Adopt(pidFile string) int {
	b.T.Helper()
	pid, err := strconv.Atoi(readText(pidFile))
	b.Must(err)
	b.pids = append(b.pids, pid)
	return pid
}

// Listing is the program that would make the container.
func (b *Bundle) Listing() string {
	b.T.Helper()
	b.write()
	return b.Vial("compile", "--bundle", b.Dir, "--for", "run", b.ID).OK().Stdout
}
