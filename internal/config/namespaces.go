package config

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

var namespaceFields = []string{"type", "path"}

func readNamespace(d *decoder, n *specs.LinuxNamespace) {
	for key := range d.object {
		switch key {
		case "type":
			readText(d, &n.Type)
		case "path":
			readText(d, &n.Path)
		default:
			d.unknown(key, namespaceFields)
		}
	}
}

var idMappingFields = []string{"containerID", "hostID", "size"}

func readIDMapping(d *decoder, m *specs.LinuxIDMapping) {
	for key := range d.object {
		switch key {
		case "containerID":
			readUnsigned(d, &m.ContainerID)
		case "hostID":
			readUnsigned(d, &m.HostID)
		case "size":
			readUnsigned(d, &m.Size)
		default:
			d.unknown(key, idMappingFields)
		}
	}
}

var netDeviceFields = []string{"name"}

func readNetDevice(d *decoder, n *specs.LinuxNetDevice) {
	for key := range d.object {
		switch key {
		case "name":
			readText(d, &n.Name)
		default:
			d.unknown(key, netDeviceFields)
		}
	}
}

// namespaceFlag is the CLONE_NEW* bit of a type of namespace, 0 for none.
func namespaceFlag(t specs.LinuxNamespaceType) uint64 {
	switch t {
	case specs.PIDNamespace:
		return unix.CLONE_NEWPID
	case specs.NetworkNamespace:
		return unix.CLONE_NEWNET
	case specs.MountNamespace:
		return unix.CLONE_NEWNS
	case specs.IPCNamespace:
		return unix.CLONE_NEWIPC
	case specs.UTSNamespace:
		return unix.CLONE_NEWUTS
	case specs.UserNamespace:
		return unix.CLONE_NEWUSER
	case specs.CgroupNamespace:
		return unix.CLONE_NEWCGROUP
	case specs.TimeNamespace:
		return unix.CLONE_NEWTIME
	}
	return 0
}

// checkNamespaces goes first of all checks: others ask which namespaces the
// container has.
func checkNamespaces(c *checker) {
	at := field.At("linux", "namespaces")
	if c.spec.Linux != nil {
		var seen uint64
		for i, ns := range c.spec.Linux.Namespaces {
			flag := namespaceFlag(ns.Type)
			switch {
			case flag == 0:
				c.refuse(at.Index(i).Child("type"), "namespace "+show(string(ns.Type))+" does not exist")
			case seen&flag != 0:
				c.refuse(at.Index(i), "malformed spec file: duplicated ns "+show(string(ns.Type)))
			}
			seen |= flag
		}
		c.cfg.Namespaces = Namespaces(seen)
	}
	if !c.cfg.Namespaces.Has(unix.CLONE_NEWNS) {
		c.refuse(at, "there is no mount namespace: vial gives a container its root with pivot_root only, which needs one")
	}
}
