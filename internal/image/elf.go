package image

import (
	"encoding/binary"

	"github.com/vial-run/vial/internal/program"
)

// textAddress is where the file's first bytes are mapped. The interpreter is
// position independent; it only has to lie apart from the program.
const textAddress = program.TerminatedAddress - textOffset

// Of ELF64, from elf(5) and include/uapi/linux/elf.h.
const (
	headerSize        = 64
	programHeaderSize = 56
	programHeaders    = 3
	textOffset        = (headerSize + programHeaders*programHeaderSize + 15) &^ 15

	typeExec     = 2 // ET_EXEC
	machineAMD64 = 62
	machineARM64 = 183

	segmentLoad  = 1          // PT_LOAD
	segmentStack = 0x6474e551 // PT_GNU_STACK: its flags are those of the stack

	flagExecute, flagWrite, flagRead = 1, 2, 4
)

// A segment is a program header, but for the address that is not virtual and
// the size in memory, which is the one in the file.
type segment struct {
	kind, flags           uint32
	offset, address, size uint64
	align                 uint64
}

// headSize is how much of the file stands before the program.
func headSize(cpu program.CPU, interpreter []byte) int {
	return congruent(textOffset+len(interpreter), program.Base, pageSize(cpu))
}

// putHead puts before an encoded program what makes an ELF file of it: headers and
// the interpreter.
func putHead(out []byte, head int, cpu program.CPU, interpreter []byte) {
	align := pageSize(cpu)
	putHeader(out, cpu)
	for i, s := range [programHeaders]segment{
		{segmentLoad, flagRead | flagExecute, 0, textAddress, uint64(textOffset + len(interpreter)), uint64(align)},
		{segmentLoad, flagRead | flagWrite, uint64(head), program.Base, uint64(len(out) - head), uint64(align)},
		{segmentStack, flagRead | flagWrite, 0, 0, 0, 16},
	} {
		s.put(out[headerSize+i*programHeaderSize:])
	}
	copy(out[textOffset:], interpreter)
}

// pageSize is the largest page that a kernel for the CPU may be built with:
// the kernel maps a segment only where its offset and its address lie equally
// far into a page.
func pageSize(cpu program.CPU) int {
	if cpu == program.ARM64 {
		return 64 << 10
	}
	return 4 << 10
}

// congruent is the first offset from least on that lies as far into a page as
// the address does.
func congruent(least, address, page int) int {
	return least + ((address-least)%page+page)%page
}

func putHeader(out []byte, cpu program.CPU) {
	machine := uint16(machineAMD64)
	if cpu == program.ARM64 {
		machine = machineARM64
	}
	le := binary.LittleEndian
	copy(out, "\x7fELF\x02\x01\x01") // 64 bits, little-endian, version 1
	le.PutUint16(out[16:], typeExec)
	le.PutUint16(out[18:], machine)
	le.PutUint32(out[20:], 1)
	le.PutUint64(out[24:], textAddress+textOffset+entryOffset)
	le.PutUint64(out[32:], headerSize) // the program headers follow
	le.PutUint16(out[52:], headerSize)
	le.PutUint16(out[54:], programHeaderSize)
	le.PutUint16(out[56:], programHeaders)
}

func (s segment) put(out []byte) {
	le := binary.LittleEndian
	le.PutUint32(out[0:], s.kind)
	le.PutUint32(out[4:], s.flags)
	le.PutUint64(out[8:], s.offset)
	le.PutUint64(out[16:], s.address)
	le.PutUint64(out[24:], s.address)
	le.PutUint64(out[32:], s.size)
	le.PutUint64(out[40:], s.size)
	le.PutUint64(out[48:], s.align)
}
