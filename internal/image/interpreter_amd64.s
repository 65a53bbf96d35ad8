#include "go_asm.h"
#include "textflag.h"

// The interpreter of an encoded program (package program, encode.go).
//
//	R13                   program.Base
//	BX                    address of the call at hand
//	AX                    number of the system call, then its result or errno
//	DI SI DX R10 R8 R9    arguments
//	CX                    scratch; content bits; the target to go to
//
// syscall overwrites CX and R11 (Intel SDM vol. 2, SYSCALL) and keeps all
// others. Nothing is pushed, so there needs to be no stack.
TEXT ·interpreter(SB), NOSPLIT|NOFRAME, $0-0
	MOVL	$const_terminated, DI		// program.TerminatedAddress: a signal has come
	MOVL	$const_exitGroup, AX		// and the process ends
	SYSCALL					// with that status
	UNDEF					// whatever happens

	PCALIGN	$16				// entryOffset
	MOVL	$const_base, R13		// the program
	LEAQ	const_firstCall(R13), BX	// its first call

call:
	MOVQ	const_offNumber(BX), AX		// number
	MOVQ	(const_offArgs+0)(BX), DI	// argument 0
	MOVQ	(const_offArgs+8)(BX), SI	// argument 1
	MOVQ	(const_offArgs+16)(BX), DX	// argument 2
	MOVQ	(const_offArgs+24)(BX), R10	// argument 3
	MOVQ	(const_offArgs+32)(BX), R8	// argument 4
	MOVQ	(const_offArgs+40)(BX), R9	// argument 5
	MOVL	const_offContent(BX), CX	// which of them are addresses of slots

	SHRL	$1, CX				// carry: argument 0 is
	JCC	2(PC)				// no: keep the number
	MOVQ	(DI), DI			// yes: take what the slot holds
	SHRL	$1, CX				// argument 1
	JCC	2(PC)				// keep
	MOVQ	(SI), SI			// content
	SHRL	$1, CX				// argument 2
	JCC	2(PC)				// keep
	MOVQ	(DX), DX			// content
	SHRL	$1, CX				// argument 3
	JCC	2(PC)				// keep
	MOVQ	(R10), R10			// content
	SHRL	$1, CX				// argument 4
	JCC	2(PC)				// keep
	MOVQ	(R8), R8			// content
	SHRL	$1, CX				// argument 5
	JCC	2(PC)				// keep
	MOVQ	(R9), R9			// content

	CMPQ	AX, $-1				// all ones:
	JEQ	set				// no system call
	SYSCALL					// the system call
	JMP	keep				// AX is its result
set:
	MOVQ	DI, AX				// argument 0 is the result

keep:
	MOVQ	const_offResult(BX), CX		// address of the slot for the result
	TESTQ	CX, CX				// none?
	JEQ	judge				// then it is not kept
	MOVQ	AX, (CX)			// an errno is kept too

judge:
	CMPQ	AX, $-const_maxErrno		// -4095 to -1, unsigned the highest:
	JCC	errno				// an error
	TESTQ	AX, AX				// zero?
	JNE	next				// no
	MOVL	const_offZero(BX), CX		// where zero leads
	TESTL	CX, CX				// nowhere special?
	JNE	jump				// it does
next:
	MOVL	const_offNext(BX), CX		// where any good result leads
	TESTL	CX, CX				// nowhere special?
	JNE	jump				// it does
	ADDQ	$const_callSize, BX		// the call behind this one
	JMP	call				// make it

errno:
	NEGQ	AX				// the errno itself
	CMPL	AX, $const_eagain		// EAGAIN?
	JNE	catch				// no: never repeated
	CMPL	const_offRetry(BX), $0		// repeats left?
	JEQ	catch				// no: an errno like others
	DECL	const_offRetry(BX)		// one less
	JMP	call				// the same call again

catch:
	MOVL	const_offErrno(BX), CX		// the errno to catch
	CMPL	CX, $-1				// every one?
	JEQ	caught				// yes
	CMPL	CX, AX				// this one?
	JNE	fail				// no
caught:
	MOVL	const_offElse(BX), CX		// where it leads
	JMP	lead				// go there

fail:
	MOVL	const_offFail(BX), CX		// where failures lead
	SUBQ	R13, BX				// offset of the call
	MOVQ	BX, 0(R13)			// into the failure record
	MOVQ	AX, 8(R13)			// and the errno
lead:
	TESTL	CX, CX				// nowhere?
	JEQ	nowhere				// seccomp may even deny exit_group
jump:
	LEAQ	(R13)(CX*1), BX			// the call at the target
	JMP	call				// make it

nowhere:
	UNDEF					// SIGILL ends the process

	QUAD	$const_endLow			// "end of v"
	QUAD	$const_endHigh			// "ial code"

// func interpreterAddress() *byte
TEXT ·interpreterAddress(SB), NOSPLIT, $0-8
	LEAQ	·interpreter(SB), AX		// the code itself, no wrapper
	MOVQ	AX, ret+0(FP)			// the result
	RET					// to Go
