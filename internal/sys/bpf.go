// Package sys holds the system calls of the parent for which
// golang.org/x/sys/unix has no safe form. It is the only place in vial that
// uses package unsafe, but for the interpreter's bytes in package image.
//
// What comes in are Go values of the exact size that the kernel reads; what
// goes out are descriptors and errnos. The package decides nothing.
package sys

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A BPFInstruction is struct bpf_insn.
type BPFInstruction struct {
	Code      uint8
	Registers uint8 // destination in the low four bits, source in the high ones
	Offset    int16
	Immediate int32
}

// LoadDeviceFilter loads a program of type BPF_PROG_TYPE_CGROUP_DEVICE and is
// its descriptor, close-on-exec (bpf(2), BPF_PROG_LOAD).
func LoadDeviceFilter(program []BPFInstruction) (int, error) {
	license := [...]byte{'A', 'p', 'a', 'c', 'h', 'e', 0}
	attr := struct {
		programType, count    uint32
		instructions, license uint64
		logLevel, logSize     uint32
		logBuffer             uint64
		kernelVersion, flags  uint32
		name                  [16]byte
	}{
		programType:  unix.BPF_PROG_TYPE_CGROUP_DEVICE,
		count:        uint32(len(program)),
		instructions: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(program)))),
		license:      uint64(uintptr(unsafe.Pointer(&license))),
		name:         [16]byte{'v', 'i', 'a', 'l', '_', 'd', 'e', 'v', 'i', 'c', 'e', 's'},
	}
	fd, err := bpf(unix.BPF_PROG_LOAD, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(program)
	runtime.KeepAlive(&license)
	return fd, err
}

// AttachDeviceFilter puts a loaded filter beside those that a cgroup2
// directory has (bpf(2), BPF_PROG_ATTACH with BPF_F_ALLOW_MULTI).
func AttachDeviceFilter(cgroup, program int) error {
	attr := struct{ target, program, kind, flags uint32 }{
		uint32(cgroup), uint32(program), unix.BPF_CGROUP_DEVICE, unix.BPF_F_ALLOW_MULTI,
	}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// bpf repeats what the verifier answers when a signal is pending: the Go
// runtime sends itself some.
func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	for {
		fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
		switch errno {
		case 0:
			return int(fd), nil
		case unix.EAGAIN, unix.EINTR:
		default:
			return -1, errno
		}
	}
}
