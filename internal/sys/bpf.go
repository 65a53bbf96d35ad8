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

// attachment is the part of union bpf_attr that BPF_PROG_ATTACH and
// BPF_PROG_DETACH read.
type attachment struct{ target, program, kind, flags, replaced uint32 }

// AttachDeviceFilter gives a cgroup2 directory a loaded filter. With
// BPF_F_ALLOW_MULTI it comes beside those that are there, with BPF_F_REPLACE
// also in place of the program replaced (bpf(2), BPF_PROG_ATTACH).
func AttachDeviceFilter(cgroup, program int, flags uint32, replaced int) error {
	attr := attachment{uint32(cgroup), uint32(program), unix.BPF_CGROUP_DEVICE, flags, uint32(replaced)}
	_, err := bpf(unix.BPF_PROG_ATTACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// DetachDeviceFilter takes a filter from a cgroup2 directory (bpf(2),
// BPF_PROG_DETACH).
func DetachDeviceFilter(cgroup, program int) error {
	attr := attachment{target: uint32(cgroup), program: uint32(program), kind: unix.BPF_CGROUP_DEVICE}
	_, err := bpf(unix.BPF_PROG_DETACH, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return err
}

// DeviceFilters are the ids of the filters that a cgroup2 directory itself has,
// and the flags that they were attached with (bpf(2), BPF_PROG_QUERY).
func DeviceFilters(cgroup int) (ids []uint32, flags uint32, err error) {
	var list [64]uint32 // BPF_CGROUP_MAX_PROGS
	attr := struct {
		target, kind, query, flags uint32
		ids                        uint64
		count, _                   uint32
	}{
		target: uint32(cgroup), kind: unix.BPF_CGROUP_DEVICE,
		ids: uint64(uintptr(unsafe.Pointer(&list))), count: uint32(len(list)),
	}
	_, err = bpf(unix.BPF_PROG_QUERY, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	runtime.KeepAlive(&list)
	if err != nil {
		return nil, 0, err
	}
	return append(ids, list[:attr.count]...), attr.flags, nil
}

// OpenFilter is a descriptor of the loaded program with that id (bpf(2),
// BPF_PROG_GET_FD_BY_ID). The kernel makes it close-on-exec.
func OpenFilter(id uint32) (int, error) {
	attr := struct{ id, next, flags uint32 }{id: id}
	return bpf(unix.BPF_PROG_GET_FD_BY_ID, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
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
