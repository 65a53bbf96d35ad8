// Package program is the list of system calls that makes a container.
//
// What comes in: a compile pass opens a Step (which field of config.json, and
// what is done for it, in words) and emits the step's Calls through the typed
// constructors of Builder. What goes out: a Program, which is plain data. It
// can be printed (Listing), proven sound (Verify), turned into bytes for one
// CPU (Encode), and asked what a failure meant (Explain).
//
// A call is one system call:
//
//	number · six arguments · where its result is kept (a slot)
//	· what an errno leads to (fail, or for one named errno or any: a later call)
//	· what a result of zero leads to (fork's two returns, an end of file)
//	· what comes next
//
// That is all the control flow there is: jumps, and only forward. The one
// exception is a bounded repeat of the same call on EAGAIN, which openat2(2)
// answers when a rename elsewhere on the host raced with a lookup of "..".
//
// Numbers that differ between CPUs (system calls, O_* flags) stay symbolic
// until Encode, so that the program for any CPU can be made, checked and
// printed on every host.
//
// The package is pure: it knows nothing of config.json but the origin that a
// step carries, and it never calls the kernel. Who runs the bytes: the
// interpreter in package image, and for tests the machine in package vm.
package program

import (
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// A Program is a list of calls under their steps, and the data they point to.
type Program struct {
	// Clone are the flags of clone3(2) that start the program, and are what the first
	// step is about; 0 is for a program that is started like any other.
	Clone    uint64
	Steps    []Step
	Calls    []Call
	Data     []Datum
	Requests []Request
}

// A Step is a heading over the calls that follow it up to the next step.
type Step struct {
	Origin field.Path // the place in config.json that the step serves, or "runtime"
	Phrase string     // what is done, as a short verb phrase
	First  int        // index of the step's first call
	Plain  bool       // an error of this step leaves out the name of the system call
}

// Runtime is the origin of a step that serves no field of config.json.
const Runtime field.Path = "runtime"

// A Call is one system call and where it leads.
type Call struct {
	Sys    Sys
	Args   [6]Arg
	N      int        // how many arguments the system call takes
	Result Ref        // the slot that keeps the result; the zero Ref keeps none
	Errno  unix.Errno // which errno leads to Else; 0 none, AnyErrno every one
	Else   Target     // where Errno leads
	Zero   Target     // where a result of zero leads; 0 is the next call
	Next   Target     // where any other result leads; 0 is the next call
	Fail   Target     // where every other errno leads, once it has been recorded
	Retry  uint32     // how often EAGAIN repeats the call
	Say    string     // the whole error text of this call, in place of phrase, name and errno
}

// AnyErrno in Call.Errno stands for every errno.
const AnyErrno = unix.Errno(0xffffffff)

// A Target is the index of a call that another call leads to. Jumps go
// forward only, so that 0 can mean that there is none. While a Builder is at
// work it is the number of a label.
type Target int32

// A Request is a question to the parent: the program sends its index and
// blocks until the parent has answered.
type Request struct {
	Kind RequestKind
	Step int // index of the step that asks

	// UnsafePath is what RequestDirectory and RequestTarget make, beneath the root.
	UnsafePath string
}

// RequestKind tells the parent what it is asked to do.
type RequestKind uint8

const (
	// RequestReadyHome is RequestReady, which sends the container's /etc/passwd along; the answer's bytes are
	// the value of HOME.
	RequestReadyHome RequestKind = iota + 1
	// RequestCopyUp sends the directory under a mount point, then the tmpfs
	// that is going to hide it; the parent copies one into the other.
	RequestCopyUp
	// RequestReady says that all is set up; the answer lets the program go on.
	RequestReady
	// NoticeReady says the same where it is for nobody to give leave: the program
	// goes on without an answer.
	NoticeReady
	// RequestCreateHooks has the hooks run that are part of create.
	RequestCreateHooks
	// RequestStartHooks has the hooks run that come right before the user's
	// process, in a program that does not wait for start.
	RequestStartHooks
	// RequestDirectory sends the container's root; the parent makes what is
	// missing of a directory beneath it.
	RequestDirectory
	// RequestTarget sends the container's root, then what is to be mounted; the
	// parent makes a directory for a directory, or else an empty file.
	RequestTarget
	// RequestMode sends a directory; the answer is its mode in octal digits, as a
	// C string.
	RequestMode
	// RequestDevice sends what is at the place of a device, then the device; the
	// parent looks whether it may be covered.
	RequestDevice
	// RequestCgroup has systemd make the cgroups that the process is in then.
	RequestCgroup
	// RequestTerminals sends the directory in which a terminal is going to be
	// made; the parent sees to it that it is a devpts before anything in it is
	// opened.
	RequestTerminals
	// RequestConsole sends the master of the terminal that was made there.
	RequestConsole
)

var requestNames = [...]string{
	RequestReadyHome: "ready and home directory",
	RequestCopyUp:    "copy up",
	RequestReady:     "ready",
	NoticeReady:      "nothing more",

	RequestCreateHooks: "hooks of create",
	RequestStartHooks:  "hooks of start",
	RequestDirectory:   "make a directory",
	RequestTarget:      "make a target",
	RequestMode:        "mode of a directory",
	RequestDevice:      "compare a device",
	RequestCgroup:      "cgroup",
	RequestTerminals:   "place for a terminal",
	RequestConsole:     "console",
}

func (k RequestKind) String() string { return requestNames[k] }

// Messages of the program to its parent are 16 bytes: two little-endian
// 64-bit numbers. The first tells them apart; anything from FirstCallOffset on
// is a failure: the offset of the call that failed, and the errno.
const (
	MessagePid     = 1 // second: the container's pid as the parent sees it
	MessageRequest = 2 // second: index into Program.Requests
	MessageSize    = 16
)

// An Arg is one argument of a call, or the value of one field of a struct.
type Arg struct {
	kind  argKind
	form  Form
	value uint64
	ref   Ref
}

type argKind uint8

const (
	argImmediate argKind = iota
	argOpenFlags         // value is a set of OpenFlags
	argAddress           // the address of ref
	argContent           // the eight bytes that ref holds when the call is made
)

// A Ref is a place in the program's data: a datum and an offset in it. Datum
// 0 is the failure record, which no call stores a result in, so that the zero
// Ref can mean "nowhere".
type Ref struct {
	Datum int32
	Off   int32
}

// A Slot keeps the result of one call for later ones: a descriptor, mostly.
type Slot struct{ ref Ref }

// Content is what the slot holds when the call is made.
func (s Slot) Content() Arg { return Arg{kind: argContent, form: FormFD, ref: s.ref} }

// Imm is a number, printed as form says.
func Imm(v uint64, form Form) Arg { return Arg{value: v, form: form} }

// Int is a plain number.
func Int(v int) Arg { return Arg{value: uint64(int64(v))} }

// FD is a descriptor known by its number.
func FD(n int) Arg { return Arg{value: uint64(int64(n)), form: FormFD} }

// CWD is AT_FDCWD: paths are taken from the working directory.
var CWD = FD(unix.AT_FDCWD)

// DatumKind tells what a datum is, for the layout and the listing.
type DatumKind uint8

const (
	DatumRecord   DatumKind = iota // the failure record, in the header
	DatumSlot                      // eight bytes, written by calls
	DatumBuffer                    // bytes that a call fills
	DatumString                    // a C string
	DatumStruct                    // fields
	DatumPointers                  // addresses, ended by a null pointer
)

// A Datum is one piece of the program's data.
type Datum struct {
	Kind   DatumKind
	Name   string  // of a slot or buffer: its name; of a struct: its C type
	Text   string  // of a string, without the final NUL
	Size   int     // in bytes
	Fields []Field // of structs and pointers
}

// A Field is a value inside a struct.
type Field struct {
	Name  string
	Off   int
	Width int // bytes: 2, 4 or 8
	Value Arg
}
