package program

//lint:file-ignore ST1003 constants of the kernel keep their names

import "golang.org/x/sys/unix"

// OpenFlags are flags of open(2) and openat2(2) before a CPU is chosen: some
// O_* constants have other values on arm64 than on amd64.
type OpenFlags uint32

// O_RDONLY is zero on every CPU.
const O_RDONLY OpenFlags = 0

const (
	O_PATH OpenFlags = 1 << iota
	O_DIRECTORY
	O_NOFOLLOW
	O_CLOEXEC
	O_WRONLY
	O_RDWR
	O_CREAT
	O_EXCL
	O_NONBLOCK
	O_NOCTTY
)

type openFlag struct {
	name         string
	amd64, arm64 uint32
}

// From the kernel's arch/arm64/include/uapi/asm/fcntl.h and
// include/uapi/asm-generic/fcntl.h; the index is the flag's bit.
var openFlagTable = [...]openFlag{
	{"O_PATH", 0x200000, 0x200000},
	{"O_DIRECTORY", 0x10000, 0x4000},
	{"O_NOFOLLOW", 0x20000, 0x8000},
	{"O_CLOEXEC", 0x80000, 0x80000},
	{"O_WRONLY", 1, 1},
	{"O_RDWR", 2, 2},
	{"O_CREAT", 0x40, 0x40},
	{"O_EXCL", 0x80, 0x80},
	{"O_NONBLOCK", 0x800, 0x800},
	{"O_NOCTTY", 0x100, 0x100},
}

// On is the number that the kernel of one CPU knows the flags by.
func (f OpenFlags) On(cpu CPU) uint64 {
	var v uint64
	for bit, flag := range openFlagTable {
		if f&(1<<bit) == 0 {
			continue
		}
		switch cpu {
		case AMD64:
			v |= uint64(flag.amd64)
		case ARM64:
			v |= uint64(flag.arm64)
		}
	}
	return v
}

func (f OpenFlags) String() string {
	text := ""
	for bit, flag := range openFlagTable {
		if f&(1<<bit) != 0 {
			text += "|" + flag.name
		}
	}
	if f&(O_WRONLY|O_RDWR|O_PATH) == 0 {
		text = "|O_RDONLY" + text
	}
	return text[1:]
}

// How is struct open_how of openat2(2): how a path is opened.
type How struct {
	Flags   OpenFlags
	Mode    uint32
	Resolve uint64 // RESOLVE_* flags, the same on every CPU
}

// Lookups of paths that the rootfs's or config's author controls.
var (
	// InRoot opens a path for later use, with every link and ".." kept
	// beneath the given directory.
	InRoot = How{Flags: O_PATH | O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	// DirInRoot is InRoot for what has to be a directory.
	DirInRoot = How{Flags: O_PATH | O_DIRECTORY | O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_MAGICLINKS}
	// DirBeneath opens a directory just made, and nothing that took its place.
	DirBeneath = How{Flags: O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV}
	// FileBeneath opens a file just made, and nothing that took its place.
	FileBeneath = How{Flags: O_PATH | O_NOFOLLOW | O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV}
)
