package container

import (
	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/program"
)

// A debugger is told what is done, as Runtime.Debug says; nil is nobody.
type debugger func(format string, args ...any)

func (d debugger) say(format string, args ...any) {
	if d != nil {
		d(format, args...)
	}
}

// compiled tells of every step of a program, in the order of its calls.
func (d debugger) compiled(p *program.Program) {
	if d == nil {
		return
	}
	for i, step := range p.Steps {
		end := len(p.Calls)
		if i+1 < len(p.Steps) {
			end = p.Steps[i+1].First
		}
		calls := "calls"
		if end-step.First == 1 {
			calls = "call"
		}
		d("compiled %s: %s (%d %s)", step.Origin, step.Phrase, end-step.First, calls)
	}
}

// limits tells what Set is about to write.
func (d debugger) limits(p *cgroup.Plan) {
	if d == nil {
		return
	}
	for _, line := range p.Describe() {
		d("%s", line)
	}
}

// serving tells of each request of a program, and of what became of it.
func (d debugger) serving(child *launch.Child, answer func(launch.Question) ([]byte, error)) func(launch.Question) ([]byte, error) {
	if d == nil {
		return answer
	}
	return func(q launch.Question) ([]byte, error) {
		d("process %d asks for %s (%s: %s)", child.Pid, q.Kind, q.Step.Origin, q.Step.Phrase)
		reply, err := answer(q)
		if err != nil {
			d("process %d has asked for %s in vain: %v", child.Pid, q.Kind, err)
		} else {
			d("process %d was answered", child.Pid)
		}
		return reply, err
	}
}
