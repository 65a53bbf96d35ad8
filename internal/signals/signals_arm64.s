#include "textflag.h"

// The kernel enters a handler on the thread's signal stack, with all signals
// blocked: R0 holds the signal's number, R1 a siginfo_t, R30 leads to the
// restorer. It restores every register afterwards, so none needs to be kept.

TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	SUB	$16, RSP
	MOVD	R0, (RSP)		// its first byte is the number
	MOVW	·pipe+0(SB), R0
	MOVD	RSP, R1
	MOVD	$1, R2
	MOVD	$64, R8			// write; a pipe that is full takes nothing more
	SVC
	ADD	$16, RSP
	RET				// to the restorer

TEXT ·faultHandler(SB), NOSPLIT|NOFRAME, $0-0
	MOVW	8(R1), R3		// si_code: above zero the kernel raised it
	CMPW	$0, R3
	BGT	raised
	JMP	·handler(SB)
raised:
	MOVD	·chained+0(SB), R3
	JMP	(R3)

TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVD	$139, R8		// rt_sigreturn
	SVC
	UNDEF

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	MOVD	$·handler(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// func faultHandlerAddress() uintptr
TEXT ·faultHandlerAddress(SB), NOSPLIT, $0-8
	MOVD	$·faultHandler(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	MOVD	$·restorer(SB), R0
	MOVD	R0, ret+0(FP)
	RET
