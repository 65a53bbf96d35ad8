package image

import (
	"bytes"
	"debug/elf"
	"testing"

	"github.com/vial-run/vial/internal/program"
)

// TestWrap lets the standard library's reader judge the files for every CPU.
func TestWrap(t *testing.T) {
	code, encoded := bytes.Repeat([]byte("code"), 60), bytes.Repeat([]byte("program."), 4000)
	for _, cpu := range program.CPUs {
		t.Run(cpu.String(), func(t *testing.T) {
			image := wrap(cpu, code, encoded)
			f, err := elf.NewFile(bytes.NewReader(image))
			if err != nil {
				t.Fatal(err)
			}
			want := elf.FileHeader{
				Class: elf.ELFCLASS64, Data: elf.ELFDATA2LSB, ByteOrder: f.ByteOrder, Version: elf.EV_CURRENT,
				Type:    elf.ET_EXEC,
				Machine: map[program.CPU]elf.Machine{program.AMD64: elf.EM_X86_64, program.ARM64: elf.EM_AARCH64}[cpu],
				Entry:   f.Entry,
			}
			if f.FileHeader != want || len(f.Sections) != 0 || len(f.Progs) != 3 {
				t.Fatalf("got %+v, %d sections, %d segments", f.FileHeader, len(f.Sections), len(f.Progs))
			}
			text, data, stack := f.Progs[0], f.Progs[1], f.Progs[2]
			checkLoad(t, text, elf.PF_R|elf.PF_X)
			checkLoad(t, data, elf.PF_R|elf.PF_W)
			if stack.Type != elf.PT_GNU_STACK || stack.Flags != elf.PF_R|elf.PF_W {
				t.Errorf("stack: %+v", stack.ProgHeader)
			}
			if got := read(t, text)[program.TerminatedAddress-text.Vaddr:]; text.Vaddr != 0x400000 || !bytes.Equal(got, code) {
				t.Errorf("at %#x lies %q", program.TerminatedAddress, got)
			}
			if f.Entry != program.TerminatedAddress+entryOffset {
				t.Errorf("the entry is %#x", f.Entry)
			}
			if data.Vaddr != program.Base || !bytes.Equal(read(t, data), encoded) {
				t.Errorf("the program does not lie at %#x", program.Base)
			}
			if hole := data.Off - text.Filesz; hole >= data.Align {
				t.Errorf("%d bytes of the file are for nothing", hole)
			}
			if end := data.Off + data.Filesz; end != uint64(len(image)) {
				t.Errorf("the file has %d bytes, its segments end at %d", len(image), end)
			}
			if text.Vaddr+text.Memsz+data.Align > data.Vaddr {
				t.Errorf("the segments meet in one page")
			}
		})
	}
}

func checkLoad(t *testing.T, p *elf.Prog, flags elf.ProgFlag) {
	t.Helper()
	if p.Type != elf.PT_LOAD || p.Flags != flags || p.Filesz != p.Memsz || p.Paddr != p.Vaddr {
		t.Errorf("segment: %+v", p.ProgHeader)
	}
	if p.Align&(p.Align-1) != 0 || p.Off%p.Align != p.Vaddr%p.Align {
		t.Errorf("offset %#x and address %#x lie differently in a page of %#x", p.Off, p.Vaddr, p.Align)
	}
}

func read(t *testing.T, p *elf.Prog) []byte {
	t.Helper()
	b := make([]byte, p.Filesz)
	if _, err := p.ReadAt(b, 0); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestCongruent(t *testing.T) {
	for _, c := range []struct{ least, address, page, want int }{
		{0, 0x600000, 0x1000, 0},
		{1, 0x600000, 0x1000, 0x1000},
		{0x1000, 0x600000, 0x1000, 0x1000},
		{464, 0x600000, 0x10000, 0x10000},
		{464, 0x600200, 0x10000, 0x200},
		{0x201, 0x600200, 0x1000, 0x1200},
	} {
		if got := congruent(c.least, c.address, c.page); got != c.want {
			t.Errorf("congruent(%#x, %#x, %#x) = %#x, want %#x", c.least, c.address, c.page, got, c.want)
		}
	}
}

func TestBuild(t *testing.T) {
	code, err := Interpreter()
	if err != nil {
		t.Fatal(err)
	}
	b := program.NewBuilder()
	b.Step(program.Runtime, "test")
	end := b.Label()
	b.FailTo(end)
	umasks(b, 3)
	b.FailTo(0)
	b.Place(end)
	b.ExitGroup(0)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Build(p)
	if err != nil || !bytes.Equal(got, wrap(Native(), code, p.Encode(Native()))) {
		t.Errorf("Build is not the native wrap: %v", err)
	}
}

// wrap lays the interpreter and an encoded program out as an ELF file.
func wrap(cpu program.CPU, interpreter, encoded []byte) []byte {
	head := headSize(cpu, interpreter)
	out := append(make([]byte, head), encoded...)
	putHead(out, head, cpu, interpreter)
	return out
}
