package program

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

// sound is a program with one of everything that Verify looks at:
//
//	0 openat2 into the slot, ENOENT caught
//	1 close of the slot
//	2 read into the buffer
//	3 report of the failure
//	4 exit
//
// Datum 0 is the failure record, 1 the slot, 2 the path, 3 the struct, 4 the
// buffer.
func sound(t *testing.T) *Program {
	t.Helper()
	b := NewBuilder()
	failed, end := b.Label(), b.Label()
	b.FailTo(failed)
	b.Step("mounts[0]", "do it")
	b.Request(RequestReady)
	fd := b.Slot("fd")
	b.Openat2(CWD, "a", InRoot).Into(fd).On(unix.ENOENT, end)
	b.Close(fd)
	b.Read(FD(4), b.Buffer("start", 8, ""), 8)
	b.FailTo(0)
	b.Step(Runtime, "report")
	b.Place(failed)
	b.Send(FD(3), b.Failure(), MessageSize).On(AnyErrno, end)
	b.Place(end)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Verify refuses a program with anything wrong in it.
func TestVerify(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func(p *Program)
		want  string
	}{
		{"a sound program", func(p *Program) {}, ""},
		{"no calls", func(p *Program) { p.Calls = nil }, "internal error: the program is empty"},
		{"no end", func(p *Program) { p.Calls = p.Calls[:4] }, "internal error: the program ends with sendto, not exit_group"},
		{"no such system call", func(p *Program) { p.Calls[1].Sys = sysCount },
			"internal error: call 1 (unknown): no such system call or too many arguments"},
		{"too many arguments", func(p *Program) { p.Calls[1].N = 7 },
			"internal error: call 1 (close): no such system call or too many arguments"},
		{"less than no arguments", func(p *Program) { p.Calls[1].N = -1 },
			"internal error: call 1 (close): no such system call or too many arguments"},
		{"an argument that the call does not take", func(p *Program) { p.Calls[1].Args[1] = Int(1) },
			"internal error: call 1 (close): argument 1 of 1"},
		{"a jump backward", func(p *Program) { p.Calls[2].Next = 1 }, "internal error: call 2 (read): jump to call 1"},
		{"a jump to itself", func(p *Program) { p.Calls[2].Zero = 2 }, "internal error: call 2 (read): jump to call 2"},
		{"a jump past the end", func(p *Program) { p.Calls[0].Else = 5 }, "internal error: call 0 (openat2): jump to call 5"},
		{"a jump to before the start", func(p *Program) { p.Calls[0].Fail = -1 }, "internal error: call 0 (openat2): jump to call -1"},
		{"a repeat of another call", func(p *Program) { p.Calls[0].Args[0] = Slot{Ref{1, 0}}.Content() },
			"internal error: call 0 (openat2): it keeps its errno in argument 0, then repeats with it"},
		{"an errno that leads nowhere", func(p *Program) { p.Calls[0].Else = 0 },
			"internal error: call 0 (openat2): an errno is caught but leads nowhere"},
		{"a failure that leads nowhere", func(p *Program) { p.Calls[1].Fail = 0 },
			"internal error: call 1 (close): a failure leads nowhere"},
		{"an address of no datum", func(p *Program) { p.Calls[0].Args[1].ref.Datum = 5 },
			"internal error: call 0 (openat2): 1 bytes at 5+0 lie outside the data"},
		{"an address before the data", func(p *Program) { p.Calls[0].Args[1].ref.Datum = -1 },
			"internal error: call 0 (openat2): 1 bytes at -1+0 lie outside the data"},
		{"an address behind its datum", func(p *Program) { p.Calls[0].Args[1].ref.Off = 2 },
			"internal error: call 0 (openat2): 1 bytes at 2+2 lie outside the data"},
		{"an address before its datum", func(p *Program) { p.Calls[0].Args[1].ref.Off = -1 },
			"internal error: call 0 (openat2): 1 bytes at 2+-1 lie outside the data"},
		{"an offset that overflows", func(p *Program) { p.Calls[1].Args[0].ref.Off = math.MaxInt32 },
			"internal error: call 1 (close): 8 bytes at 1+2147483647 lie outside the data"},
		{"a slot half outside", func(p *Program) { p.Calls[1].Args[0].ref.Off = 4 },
			"internal error: call 1 (close): 8 bytes at 1+4 lie outside the data"},
		{"a result outside", func(p *Program) { p.Calls[0].Result.Off = 1 },
			"internal error: call 0 (openat2): 8 bytes at 1+1 lie outside the data"},
		{"a result in no datum", func(p *Program) { p.Calls[0].Result.Datum = -1 },
			"internal error: call 0 (openat2): 8 bytes at -1+0 lie outside the data"},
		{"a result in the failure record", func(p *Program) { p.Calls[0].Result = Ref{0, 8} },
			"internal error: call 0 (openat2): the result goes into no slot"},
		{"a result in a string", func(p *Program) {
			p.Data[2] = Datum{Kind: DatumString, Text: "longenough", Size: 11}
			p.Calls[0].Result = Ref{2, 0}
		}, "internal error: call 0 (openat2): the result goes into no slot"},
		{"a buffer that is too small", func(p *Program) { p.Calls[2].Args[2] = Int(9) },
			"internal error: call 2 (read): 9 bytes at 4+0 lie outside the data"},
		{"a message that is too long", func(p *Program) { p.Calls[3].Args[2] = Int(17) },
			"internal error: call 3 (sendto): 17 bytes at 0+0 lie outside the data"},
		{"a length below zero", func(p *Program) { p.Calls[2].Args[2] = Int(-1) },
			"internal error: call 2 (read): a length that is no number"},
		{"a length not known yet", func(p *Program) { p.Calls[2].Args[2] = Arg{kind: argContent, ref: Ref{1, 0}} },
			"internal error: call 2 (read): a length that is no number"},
		{"a struct of the wrong size", func(p *Program) { p.Calls[0].Args[3] = Int(32) },
			"internal error: call 0 (openat2): 32 bytes at 3+0 lie outside the data"},
		{"a string without its end", func(p *Program) { p.Data[2].Size = 1 },
			"internal error: datum 2 (): 1 bytes of text in 1"},
		{"text behind a buffer", func(p *Program) { p.Data[4].Text = "longer than it" },
			"internal error: datum 4 (start): 14 bytes of text in 8"},
		{"text over a field", func(p *Program) { p.Data[3].Text = "x" },
			"internal error: datum 3 (open_how): 1 bytes of text in 0"},
		{"a field outside", func(p *Program) { p.Data[3].Fields[0].Off = 17 },
			"internal error: datum 3 (open_how): field flags lies outside"},
		{"a field before the struct", func(p *Program) { p.Data[3].Fields[0].Off = -8 },
			"internal error: datum 3 (open_how): field flags lies outside"},
		{"a field of odd width", func(p *Program) { p.Data[3].Fields[0].Width = 3 },
			"internal error: datum 3 (open_how): field flags: it is 3 bytes wide"},
		{"a field that is too narrow", func(p *Program) { p.Data[3].Fields[1] = Field{"resolve", 16, 4, Imm(1<<32, FormHex)} },
			"internal error: datum 3 (open_how): field resolve: 0x100000000 in 4 bytes"},
		{"an address cut off", func(p *Program) { p.Data[3].Fields[1] = Field{"resolve", 16, 4, Arg{kind: argAddress, ref: Ref{2, 0}}} },
			"internal error: datum 3 (open_how): field resolve: an address in 4 bytes"},
		{"the content of a slot in a field", func(p *Program) { p.Data[3].Fields[1].Value = Slot{Ref{1, 0}}.Content() },
			"internal error: datum 3 (open_how): field resolve: the content of a slot is not known yet"},
		{"a field that points outside", func(p *Program) { p.Data[3].Fields[1].Value = Arg{kind: argAddress, ref: Ref{4, 8}} },
			"internal error: datum 3 (open_how): field resolve: 1 bytes at 4+8 lie outside the data"},
		{"two failure records", func(p *Program) { p.Data[4].Kind = DatumRecord },
			"internal error: datum 4 (start): datum 0, and no other, is the failure record"},
		{"no failure record", func(p *Program) { p.Data[0].Kind = DatumBuffer },
			"internal error: datum 0 (failure): datum 0, and no other, is the failure record"},
		{"steps out of order", func(p *Program) { p.Steps[1].First = -1 }, "internal error: step 1 is out of order"},
		{"a step behind the calls", func(p *Program) { p.Steps[1].First = 6 }, "internal error: step 1 is out of order"},
		{"a call before all steps", func(p *Program) { p.Steps[0].First = 1 }, "internal error: call 0 belongs to no step"},
		{"no steps", func(p *Program) { p.Steps, p.Requests = nil, nil }, "internal error: call 0 belongs to no step"},
		{"a step without an origin", func(p *Program) { p.Steps[0].Origin = "" }, "internal error: step 0 has no origin or phrase"},
		{"a step without a phrase", func(p *Program) { p.Steps[1].Phrase = "" }, "internal error: step 1 has no origin or phrase"},
		{"a request of no step", func(p *Program) { p.Requests[0].Step = -1 }, "internal error: request 0 belongs to no step"},
		{"a request of a step to come", func(p *Program) { p.Requests[0].Step = 2 }, "internal error: request 0 belongs to no step"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := sound(t)
			test.spoil(p)
			got := ""
			if err := p.Verify(); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error: %q\nwant:  %q", got, test.want)
			}
		})
	}
}
