package bed

import (
	"encoding/binary"
	"runtime"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Spec is a config that asks for a plain container, much like the default of
// the command, but written out here: a test must not take vial's word for it.
func Spec(id string) *specs.Spec {
	namespaces := []specs.LinuxNamespace{
		{Type: specs.PIDNamespace}, {Type: specs.NetworkNamespace}, {Type: specs.IPCNamespace},
		{Type: specs.UTSNamespace}, {Type: specs.MountNamespace},
	}
	return &specs.Spec{
		Version:  "1.2.0",
		Hostname: "bed",
		Root:     &specs.Root{Path: "rootfs"},
		Process: &specs.Process{
			Args: []string{"/probe", "report"}, Env: []string{"PATH=/bin:/", "HOME=/"}, Cwd: "/",
			Capabilities: &specs.LinuxCapabilities{},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
			{Destination: "/dev/pts", Type: "devpts", Source: "devpts", Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}},
			{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
			{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		},
		Linux: &specs.Linux{CgroupsPath: "/" + id, Namespaces: namespaces},
	}
}

// Mount adds an entry to mounts.
func (b *Bundle) Mount(destination, fstype, source string, options ...string) {
	b.Spec.Mounts = append(b.Spec.Mounts, specs.Mount{Destination: destination, Type: fstype, Source: source, Options: options})
}

// Bind adds a bind mount.
func (b *Bundle) Bind(source, destination string, options ...string) {
	b.Mount(destination, "bind", source, append([]string{"bind"}, options...)...)
}

// Unmount takes an entry out of mounts.
func (b *Bundle) Unmount(destinations ...string) {
	for _, destination := range destinations {
		for i, m := range b.Spec.Mounts {
			if m.Destination == destination {
				b.Spec.Mounts = append(b.Spec.Mounts[:i:i], b.Spec.Mounts[i+1:]...)
				break
			}
		}
	}
}

// Namespaces replaces the list of namespaces.
func (b *Bundle) Namespaces(types ...specs.LinuxNamespaceType) {
	b.Spec.Linux.Namespaces = nil
	for _, t := range types {
		b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: t})
	}
}

// Capabilities gives the process the same names in its bounding, permitted and
// effective sets.
func (b *Bundle) Capabilities(names ...string) {
	b.Spec.Process.Capabilities = &specs.LinuxCapabilities{Bounding: names, Permitted: names, Effective: names}
}

// Resources is linux.resources, made if it is missing.
func (b *Bundle) Resources() *specs.LinuxResources {
	if b.Spec.Linux.Resources == nil {
		b.Spec.Linux.Resources = &specs.LinuxResources{}
	}
	return b.Spec.Linux.Resources
}

// TrueELF is a static program that ends with status 0 and does nothing else: one
// system call, one thread. A Go program could not start where only one process
// is allowed.
func TrueELF() []byte {
	code, machine := []byte{0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05}, uint16(62)
	if runtime.GOARCH == "arm64" {
		code, machine = []byte{0xa8, 0x0b, 0x80, 0xd2, 0, 0, 0x80, 0xd2, 1, 0, 0, 0xd4}, 183
	}
	const header, program, base = 64, 56, 0x400000
	le := binary.LittleEndian
	elf := make([]byte, header+program, header+program+len(code))
	copy(elf, "\x7fELF\x02\x01\x01")
	le.PutUint16(elf[16:], 2)
	le.PutUint16(elf[18:], machine)
	le.PutUint32(elf[20:], 1)
	le.PutUint64(elf[24:], base+header+program) // entry
	le.PutUint64(elf[32:], header)              // program headers
	le.PutUint16(elf[52:], header)
	le.PutUint16(elf[54:], program)
	le.PutUint16(elf[56:], 1)
	segment := elf[header:]
	size := uint64(header + program + len(code))
	le.PutUint32(segment, 1)     // PT_LOAD
	le.PutUint32(segment[4:], 5) // read, execute
	le.PutUint64(segment[16:], base)
	le.PutUint64(segment[24:], base)
	le.PutUint64(segment[32:], size)
	le.PutUint64(segment[40:], size)
	le.PutUint64(segment[48:], 4096)
	return append(elf, code...)
}
