package compile

import (
	"github.com/vial-run/vial/internal/field"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// channel is the socket to the parent.
func (c *compiler) channel() program.Arg { return program.FD(c.inherited(RoleChannel)) }

// request asks the parent for something, with a descriptor to each message,
// and waits for the answer, which is read into buffer. An end of file means that the parent is
// gone: then the program ends, so that nothing is left behind.
func (c *compiler) request(kind program.RequestKind, buffer program.Arg, size int, attached ...program.Slot) *program.Call {
	return c.requestAt("", kind, buffer, size, attached...)
}

// requestAt is request for what has to do with a path beneath the root.
func (c *compiler) requestAt(path string, kind program.RequestKind, buffer program.Arg, size int, attached ...program.Slot) *program.Call {
	c.asks = true
	message := c.message(kind, path)
	if len(attached) == 0 {
		c.Send(c.channel(), message, program.MessageSize)
	}
	for _, s := range attached {
		c.SendWithFD(c.channel(), message, program.MessageSize, s)
	}
	return c.Receive(c.channel(), buffer, size).OnZero(c.orphaned)
}

// message is the question itself: two numbers, see program.MessageRequest.
func (c *compiler) message(kind program.RequestKind, path string) program.Arg {
	return c.Struct(program.Datum{Kind: program.DatumStruct, Name: "message", Size: program.MessageSize, Fields: []program.Field{
		{Name: kind.String(), Off: 0, Width: 8, Value: program.Int(program.MessageRequest)},
		{Name: "request", Off: 8, Width: 8, Value: program.Int(c.RequestAt(kind, path))},
	}})
}

// answer is where a bare answer is read to.
func (c *compiler) answer() (buffer program.Arg, size int) { return c.Buffer("answer", 8, ""), 8 }

func ready(c *compiler) {
	phrase := "say that all is set up, and wait for leave to go on"
	if c.in.Unattended {
		phrase = "say that all is set up"
	}
	c.Step(program.Runtime, phrase)
	plain, done := c.Label(), c.Label()
	if c.home != (program.Arg{}) {
		c.Set(c.passwd.Content()).OnZero(plain)
		c.request(program.RequestReadyHome, c.home.At(len("HOME=")), homeLimit, c.passwd)
		c.Close(c.passwd).Then(done)
		c.Place(plain)
	}
	if c.in.Unattended {
		c.Send(c.channel(), c.message(program.NoticeReady, ""), program.MessageSize)
	} else {
		buffer, size := c.answer()
		c.request(program.RequestReady, buffer, size)
	}
	c.Place(done)
}

// mortal lets SIGTERM end a container that waits for start. The first process of a
// pid namespace would not even notice.
func mortal(c *compiler) {
	if c.in.Start == StartOnRequest && c.cfg.Namespaces.Has(unix.CLONE_NEWPID) {
		c.Step(program.Runtime, "let SIGTERM end the wait for vial start")
		c.EndOnTERM()
	}
}

// start waits for `vial start`. The fifo is open for reading and writing, so
// that the wait outlives the process that created the container.
func start(c *compiler) {
	if c.in.Start != StartOnRequest {
		return
	}
	c.Step(program.Runtime, "wait for vial start")
	c.CloseFD(c.inherited(RoleChannel))
	c.FailTo(c.startFailed)
	buffer := c.Buffer("start", 8, "")
	c.Read(program.FD(c.inherited(RoleStart)), buffer, 1)
}

// endings are where failures lead. Exit statuses are runc's: 1 while the
// container is made, 255 once it was started.
func endings(c *compiler) {
	c.FailTo(0)
	c.Step(program.Runtime, "report a failure to the parent")
	end := c.Label()
	c.Place(c.setupFailed)
	c.Send(c.channel(), c.Failure(), program.MessageSize).On(program.AnyErrno, end)
	c.Place(end)
	c.ExitGroup(1)
	if c.in.Start == StartOnRequest {
		c.Step(program.Runtime, "report a failure to vial start")
		end := c.Label()
		c.Place(c.startFailed)
		c.WriteFrom(program.FD(c.inherited(RoleResult)), c.Failure(), program.MessageSize).On(program.AnyErrno, end)
		c.Place(end)
		c.ExitGroup(255)
	} else {
		c.Place(c.startFailed)
	}
	if c.asks {
		c.Step(program.Runtime, "end, since the parent is gone")
		c.Place(c.orphaned)
		c.ExitGroup(1)
	}
}

// closeAll closes slots that a step has used.
func (c *compiler) closeAll(slots ...program.Slot) {
	for _, s := range slots {
		c.Close(s)
	}
}

// at is the place of a field in config.json.
func at(parts ...string) field.Path { return field.At(parts...) }

// ignoring lets a call fail with errno without harm.
func (c *compiler) ignoring(errno unix.Errno, call *program.Call) {
	next := c.Label()
	call.On(errno, next)
	c.Place(next)
}
