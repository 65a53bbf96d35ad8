package cgroup

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// run is the kernel's part: it runs a filter over one access, and knows only
// the instructions that a filter is made of.
func run(t *testing.T, program []instruction, kind byte, asked access, major, minor uint32) bool {
	t.Helper()
	context := map[int16]uint32{contextAccess: uint32(asked)<<16 | uint32(kernelType(kind)), contextMajor: major, contextMinor: minor}
	var r [6]uint32
	for pc := 0; pc < len(program); pc++ {
		i := program[pc]
		to, from := i.Registers&15, i.Registers>>4
		switch i.Code {
		case unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W:
			r[to] = context[i.Offset]
		case unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_X:
			r[to] = r[from]
		case unix.BPF_ALU64 | unix.BPF_MOV | unix.BPF_K:
			r[to] = uint32(i.Immediate)
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			r[to] &= uint32(i.Immediate)
		case unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K:
			r[to] >>= uint32(i.Immediate)
		case unix.BPF_JMP32 | unix.BPF_JNE | unix.BPF_K:
			if r[to] != uint32(i.Immediate) {
				pc += int(i.Offset)
			}
		case unix.BPF_JMP32 | unix.BPF_JEQ | unix.BPF_K:
			if r[to] == uint32(i.Immediate) {
				pc += int(i.Offset)
			}
		case unix.BPF_JMP | unix.BPF_EXIT:
			return r[registerResult] != 0
		default:
			t.Fatalf("instruction %d: code %#x", pc, i.Code)
		}
	}
	t.Fatal("the filter runs past its end")
	return false
}

// judge is what the rules mean: for each access that is asked, the last rule
// that is about it counts.
func judge(rules []rule, kind byte, asked access, major, minor uint32) bool {
	for bit := access(1); bit <= everyAccess; bit <<= 1 {
		if asked&bit == 0 {
			continue
		}
		allowed := false
		for _, r := range rules {
			if (r.kind == anyKind || r.kind == kind) && r.access&bit != 0 &&
				(r.major == wildcard || uint32(r.major) == major) && (r.minor == wildcard || uint32(r.minor) == minor) {
				allowed = r.allow
			}
		}
		if !allowed {
			return false
		}
	}
	return true
}

func TestFilter(t *testing.T) {
	const (
		r = access(unix.BPF_DEVCG_ACC_READ)
		w = access(unix.BPF_DEVCG_ACC_WRITE)
	)
	deny := rule{false, anyKind, wildcard, wildcard, everyAccess}
	allow := rule{true, anyKind, wildcard, wildcard, everyAccess}
	for title, rules := range map[string][]rule{
		"the default":           deviceRules(nil),
		"all":                   {allow},
		"nothing":               {},
		"two rules, one device": {deny, {true, 'c', 1, 3, r}, {true, 'c', 1, 3, w}},
		"a part denied":         {allow, {false, 'b', 8, wildcard, w}},
		"denied, then allowed":  {allow, {false, 'c', 1, wildcard, everyAccess}, {true, 'c', 1, 5, r}},
		"large numbers":         {deny, {true, 'b', 1<<32 - 1, 1 << 20, everyAccess}},
		"any kind, one number":  {deny, {true, anyKind, 1, 3, r | w}},
	} {
		t.Run(title, func(t *testing.T) {
			program := filter(rules)
			for _, kind := range []byte{'b', 'c'} {
				for asked := access(1); asked <= everyAccess; asked++ {
					for _, major := range []uint32{0, 1, 5, 8, 10, 136, 1<<32 - 1} {
						for _, minor := range []uint32{0, 3, 5, 200, 1 << 20} {
							name := fmt.Sprintf("%c %d:%d, access %03b", kind, major, minor, asked)
							if got, want := run(t, program, kind, asked, major, minor), judge(rules, kind, asked, major, minor); got != want {
								t.Errorf("%s: %v, want %v", name, got, want)
							}
						}
					}
				}
			}
		})
	}
}
