package main

import (
	"encoding/binary"
	"fmt"
)

// exits are the instructions of exit_group(0).
var exits = map[string][]byte{
	"amd64": {
		0x31, 0xff, // xor edi, edi
		0xb8, 0xe7, 0, 0, 0, // mov eax, 231
		0x0f, 0x05, // syscall
	},
	"arm64": {
		0x00, 0x00, 0x80, 0xd2, // mov x0, #0
		0xc8, 0x0b, 0x80, 0xd2, // mov x8, #94
		0x01, 0x00, 0x00, 0xd4, // svc #0
	},
}

// machines are ELF's numbers of the CPUs (EM_X86_64, EM_AARCH64).
var machines = map[string]uint16{"amd64": 62, "arm64": 183}

// smallestTrue is an executable that ends with status 0 and does nothing else:
// the ELF header (64 bytes), one program header (56), the instructions, all of
// it one page of one segment.
func smallestTrue(arch string) ([]byte, error) {
	code, ok := exits[arch]
	if !ok {
		return nil, fmt.Errorf("no instructions for %s: add them to exits in elf.go", arch)
	}
	const (
		base    = 0x400000
		headers = 64 + 56
		align   = 0x10000 // the largest page of any kernel
	)
	size := uint64(headers + len(code))
	le := binary.LittleEndian
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	b = le.AppendUint16(b, 2) // ET_EXEC
	b = le.AppendUint16(b, machines[arch])
	b = le.AppendUint32(b, 1) // EV_CURRENT
	b = le.AppendUint64(b, base+headers)
	b = le.AppendUint64(b, 64) // program headers
	b = le.AppendUint64(b, 0)  // no sections
	b = le.AppendUint32(b, 0)
	for _, half := range []uint16{64, 56, 1, 0, 0, 0} {
		b = le.AppendUint16(b, half)
	}
	b = le.AppendUint32(b, 1) // PT_LOAD
	b = le.AppendUint32(b, 5) // readable, executable
	for _, word := range []uint64{0, base, base, size, size, align} {
		b = le.AppendUint64(b, word)
	}
	return append(b, code...), nil
}
