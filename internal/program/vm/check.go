package vm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Errnos are what Check makes each call fail with: what the system calls of a
// container answer on hosts that are full, locked down, old or racing.
var Errnos = []unix.Errno{
	unix.EPERM, unix.ENOENT, unix.EIO, unix.EINTR, unix.ENXIO, unix.E2BIG, unix.ENOEXEC, unix.EBADF,
	unix.EAGAIN, unix.ENOMEM, unix.EACCES, unix.EFAULT, unix.EBUSY, unix.EEXIST, unix.EXDEV, unix.ENODEV,
	unix.ENOTDIR, unix.EISDIR, unix.EINVAL, unix.ENFILE, unix.EMFILE, unix.ETXTBSY, unix.ENOSPC, unix.EROFS,
	unix.EPIPE, unix.ENAMETOOLONG, unix.ENOSYS, unix.ELOOP, unix.EOPNOTSUPP, unix.ECONNRESET, unix.EDQUOT,
}

// Options say what a program expects of who launches it.
type Options struct {
	// Inherited are the descriptors beside 0, 1 and 2. If there are none the
	// program's calls are asked for them, see Inherited. One more is always
	// there, which the caller has leaked.
	Inherited []Descriptor
	// Kept are the descriptors that the user's process is meant to get; nil
	// means 0, 1 and 2.
	Kept []int
	// MayLeak allows descriptors that nothing but close-on-exec closes.
	MayLeak bool
}

// What a process that failed exits with, as runc's does: once it was started,
// the status is that of the container.
const (
	statusBeforeStart = 1
	statusAfterStart  = 255
)

// Tally counts what Check has looked at.
type Tally struct {
	Calls    int // in the program
	Clean    int // made when nothing fails
	Failures int // planted, for one CPU
	Caught   int // of them: those that a rule of the call leads on from
	Walks    int // ways through the program that were followed to their ends
}

// leakedFD is the descriptor that no program may hand on (CVE-2024-21626).
const leakedFD = 32

// CheckProgram is Check as a test uses it.
func CheckProgram(t interface {
	Helper()
	Errorf(format string, args ...any)
}, p *program.Program) {
	t.Helper()
	if _, err := Check(p, Options{}); err != nil {
		t.Errorf("%v", err)
	}
}

// randomWalks is how many ways through the program with several things going
// differently Check follows, beside those where one does.
const randomWalks = 64

// Check runs p clean and then with each call failing with each errno that
// matters, for every CPU. It demands that
//
//   - the call's own rule catches the errno and the program goes on, or exactly
//     one failure message says which call and which errno, goes out through the
//     channel or, once the process was started, the fifo, and nothing runs after
//     it but the exit;
//   - Explain gives that message the step's origin and phrase and the errno's text;
//   - the program ends in no other way than execve, a reported failure, the exit
//     of the process before the clone, or an exit since the parent is gone;
//   - the user's process gets the descriptors meant for it and no others;
//   - every call can be reached.
//
// An error lists what was found.
func Check(p *program.Program, o Options) (Tally, error) {
	if err := p.Verify(); err != nil {
		return Tally{}, err
	}
	if o.Kept == nil {
		o.Kept = []int{0, 1, 2}
	}
	if o.Inherited == nil {
		o.Inherited = Inherited(p)
	}
	var tally Tally
	for _, cpu := range program.CPUs {
		x := &explorer{p: p, o: o, fake: &Fake{CPU: cpu, Requests: p.Requests}, tried: make(map[edge]bool), found: make(map[finding]bool)}
		if err := x.explore(p.Encode(cpu)); err != nil {
			return x.tally, fmt.Errorf("%s: %w", cpu, err)
		}
		tally = x.tally
	}
	return tally, nil
}

// explorer follows a program along all its ways. A process is all the state
// there is, so a way is tried on a copy of it, from where it parts: there is
// no need to start from the beginning each time.
type explorer struct {
	p        *program.Program
	o        Options
	m        *machine
	fake     *Fake
	tried    map[edge]bool
	waiting  []way
	straying bool // past the one by one
	reached  []bool
	problems []error
	found    map[finding]bool
	tally    Tally
}

// An edge is a call and what it answers.
type edge struct {
	index  int
	result int64
}

// A way is a process on its way through the program.
type way struct {
	p        *Process
	detours  []edge // what was answered differently, for messages
	orphaned bool   // the parent is gone
	mute     bool   // the report of the failure failed too
	broken   bool   // the program did what none may: there is no going on
}

func (w way) with(e edge) way {
	w.p = w.p.clone()
	w.detours = append(slices.Clip(w.detours), e)
	return w
}

// planted is a kernel that answers one thing.
type planted int64

func (r planted) Call(*Process, uint64, [6]uint64) (Answer, error) {
	return Answer{Result: int64(r)}, nil
}

func (x *explorer) explore(encoded []byte) error {
	leaked := Descriptor{Number: leakedFD, Kind: File, Name: "leaked by the caller"}
	m, p, err := load(encoded, append(slices.Clip(x.o.Inherited), leaked))
	if err != nil {
		return err
	}
	x.m, x.reached = m, make([]bool, len(m.calls))
	x.tally.Calls = len(m.calls)
	x.waiting = []way{{p: p.clone()}}
	x.follow(x.branch)
	for i, reached := range x.reached {
		if !reached {
			x.problem(way{p: p}, "call %d (%s) is never reached", i, x.p.Calls[i].Sys)
		}
	}
	x.straying = true
	for seed := range uint64(randomWalks) {
		dice := rand.New(rand.NewPCG(seed, 0))
		x.waiting = []way{{p: p.clone()}}
		x.follow(func(w way) way { return x.stray(w, dice) })
	}
	return errors.Join(x.problems...)
}

// follow leads the waiting ways to their ends, after giving turn a look at
// each call that is about to be made.
func (x *explorer) follow(turn func(way) way) {
	for len(x.waiting) > 0 {
		w := x.waiting[0]
		x.waiting = x.waiting[1:]
		x.lead(w, turn)
	}
}

func (x *explorer) lead(w way, turn func(way) way) {
	for !w.broken && w.p.End == Return {
		if w = turn(w); !w.broken {
			x.step(&w, x.fake)
		}
	}
	x.tally.Walks++
	if !w.broken {
		x.judge(w)
	}
}

// step makes the next call. It is false if the program did what none may.
func (x *explorer) step(w *way, k Kernel) bool {
	x.reached[min(w.p.at, len(x.reached)-1)] = true
	child, err := x.m.step(w.p, k)
	if err != nil {
		x.problem(*w, "%w", err)
		w.broken = true
		return false
	}
	if len(w.detours) == 0 && !x.straying {
		x.tally.Clean++
	}
	if child != nil {
		child.ID = w.p.ID + 1
		next := *w
		next.p = child
		x.waiting = append(x.waiting, next)
	}
	return true
}

// branch plants every errno, and a zero, in the call that is about to be made.
func (x *explorer) branch(w way) way {
	if w.p.at >= len(x.m.calls) {
		return w
	}
	c := &x.p.Calls[w.p.at]
	if c.Sys == program.SysSet || c.Sys == program.SysExitGroup {
		return w
	}
	errnos := Errnos
	if c.Errno != 0 && c.Errno != program.AnyErrno && !slices.Contains(errnos, c.Errno) {
		errnos = append(slices.Clip(errnos), c.Errno)
	}
	caught := false
	for _, errno := range errnos {
		e := edge{w.p.at, -int64(errno)}
		// fcntl asks whether a descriptor is open: the table has the answer.
		if x.tried[e] || c.Sys == program.SysFcntl && errno == unix.EBADF {
			continue
		}
		x.tried[e] = true
		x.tally.Failures++
		follows := c.Errno == errno || c.Errno == program.AnyErrno
		if follows {
			x.tally.Caught++
		}
		x.plant(w, c, e, !follows || !caught)
		caught = caught || follows
	}
	zero := c.Zero != 0 && c.Sys != program.SysClone3 || c.Sys == program.SysFaccessat2
	if e := (edge{w.p.at, 0}); zero && !x.tried[e] {
		x.tried[e] = true
		x.divert(w, c, e)
	}
	return w
}

// plant makes the call fail with one errno. What comes of it is followed to
// its end if follow says so: of several errnos that lead to the same place, one is.
func (x *explorer) plant(w way, c *program.Call, e edge, follow bool) {
	errno := unix.Errno(-e.result)
	q := w.with(e)
	if errno == unix.EAGAIN {
		for range c.Retry {
			if !x.step(&q, planted(e.result)) {
				return
			}
			if q.p.at != e.index || len(q.p.Failures) > len(w.p.Failures) {
				x.problem(q, "call %d is not repeated", e.index)
				return
			}
		}
	}
	if !x.step(&q, planted(e.result)) {
		return
	}
	if c.Errno == errno || c.Errno == program.AnyErrno {
		if q.p.at != int(c.Else) || len(q.p.Failures) != len(w.p.Failures) {
			x.problem(q, "%s of call %d is not caught", unix.ErrnoName(errno), e.index)
		}
		q.mute = len(q.p.Failures) > 0
		if follow {
			x.waiting = append(x.waiting, q)
		}
		return
	}
	if n := len(q.p.Failures); n > 1 {
		x.problem(q, "a failure leads to another, of call %d", e.index)
		return
	} else if n != 1 || q.p.Failures[0] != (Failure{e.index, errno, len(q.p.Calls)}) {
		x.problem(q, "the failure of call %d is not the one recorded", e.index)
		return
	}
	x.lead(q, x.branch) // at once, since so many copies would fill the memory
}

// divert makes the call answer zero: the end of a file, or of the parent.
func (x *explorer) divert(w way, c *program.Call, e edge) {
	q := w.with(e)
	q.orphaned = c.Sys == program.SysRecvfrom
	if x.step(&q, planted(0)) {
		x.waiting = append(x.waiting, q)
	}
}

// stray lets the call that is about to be made answer, now and then, an errno
// that it catches.
func (x *explorer) stray(w way, dice *rand.Rand) way {
	for !w.broken && w.p.at < len(x.p.Calls) {
		c := &x.p.Calls[w.p.at]
		if c.Errno == 0 || c.Sys == program.SysSet || c.Sys == program.SysFcntl || dice.IntN(2) == 0 {
			return w
		}
		errno := c.Errno
		if errno == program.AnyErrno {
			errno = Errnos[dice.IntN(len(Errnos))]
		}
		if errno == unix.EAGAIN && c.Retry > 0 {
			return w
		}
		w = w.with(edge{w.p.at, -int64(errno)})
		w.mute = len(w.p.Failures) > 0
		x.step(&w, planted(-int64(errno)))
	}
	return w
}

// judge looks at how a process ended.
func (x *explorer) judge(w way) {
	p := w.p
	switch {
	case len(p.Failures) > 0:
		if len(w.detours) == 0 {
			x.problem(w, "call %d fails although nothing goes wrong", p.Failures[0].Index)
		}
		x.judgeFailure(w)
	case len(reports(p)) > 0:
		x.problem(w, "a failure is reported that did not happen")
	case w.orphaned:
		asked := w.detours[len(w.detours)-1].index
		if n := len(p.Calls); p.End != Exit || p.Status == 0 || p.Calls[n-2].Index != asked {
			x.problem(w, "the parent is gone, but the program does more than to exit with an error")
		}
	case p.End == Exec:
		x.judgeExec(w)
	case p.born == 0 || p.Status != 0:
		x.problem(w, "it exits with status %d and says nothing", p.Status)
	case len(p.Messages) == 0 || p.Messages[len(p.Messages)-1].First != program.MessagePid:
		x.problem(w, "it does not report the pid of the process that it made")
	}
	x.judgeMessages(w)
}

// reports are the failure messages that a process has sent.
func reports(p *Process) []Message {
	var found []Message
	for _, m := range p.Messages {
		if m.First >= program.FirstCallOffset {
			found = append(found, m)
		}
	}
	return found
}

func (x *explorer) judgeFailure(w way) {
	p, failure := w.p, w.p.Failures[0]
	kind, status := Channel, statusBeforeStart
	if p.started {
		kind, status = ResultFifo, statusAfterStart
	}
	offset := program.FirstCallOffset + uint64(failure.Index)*program.CallSize
	sent := reports(p)
	switch {
	case len(p.Failures) > 1:
		x.problem(w, "a failure leads to another, of call %d", p.Failures[1].Index)
	case w.mute && len(sent) != 0 || !w.mute && len(sent) != 1:
		x.problem(w, "%d reports of one failure", len(sent))
	case !w.mute && (sent[0].First != offset || sent[0].Second != uint64(failure.Errno)):
		x.problem(w, "the report names offset %d and errno %d, not %d and %d", sent[0].First, sent[0].Second, offset, failure.Errno)
	case !w.mute && sent[0].Kind != kind:
		x.problem(w, "the failure is reported through the %s, not the %s", sent[0].Kind, kind)
	case p.End != Exit || p.Status != status:
		x.problem(w, "after the failure it ends with status %d, not %d", p.Status, status)
	case len(p.Calls) != failure.After+2:
		x.problem(w, "after the failure %d calls are made, not just the report and the exit", len(p.Calls)-failure.After)
	}
	x.judgeText(w, offset, failure)
}

// judgeText demands that Explain makes a line of the failure.
func (x *explorer) judgeText(w way, offset uint64, failure Failure) {
	c, step := &x.p.Calls[failure.Index], x.p.StepOf(failure.Index)
	err := x.p.Explain(offset, failure.Errno)
	var e *program.StepError
	if !errors.As(err, &e) || !errors.Is(err, failure.Errno) || e.Call != c.Sys {
		x.problem(w, "Explain gives %q, which is not the error of call %d", err, failure.Index)
		return
	}
	parts := []string{string(step.Origin), step.Phrase, failure.Errno.Error()}
	if c.Say != "" {
		parts = []string{string(step.Origin), c.Say}
	}
	for _, part := range parts {
		if part == "" || !strings.Contains(err.Error(), part) {
			x.problem(w, "Explain gives %q, without %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		x.problem(w, "Explain gives more than one line: %q", err)
	}
}

func (x *explorer) judgeExec(w way) {
	e := w.p.Execution
	if !slices.Equal(e.Kept, x.o.Kept) {
		x.problem(w, "the user's process gets the descriptors %v, not %v", e.Kept, x.o.Kept)
	}
	for _, d := range e.Closed {
		if !x.o.MayLeak && !x.inherited(d) {
			x.problem(w, "descriptor %s is open until execve", d)
		}
	}
}

func (x *explorer) inherited(text string) bool {
	return slices.ContainsFunc(x.o.Inherited, func(d Descriptor) bool { return d.String() == text })
}

// judgeMessages demands that what was sent means something.
func (x *explorer) judgeMessages(w way) {
	for _, m := range w.p.Messages {
		switch {
		case m.First >= program.FirstCallOffset:
		case m.First == program.MessagePid && w.p.born == 1 && m.Second == firstPid:
		case m.First == program.MessageRequest && m.Second < uint64(len(x.p.Requests)):
			at := x.p.Requests[m.Second].Step
			if first := x.p.Steps[at].First; m.Index < first || at+1 < len(x.p.Steps) && m.Index >= x.p.Steps[at+1].First {
				x.problem(w, "call %d sends request %d, which belongs to another step", m.Index, m.Second)
			}
		default:
			x.problem(w, "call %d sends the message {%d, %d}, which means nothing", m.Index, m.First, m.Second)
		}
	}
}

// maxProblems is how many problems are worth reading.
const maxProblems = 20

// A finding tells problems apart: one errno stands for all that a call answers.
type finding struct {
	text string
	call int // the one that answered something else last, or -1
}

func (x *explorer) problem(w way, format string, args ...any) {
	err := fmt.Errorf(format, args...)
	f := finding{err.Error(), -1}
	if n := len(w.detours); n > 0 {
		f.call = w.detours[n-1].index
	}
	if x.found[f] || len(x.problems) >= maxProblems {
		return
	}
	x.found[f] = true
	for _, e := range w.detours {
		answer := "zero"
		if e.result < 0 {
			answer = unix.ErrnoName(unix.Errno(-e.result))
		}
		err = fmt.Errorf("%w, when call %d (%s) answers %s", err, e.index, x.p.Calls[e.index].Sys, answer)
	}
	x.problems = append(x.problems, err)
}
