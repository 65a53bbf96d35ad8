package vm

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/vial-run/vial/internal/program"
)

// Memory is a program loaded at program.Base, and nothing else: a process has
// no stack and no heap that a call could point to.
type Memory struct {
	bytes []byte
	data  uint64 // offset of the data; nobody writes before it
}

func newMemory(encoded []byte, calls int) Memory {
	return Memory{bytes.Clone(encoded), program.FirstCallOffset + uint64(calls)*program.CallSize}
}

func (m Memory) clone() Memory { return Memory{bytes.Clone(m.bytes), m.data} }

// Bytes are the n bytes at address.
func (m Memory) Bytes(address, n uint64) ([]byte, error) {
	off := address - program.Base
	if address < program.Base || off > uint64(len(m.bytes)) || n > uint64(len(m.bytes))-off {
		return nil, fmt.Errorf("%d bytes at %#x lie outside the program", n, address)
	}
	return m.bytes[off : off+n], nil
}

// Data are n bytes at address that the kernel may write.
func (m Memory) Data(address, n uint64) ([]byte, error) {
	b, err := m.Bytes(address, n)
	if err == nil && address-program.Base < m.data {
		return nil, fmt.Errorf("%d bytes at %#x are not data", n, address)
	}
	return b, err
}

// String is the C string at address.
func (m Memory) String(address uint64) (string, error) {
	if _, err := m.Bytes(address, 1); err != nil {
		return "", err
	}
	b := m.bytes[address-program.Base:]
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return "", fmt.Errorf("the string at %#x has no end", address)
	}
	return string(b[:end]), nil
}

// Strings is the array of C strings at address that a null pointer ends.
func (m Memory) Strings(address uint64) ([]string, error) {
	var texts []string
	for ; ; address += 8 {
		p, err := m.Word(address)
		if err != nil || p == 0 {
			return texts, err
		}
		s, err := m.String(p)
		if err != nil {
			return nil, err
		}
		texts = append(texts, s)
	}
}

// Word is the 64-bit number at address.
func (m Memory) Word(address uint64) (uint64, error) {
	b, err := m.Bytes(address, 8)
	if err != nil {
		return 0, err
	}
	return binary.LittleEndian.Uint64(b), nil
}

// SetWord writes the 64-bit number at address.
func (m Memory) SetWord(address, v uint64) error {
	b, err := m.Data(address, 8)
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(b, v)
	return nil
}

// record writes the failure record, which stands before everything.
func (m Memory) record(offset, errno uint64) {
	binary.LittleEndian.PutUint64(m.bytes[0:], offset)
	binary.LittleEndian.PutUint64(m.bytes[8:], errno)
}
