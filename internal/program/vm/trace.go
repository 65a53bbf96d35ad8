package vm

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Text prints the trace of p for people and for comparison: the calls of each
// process with their results, its messages and its end. It is the same for
// every CPU but for what differs on it by number (flags of open).
func (t *Trace) Text(p *program.Program) string {
	var out strings.Builder
	for _, process := range t.Processes {
		fmt.Fprintf(&out, "process %d\n", process.ID)
		for _, e := range process.Calls {
			out.WriteString("  " + process.callText(p, e) + "\n")
		}
		for _, m := range process.Messages {
			fmt.Fprintf(&out, "  through the %s: %d %d", m.Kind, m.First, m.Second)
			if m.Attached != "" {
				out.WriteString(" with " + m.Attached)
			}
			out.WriteByte('\n')
		}
		if process.End == Exec {
			e := process.Execution
			fmt.Fprintf(&out, "  becomes %s %v %v, with %v\n", e.Path, e.Argv, e.Envp, e.Kept)
		}
	}
	return out.String()
}

func (p *Process) callText(of *program.Program, e Executed) string {
	c := &of.Calls[e.Index]
	args := make([]string, c.N)
	for n := range args {
		args[n] = p.argText(e.Args[n])
	}
	text := c.Sys.String() + "(" + strings.Join(args, ", ") + ")"
	switch {
	case e.Result < 0 && e.Result >= -maxErrno:
		return text + " = " + unix.ErrnoName(unix.Errno(-e.Result))
	case c.Sys == program.SysExitGroup || c.Sys == program.SysExecve:
		return text
	}
	return text + " = " + strconv.FormatInt(e.Result, 10)
}

// argText prints the address of printable text as that text, any other address
// as "&", and everything else as a number.
func (p *Process) argText(a uint64) string {
	s, err := p.Memory.String(a)
	if err != nil {
		return strconv.FormatInt(int64(a), 10)
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return "&"
		}
	}
	if s == "" {
		return "&"
	}
	return strconv.Quote(s)
}
