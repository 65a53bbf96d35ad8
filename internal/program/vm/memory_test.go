package vm

import (
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/program"
)

// No address outside the program can be read or written, nor can the calls.
func TestMemory(t *testing.T) {
	const size = 64 + 96 + 24
	encoded := make([]byte, size)
	copy(encoded[size-24:], "text\x00")
	copy(encoded[size-3:], "end")
	m := newMemory(encoded, 1)
	const data, end = program.Base + 160, program.Base + size
	for _, test := range []struct {
		name string
		ask  func() error
		want string
	}{
		{"all", func() error { _, err := m.Bytes(program.Base, size); return err }, ""},
		{"none at the end", func() error { _, err := m.Bytes(end, 0); return err }, ""},
		{"one at the end", func() error { _, err := m.Bytes(end, 1); return err }, "1 bytes at 0x6000b8 lie outside the program"},
		{"one too many", func() error { _, err := m.Bytes(program.Base, size+1); return err }, "185 bytes at 0x600000 lie outside the program"},
		{"none behind the end", func() error { _, err := m.Bytes(end+1, 0); return err }, "0 bytes at 0x6000b9 lie outside the program"},
		{"one before the start", func() error { _, err := m.Bytes(program.Base-1, 1); return err }, "1 bytes at 0x5fffff lie outside the program"},
		{"a length that overflows", func() error { _, err := m.Bytes(data, ^uint64(0)); return err }, "18446744073709551615 bytes at 0x6000a0 lie outside the program"},
		{"a word over the end", func() error { _, err := m.Word(end - 7); return err }, "8 bytes at 0x6000b1 lie outside the program"},
		{"writing data", func() error { return m.SetWord(data+8, 1) }, ""},
		{"writing a call", func() error { return m.SetWord(data-8, 1) }, "8 bytes at 0x600098 are not data"},
		{"writing the end", func() error { return m.SetWord(end-4, 1) }, "8 bytes at 0x6000b4 lie outside the program"},
		{"a string without end", func() error { _, err := m.String(end - 3); return err }, "the string at 0x6000b5 has no end"},
		{"a string nowhere", func() error { _, err := m.String(0); return err }, "1 bytes at 0x0 lie outside the program"},
		{"pointers to nowhere", func() error { _, err := m.Strings(data); return err }, "1 bytes at 0x74786574 lie outside the program"},
		{"pointers without end", func() error { _, err := m.Strings(end - 4); return err }, "8 bytes at 0x6000b4 lie outside the program"},
	} {
		if got := errorText(test.ask()); got != test.want {
			t.Errorf("%s: error %q, want %q", test.name, got, test.want)
		}
	}
	if s, err := m.String(data); s != "text" || err != nil {
		t.Errorf("the string is %q, %v", s, err)
	}
	c := m.clone()
	if err := c.SetWord(data+8, 7); err != nil {
		t.Fatal(err)
	}
	if v, _ := m.Word(data + 8); v != 1 {
		t.Errorf("a copy's word shows in the original: %d", v)
	}
	if strings.Contains(string(encoded), "\x01") {
		t.Error("running a program changes the bytes that it was loaded from")
	}
}
