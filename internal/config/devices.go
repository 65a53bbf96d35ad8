package config

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

var deviceFields = []string{"path", "type", "major", "minor", "fileMode", "uid", "gid"}

func readDevice(d *decoder, v *specs.LinuxDevice) {
	for key := range d.object {
		switch key {
		case "path":
			readText(d, &v.Path)
		case "type":
			readText(d, &v.Type)
		case "major":
			readSigned(d, &v.Major)
		case "minor":
			readSigned(d, &v.Minor)
		case "fileMode":
			readOptional(d, &v.FileMode, readUnsigned)
		case "uid":
			readOptional(d, &v.UID, readUnsigned)
		case "gid":
			readOptional(d, &v.GID, readUnsigned)
		default:
			d.unknown(key, deviceFields)
		}
	}
}

func checkDevices(c *checker) {
	if c.spec.Linux == nil || len(c.spec.Linux.Devices) == 0 {
		return
	}
	c.cfg.Devices = make([]Device, len(c.spec.Linux.Devices))
	seen := make(map[string]int, len(c.cfg.Devices))
	for i := range c.cfg.Devices {
		at := field.At("linux", "devices").Index(i)
		own := &c.cfg.Devices[i]
		checkDevice(c, at, &c.spec.Linux.Devices[i], own)
		if own.Path == "" {
			continue
		}
		first, twice := seen[own.Path]
		if twice && !sameNode(*own, c.cfg.Devices[first]) {
			c.refuse(at.Child("path"), show(own.Path)+" is another device in linux.devices["+strconv.Itoa(first)+"]")
		}
		if !twice {
			seen[own.Path] = i
		}
		if node, there := defaultDevice(own.Path); there && !sameNode(*own, node) {
			c.refuse(at.Child("path"), show(own.Path)+" is in every container, as another device")
		}
	}
}

// sameNode tells whether two entries are the same device, whoever owns it.
func sameNode(a, b Device) bool {
	return a.Mode&unix.S_IFMT == b.Mode&unix.S_IFMT && a.Major == b.Major && a.Minor == b.Minor
}

// defaultDevice is what the spec wants at a path of /dev in every container.
func defaultDevice(path string) (Device, bool) {
	node := func(major, minor uint32) (Device, bool) {
		return Device{Path: path, Mode: unix.S_IFCHR | 0o666, Major: major, Minor: minor}, true
	}
	switch path {
	case "/dev/null":
		return node(1, 3)
	case "/dev/zero":
		return node(1, 5)
	case "/dev/full":
		return node(1, 7)
	case "/dev/random":
		return node(1, 8)
	case "/dev/urandom":
		return node(1, 9)
	case "/dev/tty":
		return node(5, 0)
	}
	return Device{}, false
}

// The kernel keeps device numbers in 12 and 20 bits (MINORBITS).
const (
	maxMajor = 1<<12 - 1
	maxMinor = 1<<20 - 1
)

func checkDevice(c *checker, at field.Path, d *specs.LinuxDevice, out *Device) {
	switch d.Type {
	case "c", "u":
		out.Mode = unix.S_IFCHR
	case "b":
		out.Mode = unix.S_IFBLK
	case "p":
		out.Mode = unix.S_IFIFO
	default:
		c.refuse(at.Child("type"), "invalid device type "+show(d.Type)+": want c, b, u or p")
	}
	if out.Mode != unix.S_IFIFO {
		out.Major = c.deviceNumber(at, "major", d.Major, maxMajor)
		out.Minor = c.deviceNumber(at, "minor", d.Minor, maxMinor)
	}
	checkDeviceMode(c, at, d, out)
	if d.UID != nil {
		c.id(*d.UID, at, "uid")
		out.UID = *d.UID
	}
	if d.GID != nil {
		c.id(*d.GID, at, "gid")
		out.GID = *d.GID
	}
	switch {
	case d.Path == "":
		c.refuse(at.Child("path"), "is required")
	case !strings.HasPrefix(d.Path, "/") || nul(d.Path) || len(d.Path) >= maxPath:
		c.absolute(at.Child("path"), d.Path)
	case parentPart(d.Path):
		c.refuse(at.Child("path"), show(d.Path)+` must not contain ".."`)
	case cleanPath(d.Path) == "/":
		c.refuse(at.Child("path"), show(d.Path)+" is the container's root")
	default:
		out.Path = cleanPath(d.Path)
	}
}

// checkDeviceMode takes the mode as stat(2) has it, with the type or without.
func checkDeviceMode(c *checker, at field.Path, d *specs.LinuxDevice, out *Device) {
	const permissions = 0o7777
	if d.FileMode == nil {
		out.Mode |= 0o666
		return
	}
	mode := uint32(*d.FileMode)
	if extra := mode &^ permissions; extra != 0 && extra != out.Mode {
		c.refuse(at.Child("fileMode"), strconv.FormatUint(uint64(mode), 10)+" (octal "+
			strconv.FormatUint(uint64(mode), 8)+") has bits that are no permissions")
		return
	}
	out.Mode |= mode & permissions
}

func (c *checker) deviceNumber(at field.Path, name string, n, most int64) uint32 {
	if n < 0 || n > most {
		c.refuse(at.Child(name), strconv.FormatInt(n, 10)+" is out of range (0 to "+strconv.FormatInt(most, 10)+")")
		return 0
	}
	return uint32(n)
}

// parentPart tells whether a path has a part "..".
func parentPart(path string) bool {
	for part := range strings.SplitSeq(path, "/") {
		if part == ".." {
			return true
		}
	}
	return false
}
