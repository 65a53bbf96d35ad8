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
// The filter has no jumps. It computes what the rules, in their order, allow
// for this device, and compares that with what is asked. With a jump for each
// rule the kernel's verifier would walk every way through them: that takes four
// times as long, and is most of what a container's cgroup costs.
const (
	registerAllowed = iota // r0, the result in the end
	registerContext        // r1, as the kernel calls the program
	registerType
	registerAsked
	registerMajor
	registerMinor
	registerMatch
	registerScratch
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
	program := append(make([]instruction, 0, 12+15*len(rules)),
		load(registerAsked, contextAccess),
		move(registerType, registerAsked),
		number32(unix.BPF_AND, registerType, 0xffff),
		number32(unix.BPF_RSH, registerAsked, 16),
		load(registerMajor, contextMajor),
		load(registerMinor, contextMinor),
		set(registerAllowed, 0),
	)
	for _, r := range rules {
		program = append(program, r.compile()...)
	}
	return append(program,
		// allowed = asked == asked & allowed
		pair(unix.BPF_AND, registerAllowed, registerAsked),
		pair(unix.BPF_XOR, registerAllowed, registerAsked),
		number64(unix.BPF_SUB, registerAllowed, 1),
		number64(unix.BPF_RSH, registerAllowed, 63),
		instruction{Code: unix.BPF_JMP | unix.BPF_EXIT},
	)
}

// compile is the rule's part of the filter: it adds the rule's accesses to
// those that are allowed, or takes them away, if the device is the rule's.
func (r rule) compile() []instruction {
	if r.total() {
		if r.allow {
			return []instruction{set(registerAllowed, int32(everyAccess))}
		}
		return []instruction{set(registerAllowed, 0)}
	}
	// match = 0 if all numbers are equal, else some positive number
	part := []instruction{set(registerMatch, 0)}
	if r.kind != anyKind {
		part = append(part, differs(registerType, kernelType(r.kind))...)
	}
	if r.major != wildcard {
		part = append(part, differs(registerMajor, int32(uint32(r.major)))...)
	}
	if r.minor != wildcard {
		part = append(part, differs(registerMinor, int32(uint32(r.minor)))...)
	}
	part = append(part,
		// match = the rule's accesses if it was 0, else 0. The shift is not
		// an arithmetic one: the verifier of Linux 6.18 splits its way at a
		// register that is known to hold 0 or -1.
		number64(unix.BPF_SUB, registerMatch, 1),
		number64(unix.BPF_RSH, registerMatch, 63),
		number64(unix.BPF_MUL, registerMatch, int32(r.access)),
		pair(unix.BPF_OR, registerAllowed, registerMatch),
	)
	if r.allow {
		return part
	}
	return append(part, pair(unix.BPF_XOR, registerAllowed, registerMatch))
}

// differs sets bits in the match register if the register does not hold value.
func differs(register uint8, value int32) []instruction {
	return []instruction{
		move(registerScratch, register),
		number32(unix.BPF_XOR, registerScratch, value),
		pair(unix.BPF_OR, registerMatch, registerScratch),
	}
}

func load(register uint8, offset int16) instruction {
	return instruction{Code: unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W, Registers: register | registerContext<<4, Offset: offset}
}

func set(register uint8, value int32) instruction { return number64(unix.BPF_MOV, register, value) }

func move(to, from uint8) instruction { return pair(unix.BPF_MOV, to, from) }

// number64 is an operation with a number, which is extended by its sign.
func number64(operation, register uint8, value int32) instruction {
	return instruction{Code: unix.BPF_ALU64 | operation | unix.BPF_K, Registers: register, Immediate: value}
}

// number32 is one on the lower half; the upper becomes 0.
func number32(operation, register uint8, value int32) instruction {
	return instruction{Code: unix.BPF_ALU | operation | unix.BPF_K, Registers: register, Immediate: value}
}

// pair is an operation of two registers.
func pair(operation, to, from uint8) instruction {
	return instruction{Code: unix.BPF_ALU64 | operation | unix.BPF_X, Registers: to | from<<4}
}

func kernelType(kind byte) int32 {
	if kind == 'b' {
		return unix.BPF_DEVCG_DEV_BLOCK
	}
	return unix.BPF_DEVCG_DEV_CHAR
}

// setFilter gives the cgroup2 directory its filter, in place of those that it
// has. The kernel drops it with the directory.
func setFilter(cgroup int, rules []rule, old filters) error {
	fd, err := sys.LoadDeviceFilter(filter(rules))
	if err != nil {
		return fmt.Errorf("load the device filter: bpf: %w", err)
	}
	defer unix.Close(fd)
	flags, replaced := uint32(unix.BPF_F_ALLOW_MULTI), 0
	switch {
	case len(old.programs) == 0:
	case old.flags&unix.BPF_F_ALLOW_MULTI == 0:
		// It was attached to be the only one, and the kernel puts the next
		// in its place if that is attached in the same way.
		flags, old.programs = old.flags, nil
	default:
		flags |= unix.BPF_F_REPLACE
		replaced, old.programs = old.programs[0], old.programs[1:]
	}
	if err := sys.AttachDeviceFilter(cgroup, fd, flags, replaced); err != nil {
		return fmt.Errorf("attach the device filter: bpf: %w", err)
	}
	return old.detach(cgroup)
}

// filters are programs that a cgroup2 directory had before it was a container's.
type filters struct {
	programs []int // descriptors
	flags    uint32
}

func oldFilters(cgroup int) (filters, error) {
	ids, flags, err := sys.DeviceFilters(cgroup)
	if err != nil {
		return filters{}, fmt.Errorf("ask for the device filters that are there: bpf: %w", err)
	}
	old := filters{flags: flags}
	for _, id := range ids {
		fd, err := sys.OpenFilter(id)
		if err != nil {
			old.close()
			return filters{}, fmt.Errorf("open device filter %d, which is there: bpf: %w", id, err)
		}
		old.programs = append(old.programs, fd)
	}
	return old, nil
}

// detach takes them from the cgroup.
func (f filters) detach(cgroup int) error {
	for _, fd := range f.programs {
		if err := sys.DetachDeviceFilter(cgroup, fd); err != nil {
			return fmt.Errorf("detach a device filter that is there: bpf: %w", err)
		}
	}
	return nil
}

func (f filters) close() {
	for _, fd := range f.programs {
		unix.Close(fd)
	}
}
