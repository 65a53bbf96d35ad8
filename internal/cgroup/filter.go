package cgroup

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/sys"
)

// The filter that cgroup2 has for devices is a BPF program. The kernel runs it
// each time a process of the cgroup opens or makes a device node, with struct
// bpf_cgroup_dev_ctx: what is asked in the upper half of the first word
// (mknod, read, write), the type of device in the lower half, then major and
// minor. A result of 0 denies.
//
// The rules are compiled from the last to the first, since of several that
// match the last one counts. Register 3 holds what is asked and not yet
// allowed: an allow rule takes its accesses away from it, a deny rule denies if
// any of its own is left. What no rule has allowed in the end is denied.
const (
	registerResult = iota
	registerContext
	registerType
	registerAsked
	registerMajor
	registerMinor
)

// Offsets in struct bpf_cgroup_dev_ctx.
const (
	contextAccess = 0
	contextMajor  = 4
	contextMinor  = 8
)

type instruction = sys.BPFInstruction

// filter compiles device rules.
func filter(rules []rule) []instruction {
	program := []instruction{
		load(registerAsked, contextAccess),
		{Code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X, Registers: registerType | registerAsked<<4},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, Registers: registerType, Immediate: 0xffff},
		{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, Registers: registerAsked, Immediate: 16},
		load(registerMajor, contextMajor),
		load(registerMinor, contextMinor),
	}
	for i := len(rules) - 1; i >= 0; i-- {
		program = append(program, rules[i].compile()...)
		if rules[i].total() {
			return program // the verifier refuses what nothing can reach
		}
	}
	return append(program, result(0)...)
}

// compile is the rule's part of the filter: it ends the program or falls
// through to the next part.
func (r rule) compile() []instruction {
	var tests []instruction
	if r.kind != anyKind {
		tests = append(tests, differs(registerType, kernelType(r.kind)))
	}
	if r.major != wildcard {
		tests = append(tests, differs(registerMajor, int32(uint32(r.major))))
	}
	if r.minor != wildcard {
		tests = append(tests, differs(registerMinor, int32(uint32(r.minor))))
	}
	part := append(tests, r.verdict()...)
	for i := range tests {
		part[i].Offset = int16(len(part) - i - 1)
	}
	return part
}

// verdict is what the rule says of a device that it matches.
func (r rule) verdict() []instruction {
	mask := int32(r.access)
	switch {
	case r.access == everyAccess && r.allow:
		return result(1)
	case r.access == everyAccess:
		return result(0)
	case r.allow:
		return append([]instruction{
			{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, Registers: registerAsked, Immediate: ^mask},
			{Code: unix.BPF_JMP32 | unix.BPF_JNE | unix.BPF_K, Registers: registerAsked, Offset: 2},
		}, result(1)...)
	}
	return append([]instruction{
		{Code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X, Registers: registerResult | registerAsked<<4},
		{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, Registers: registerResult, Immediate: mask},
		{Code: unix.BPF_JMP32 | unix.BPF_JEQ | unix.BPF_K, Registers: registerResult, Offset: 2},
	}, result(0)...)
}

func load(register uint8, offset int16) instruction {
	return instruction{Code: unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W, Registers: register | registerContext<<4, Offset: offset}
}

// differs jumps past the rule, by an offset filled in later.
func differs(register uint8, value int32) instruction {
	return instruction{Code: unix.BPF_JMP32 | unix.BPF_JNE | unix.BPF_K, Registers: register, Immediate: value}
}

func result(value int32) []instruction {
	return []instruction{
		{Code: unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K, Registers: registerResult, Immediate: value},
		{Code: unix.BPF_JMP | unix.BPF_EXIT},
	}
}

func kernelType(kind byte) int32 {
	if kind == 'b' {
		return unix.BPF_DEVCG_DEV_BLOCK
	}
	return unix.BPF_DEVCG_DEV_CHAR
}

// setFilter gives the cgroup2 directory its filter. The kernel drops it with
// the directory.
func setFilter(cgroup int, rules []rule) error {
	fd, err := sys.LoadDeviceFilter(filter(rules))
	if err != nil {
		return fmt.Errorf("load the device filter: bpf: %w", err)
	}
	defer unix.Close(fd)
	if err := sys.AttachDeviceFilter(cgroup, fd); err != nil {
		return fmt.Errorf("attach the device filter: bpf: %w", err)
	}
	return nil
}
