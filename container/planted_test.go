package container

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/field"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// TestPlantedErrors runs the default spec's program with an error in the place
// of each of its calls in turn. What must come of it: an error that names the
// step, and a host that is as it was.
func TestPlantedErrors(t *testing.T) {
	t.Run("create", func(t *testing.T) { plantEverywhere(newPlanted(t, compile.StartOnRequest)) })
	t.Run("run", func(t *testing.T) { plantEverywhere(newPlanted(t, compile.StartAtOnce)) })
	t.Run("create with tmpcopyup", func(t *testing.T) {
		p := newPlanted(t, compile.StartOnRequest)
		p.spec.Mounts = append(p.spec.Mounts, specs.Mount{
			Destination: "/copied", Type: "tmpfs", Source: "tmpfs", Options: []string{"tmpcopyup"},
		})
		plantEverywhere(p)
	})
	t.Run("create with a terminal", func(t *testing.T) {
		p := newPlanted(t, compile.StartOnRequest)
		p.withTerminal()
		p.only = "process.terminal"
		plantEverywhere(p)
	})
	t.Run("run with hooks", func(t *testing.T) {
		p := newPlanted(t, compile.StartAtOnce)
		hook := []specs.Hook{{Path: probeBinary, Args: []string{"probe", "exit", "0"}}}
		inside := []specs.Hook{{Path: "/probe", Args: hook[0].Args}}
		p.spec.Hooks = &specs.Hooks{CreateContainer: hook, StartContainer: inside}
		plantEverywhere(p)
	})
}

func plantEverywhere(p *planted) {
	p.compile()
	if err := p.try(-1, 0); err != nil { // makes the mount points in the rootfs too
		p.t.Fatal(err)
	}
	before := p.picture()
	must := mustRun(p.program)
	// Whoever starts a process that is just ending may miss what it says.
	must[min(p.stepAt("wait for vial start")+1, len(must)-1)] = false
	for i, c := range p.program.Calls[:p.stepAt("report a failure to the parent")] {
		switch {
		case p.only != "" && p.program.StepOf(i).Origin != p.only:
			continue
		case p.only == "" && os.Getenv("VIAL_TEST_SLOW") != "" && (i+len(p.program.Calls))%3 != 0:
			continue // programs have most of their calls in common, and other settings try them all
		}
		errnos := []unix.Errno{unix.EIO}
		if c.Errno != 0 && c.Errno != program.AnyErrno {
			errnos = append(errnos, c.Errno)
		}
		for _, errno := range errnos {
			caught := c.Errno == errno || c.Errno == program.AnyErrno
			err := p.try(i, errno)
			switch {
			case err != nil:
				p.check(i, errno, err, caught)
			case must[i] && !caught:
				p.t.Errorf("call %d: %v in step %q was not noticed", i, errno, p.program.StepOf(i).Phrase)
			}
			if !p.unchanged(&before) {
				p.t.Errorf("… by %v in place of call %d of step %q: %v", errno, i, p.program.StepOf(i).Phrase, err)
			}
		}
	}
}

// A planted container has an error in the place of one call.
type planted struct {
	*bed
	id      string
	start   compile.StartMode
	program *program.Program // without the error
	exec    string           // how start names what it does
	only    field.Path       // the origin of the steps to plant in; all if it is empty
}

func newPlanted(t *testing.T, start compile.StartMode) *planted {
	b := newBed(t, "exit", "0")
	return &planted{bed: b, id: b.id(), start: start}
}

func (p *planted) compile() {
	prepared, err := p.prepare(p.id, p.options(), p.start)
	p.ok(err)
	p.program, p.exec = prepared.output.Program, prepared.output.Exec
}

// try makes, starts and deletes the container with errno planted at call i, or
// with nothing planted if i is negative.
func (p *planted) try(i int, errno unix.Errno) error {
	defer func() { p.master.Close() }()
	o := p.options()
	o.PidFile = p.bundle + "/pid"
	o.testOnlyPlant = func(p *program.Program) {
		if i >= 0 {
			c := &p.Calls[i]
			c.Sys, c.N, c.Args, c.Retry = program.SysSet, 1, [6]program.Arg{program.Int(-int(errno))}, 0
		}
	}
	if p.start == compile.StartAtOnce {
		_, err := p.Run(p.id, RunOptions{Options: o})
		p.remove(o.PidFile, err)
		return err
	}
	if err := p.Create(p.id, o); err != nil {
		return err
	}
	err := p.Start(p.id)
	p.delete(p.id)
	p.remove(o.PidFile, nil)
	return err
}

// remove removes the pid file, which outlives a container, though not one that
// could not be made.
func (p *planted) remove(pidFile string, err error) {
	if err == nil {
		p.ok(unix.Unlink(pidFile))
	}
}

// check checks what an error says. One that was caught may have led to another
// in the same step.
func (p *planted) check(i int, errno unix.Errno, err error, caught bool) {
	p.t.Helper()
	step, say := p.program.StepOf(i), p.program.Calls[i].Say
	want := fmt.Sprintf("create %s: %s: ", p.id, step.Origin)
	if p.start == compile.StartAtOnce {
		want = fmt.Sprintf("run %s: %s: ", p.id, step.Origin)
	}
	started := p.stepAt("wait for vial start")
	switch {
	case p.start == compile.StartOnRequest && i == started+1 && strings.Contains(err.Error(), ": cannot start a"):
		// The wait itself: the process may have ended when start looks for it.
		return
	case p.start == compile.StartOnRequest && i > started:
		want = fmt.Sprintf("start %s: %s: %v", p.id, p.exec, errno)
	case caught:
	case say != "":
		want += say
	case step.Plain:
		want += fmt.Sprintf("%s: %v", step.Phrase, errno)
	default:
		want += fmt.Sprintf("%s: set: %v", step.Phrase, errno)
	}
	got := err.Error()
	if got != want && !(caught && strings.HasPrefix(got, want)) || strings.Contains(got, "\n") {
		p.t.Errorf("call %d:\ngot  %s\nwant %s", i, got, want)
	}
}

// stepAt is the first call of the step with a phrase, or the end of all.
func (p *planted) stepAt(phrase string) int {
	for _, s := range p.program.Steps {
		if s.Phrase == phrase {
			return s.First
		}
	}
	return len(p.program.Calls)
}

// mustRun tells for each call whether no way leads past it: then an error in
// its place cannot go by unnoticed. clone3 does not count as a way: both of its
// sides are gone.
func mustRun(p *program.Program) []bool {
	over := make([]int, len(p.Calls)+1) // by how many jumps each call is passed over
	for i, c := range p.Calls {
		for _, to := range []program.Target{c.Else, c.Zero, c.Next} {
			orphaned := c.Sys == program.SysRecvfrom && to == c.Zero
			if to != 0 && c.Sys != program.SysClone3 && !orphaned {
				over[i+1]++
				over[to]--
			}
		}
	}
	must, n := make([]bool, len(p.Calls)), 0
	for i := range must {
		n += over[i]
		must[i] = n == 0
	}
	return must
}
