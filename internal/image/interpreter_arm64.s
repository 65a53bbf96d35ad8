#include "go_asm.h"
#include "textflag.h"

// The interpreter of an encoded program (package program, encode.go).
//
//	R19      program.Base
//	R20      address of the call at hand
//	R8       number of the system call
//	R0–R5    arguments; R0 then its result or errno
//	R9       scratch; content bits; the target to go to
//	R10      scratch
//
// svc overwrites R0 alone (syscall(2)). The stack pointer is never used.
TEXT ·interpreter(SB), NOSPLIT|NOFRAME, $0-0
	MOVD	$const_terminated, R0		// program.TerminatedAddress: a signal has come
	MOVD	$const_exitGroup, R8		// and the process ends
	SVC					// with that status
	UNDEF					// whatever happens

	PCALIGN	$16				// entryOffset
	MOVD	$const_base, R19		// the program
	ADD	$const_firstCall, R19, R20	// its first call

call:
	MOVD	const_offNumber(R20), R8	// number
	LDP	(const_offArgs+0)(R20), (R0, R1)	// arguments 0 and 1
	LDP	(const_offArgs+16)(R20), (R2, R3)	// arguments 2 and 3
	LDP	(const_offArgs+32)(R20), (R4, R5)	// arguments 4 and 5
	MOVWU	const_offContent(R20), R9	// which of them are addresses of slots

	TBZ	$0, R9, 2(PC)			// argument 0: keep the number, or
	MOVD	(R0), R0			// take what the slot holds
	TBZ	$1, R9, 2(PC)			// argument 1: keep, or
	MOVD	(R1), R1			// content
	TBZ	$2, R9, 2(PC)			// argument 2: keep, or
	MOVD	(R2), R2			// content
	TBZ	$3, R9, 2(PC)			// argument 3: keep, or
	MOVD	(R3), R3			// content
	TBZ	$4, R9, 2(PC)			// argument 4: keep, or
	MOVD	(R4), R4			// content
	TBZ	$5, R9, 2(PC)			// argument 5: keep, or
	MOVD	(R5), R5			// content

	CMN	$1, R8				// all ones:
	BEQ	keep				// no system call, R0 is the result
	SVC					// the system call

keep:
	MOVD	const_offResult(R20), R9	// address of the slot for the result
	CBZ	R9, judge			// none: it is not kept
	MOVD	R0, (R9)			// an errno is kept too

judge:
	CMN	$const_maxErrno, R0		// -4095 to -1, unsigned the highest:
	BHS	errno				// an error
	CBNZ	R0, next			// not zero
	MOVWU	const_offZero(R20), R9		// where zero leads
	CBNZ	R9, jump			// somewhere special
next:
	MOVWU	const_offNext(R20), R9		// where any good result leads
	CBNZ	R9, jump			// somewhere special
	ADD	$const_callSize, R20		// the call behind this one
	B	call				// make it

errno:
	NEG	R0, R0				// the errno itself
	CMP	$const_eagain, R0		// EAGAIN?
	BNE	catch				// no: never repeated
	MOVWU	const_offRetry(R20), R9		// repeats left
	CBZ	R9, catch			// none: an errno like others
	SUB	$1, R9				// one less
	MOVW	R9, const_offRetry(R20)		// for the next time
	B	call				// the same call again

catch:
	MOVWU	const_offErrno(R20), R9		// the errno to catch
	CMNW	$1, R9				// every one?
	BEQ	caught				// yes
	CMPW	R9, R0				// this one?
	BNE	fail				// no
caught:
	MOVWU	const_offElse(R20), R9		// where it leads
	B	lead				// go there

fail:
	MOVWU	const_offFail(R20), R9		// where failures lead
	SUB	R19, R20, R10			// offset of the call
	STP	(R10, R0), (R19)		// and the errno: the failure record
lead:
	CBZ	R9, nowhere			// seccomp may even deny exit_group
jump:
	ADD	R9, R19, R20			// the call at the target
	B	call				// make it

nowhere:
	UNDEF					// a signal ends the process

	DWORD	$const_endLow			// "end of v"
	DWORD	$const_endHigh			// "ial code"

// func interpreterAddress() *byte
TEXT ·interpreterAddress(SB), NOSPLIT, $0-8
	MOVD	$·interpreter(SB), R0		// the code itself, no wrapper
	MOVD	R0, ret+0(FP)			// the result
	RET					// to Go
