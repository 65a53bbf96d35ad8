package program

import (
	"encoding/binary"
	"testing"
)

// Decode refuses what an interpreter could not run.
func TestDecodeRefuses(t *testing.T) {
	encoded := sound(t).Encode(AMD64)
	p, err := Decode(encoded)
	if err != nil {
		t.Fatal(err)
	}
	data := uint32(FirstCallOffset + CallSize*len(p.Calls))
	end := uint64(Base + len(encoded))
	call := func(i, off int) int { return FirstCallOffset + CallSize*i + off }
	put32 := func(at int, v uint32) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint32(b[at:], v); return b }
	}
	put64 := func(at int, v uint64) func([]byte) []byte {
		return func(b []byte) []byte { binary.LittleEndian.PutUint64(b[at:], v); return b }
	}
	const misfit = "encoded program: its header does not fit its 592 bytes"
	if len(encoded) != 592 {
		t.Fatalf("the program has %d bytes", len(encoded))
	}
	for _, test := range []struct {
		name  string
		spoil func(b []byte) []byte
		want  string
	}{
		{"a sound program", func(b []byte) []byte { return b }, ""},
		{"nothing", func(b []byte) []byte { return nil }, "encoded program: 0 bytes are less than its header"},
		{"half a header", func(b []byte) []byte { return b[:63] }, "encoded program: 63 bytes are less than its header"},
		{"its end cut off", func(b []byte) []byte { return b[:len(b)-8] }, "encoded program: its header does not fit its 584 bytes"},
		{"no calls", put32(16, 0), misfit},
		{"more calls", put32(16, 6), misfit},
		{"as many calls as overflow", put32(16, 1<<31), misfit},
		{"calls of another size", put32(20, 88), misfit},
		{"data elsewhere", put32(24, data+8), misfit},
		{"another size", put32(28, 600), misfit},
		{"a jump to itself", put32(call(1, 72), 64+96), "encoded program: call 1 jumps to offset 160"},
		{"a jump backward", put32(call(1, 76), 64), "encoded program: call 1 jumps to offset 64"},
		{"a jump into the header", put32(call(0, 84), 63), "encoded program: call 0 jumps to offset 63"},
		{"a jump between calls", put32(call(0, 88), 64+96+8), "encoded program: call 0 jumps to offset 168"},
		{"a jump into the data", put32(call(0, 88), data), "encoded program: call 0 jumps to offset 544"},
		{"a jump to the last call", put32(call(0, 88), data-96), ""},
		{"a result in the calls", put64(call(0, 56), Base+64), "encoded program: call 0 uses a slot at 0x600040"},
		{"a result before the data", put64(call(0, 56), Base+uint64(data)-1), "encoded program: call 0 uses a slot at 0x60021f"},
		{"a result at the start of the data", put64(call(0, 56), Base+uint64(data)), ""},
		{"a result at the end", put64(call(0, 56), end-8), ""},
		{"a result over the end", put64(call(0, 56), end-7), "encoded program: call 0 uses a slot at 0x600249"},
		{"a slot outside", put64(call(1, 8), 8), "encoded program: call 1 uses a slot at 0x8"},
		{"a slot over the end", put64(call(1, 8), ^uint64(0)), "encoded program: call 1 uses a slot at 0xffffffffffffffff"},
		{"an argument that is no slot", put64(call(0, 8+16), 8), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.spoil(append([]byte(nil), encoded...)))
			got := ""
			if err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("error: %q\nwant:  %q", got, test.want)
			}
		})
	}
}
