package systemd

import (
	"strings"
)

// A Value is a value with its D-Bus type.
type Value struct {
	signature string  // of one complete type
	number    uint64  // of a number or a boolean: its bits
	text      string  // of a string, an object path or a signature
	list      []Value // of an array or a structure
}

// A Property is a property of a unit, by its name on D-Bus.
type Property struct {
	Name  string
	Value Value
}

// Bool is a boolean.
func Bool(b bool) Value {
	v := Value{signature: "b"}
	if b {
		v.number = 1
	}
	return v
}

// Uint32 is an unsigned number of 32 bits.
func Uint32(n uint32) Value { return Value{signature: "u", number: uint64(n)} }

// Uint64 is an unsigned number of 64 bits. Its greatest is systemd's "infinity".
func Uint64(n uint64) Value { return Value{signature: "t", number: n} }

// String is a text, which must be UTF-8 without NUL.
func String(s string) Value { return Value{signature: "s", text: s} }

// Bytes is an array of bytes.
func Bytes(b []byte) Value {
	v := Value{signature: "ay", list: make([]Value, len(b))}
	for i, n := range b {
		v.list[i] = Value{signature: "y", number: uint64(n)}
	}
	return v
}

// Array is an array of values that all have the type element.
func Array(element string, list ...Value) Value {
	return Value{signature: "a" + element, list: list}
}

// Struct is a structure.
func Struct(list ...Value) Value {
	var signature strings.Builder
	signature.WriteByte('(')
	for _, v := range list {
		signature.WriteString(v.signature)
	}
	signature.WriteByte(')')
	return Value{signature: signature.String(), list: list}
}

// Variant is a value that brings its type along.
func Variant(v Value) Value { return Value{signature: "v", list: []Value{v}} }

// alignment is where a type begins: at a multiple of so many bytes from the
// begin of its message (D-Bus specification, "Summary of D-Bus marshalling").
func alignment(signature string) int {
	switch signature[0] {
	case 'y', 'g', 'v':
		return 1
	case 'n', 'q':
		return 2
	case 'x', 't', 'd', '(':
		return 8
	}
	return 4
}

// width is the number of bytes of a number's type; 0 for what is no number.
func width(signature string) int {
	switch signature {
	case "y":
		return 1
	case "n", "q":
		return 2
	case "b", "i", "u":
		return 4
	case "x", "t", "d":
		return 8
	}
	return 0
}
