// Package image makes an executable of an encoded program.
//
// What comes in: the bytes of program.Encode. What goes out: a static ELF file
// that the kernel can execute from a memfd, with two things in it: the program
// and the interpreter, some 250 bytes that carry its calls out. No Go code, no
// libc, no heap, no relocation; the stack that the kernel makes is never used.
//
//	file                                memory
//	┌──────────────────────┐            ┌──────────────────────┐ 0x400000
//	│ ELF header           │            │ ELF header           │
//	│ 3 program headers    │ ─────────▶ │ 3 program headers    │ R+X
//	│ interpreter          │            │ interpreter (entry)  │
//	├──────────────────────┤            └──────────────────────┘
//	│ hole to the next     │              nothing is mapped here
//	│ congruent offset     │            ┌──────────────────────┐ program.Base
//	├──────────────────────┤            │ failure record       │
//	│ program              │ ─────────▶ │ calls                │ R+W
//	└──────────────────────┘            │ data                 │
//	                                    └──────────────────────┘
//	                                    ┌──────────────────────┐
//	                                    │ stack, not executable│ R+W
//	                                    └──────────────────────┘
//
// Both segments are private mappings of the file. A page costs the process
// memory of its own only once it is written to: the ones with slots, buffers
// and retry counters, and on a failure the first.
//
// The interpreter is Go assembly, part of vial's own text, and Interpreter
// reads it from there: what runs in a container is reviewed as source, and no
// blob lies in the repository. Its offsets into a call come from package
// program through go_asm.h, so they cannot drift.
//
// The package is pure: it opens no file and starts nothing, and it does not
// know what a call means. The format it interprets is told in package program
// (encode.go); package program/vm is the same interpreter in Go.
package image

import (
	"runtime"

	"github.com/vial-run/vial/internal/program"
)

// Native is the CPU that this vial was built for.
func Native() program.CPU {
	if runtime.GOARCH == "arm64" {
		return program.ARM64
	}
	return program.AMD64
}

// Build is the executable of a program, for the native CPU.
func Build(p *program.Program) ([]byte, error) {
	code, err := Interpreter()
	if err != nil {
		return nil, err
	}
	cpu := Native()
	head := headSize(cpu, code)
	out := p.EncodeBehind(head, cpu)
	putHead(out, head, cpu, code)
	return out, nil
}
