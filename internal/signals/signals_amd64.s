#include "textflag.h"

// The kernel enters a handler on the thread's signal stack, with all signals
// blocked: DI holds the signal's number, SI a siginfo_t. It restores every
// register afterwards, so none needs to be kept.

TEXT ·handler(SB), NOSPLIT|NOFRAME, $0-0
	SUBQ	$8, SP
	MOVQ	DI, (SP)		// its first byte is the number
	MOVL	·pipe+0(SB), DI
	MOVQ	SP, SI
	MOVL	$1, DX
	MOVL	$1, AX			// write; a pipe that is full takes nothing more
	SYSCALL
	ADDQ	$8, SP
	RET				// to the restorer

TEXT ·faultHandler(SB), NOSPLIT|NOFRAME, $0-0
	CMPL	8(SI), $0		// si_code: above zero the kernel raised it
	JGT	raised
	JMP	·handler(SB)
raised:
	MOVQ	·chained+0(SB), AX
	JMP	AX

TEXT ·restorer(SB), NOSPLIT|NOFRAME, $0-0
	MOVL	$15, AX			// rt_sigreturn
	SYSCALL
	UNDEF

// func handlerAddress() uintptr
TEXT ·handlerAddress(SB), NOSPLIT, $0-8
	LEAQ	·handler(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func faultHandlerAddress() uintptr
TEXT ·faultHandlerAddress(SB), NOSPLIT, $0-8
	LEAQ	·faultHandler(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func restorerAddress() uintptr
TEXT ·restorerAddress(SB), NOSPLIT, $0-8
	LEAQ	·restorer(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
