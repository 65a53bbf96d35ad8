package image

import (
	"errors"
	"unsafe"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// The format of a program and what else the assembly needs to know. The go
// command writes these as const_… into go_asm.h, which the .s files include.
const (
	base      = program.Base
	firstCall = program.FirstCallOffset
	callSize  = program.CallSize

	offNumber  = program.OffNumber
	offArgs    = program.OffArgs
	offResult  = program.OffResult
	offContent = program.OffContent
	offRetry   = program.OffRetry
	offZero    = program.OffZero
	offNext    = program.OffNext
	offErrno   = program.OffErrno
	offElse    = program.OffElse
	offFail    = program.OffFail

	// No blank line among these: only the assembly uses the first two, and
	// staticcheck takes constants for used if one of their group is.
	exitGroup  = unix.SYS_EXIT_GROUP
	terminated = 128 + int(unix.SIGTERM) // the exit status, as shells have it
	eagain     = int(unix.EAGAIN)
	maxErrno   = 4095 // results from -4095 on are errors (include/linux/err.h)
)

// The 16 bytes "end of vial code" stand behind the last instruction. They end
// it instead of the next symbol, since the linker may put any function there.
const (
	endLow  = 0x7620666f20646e65
	endHigh = 0x65646f63206c6169
)

// entryOffset is where the interpreter's own first instruction is. Before it
// is the code at program.TerminatedAddress, which nothing but a signal leads to.
const entryOffset = 16

// sizeLimit bounds the search for the end, which is found long before.
const sizeLimit = 1024

// interpreter runs the program that lies at program.Base. It is never called:
// vial reads it, and images hold a copy of it.
//
//lint:ignore U1000 the assembly takes its address
func interpreter()

// interpreterAddress is where the interpreter begins. It is taken in assembly
// because the value of a Go func leads to a wrapper for Go's own calls.
func interpreterAddress() *byte

// Interpreter is the machine code of the native interpreter.
func Interpreter() ([]byte, error) {
	text := unsafe.Pointer(interpreterAddress())
	// No look goes past the end mark, behind which vial's text may end too.
	for n := uintptr(0); n < sizeLimit; n++ {
		if word(text, n) == endLow && word(text, n+8) == endHigh {
			return unsafe.Slice((*byte)(text), n), nil
		}
	}
	return nil, errors.New("internal error: the interpreter in vial's text has no end")
}

// word is the 64-bit number at an offset; it may be misaligned, which both
// CPUs allow for plain loads.
func word(text unsafe.Pointer, off uintptr) uint64 {
	return *(*uint64)(unsafe.Add(text, off))
}
