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
	var r [8]uint64
	for pc, i := range program {
		to, value := i.Registers&15, uint64(int64(i.Immediate))
		if i.Code&unix.BPF_X != 0 {
			value = r[i.Registers>>4]
		}
		switch i.Code &^ unix.BPF_X {
		case unix.BPF_LDX | unix.BPF_MEM | unix.BPF_W:
			r[to] = uint64(context[i.Offset])
		case unix.BPF_ALU64 | unix.BPF_MOV:
			r[to] = value
		case unix.BPF_ALU64 | unix.BPF_AND:
			r[to] &= value
		case unix.BPF_ALU64 | unix.BPF_OR:
			r[to] |= value
		case unix.BPF_ALU64 | unix.BPF_XOR:
			r[to] ^= value
		case unix.BPF_ALU64 | unix.BPF_SUB:
			r[to] -= value
		case unix.BPF_ALU64 | unix.BPF_RSH:
			r[to] >>= value
		case unix.BPF_ALU64 | unix.BPF_MUL:
			r[to] *= value
		case unix.BPF_ALU | unix.BPF_AND:
			r[to] = uint64(uint32(r[to]) & uint32(value))
		case unix.BPF_ALU | unix.BPF_XOR:
			r[to] = uint64(uint32(r[to]) ^ uint32(value))
		case unix.BPF_ALU | unix.BPF_RSH:
			r[to] = uint64(uint32(r[to]) >> value)
		case unix.BPF_JMP | unix.BPF_EXIT:
			return r[registerAllowed] != 0
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
