package compile

import (
	"path"
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A device is one node to be made in the container.
type device struct {
	config.Device
	index int // in linux.devices, or -1 for one that every container gets
}

// id is the node's name in the hidden tmpfs.
func (d device) id() string {
	if d.index < 0 {
		return path.Base(d.Path)
	}
	return strconv.Itoa(d.index)
}

// defaultDevices are those that the spec gives every container
// (config-linux.md, default devices); /dev/ptmx is a link, made below.
func defaultDevices() []config.Device {
	node := func(name string, major, minor uint32) config.Device {
		return config.Device{Path: "/dev/" + name, Mode: unix.S_IFCHR | 0o666, Major: major, Minor: minor}
	}
	return []config.Device{
		node("null", 1, 3), node("zero", 1, 5), node("full", 1, 7),
		node("random", 1, 8), node("urandom", 1, 9), node("tty", 5, 0),
	}
}

// ptmx is a link to the container's own terminal multiplexer and never a device
// (runtime-linux.md and config-linux.md, default devices), even where an engine
// that passes all devices on lists it.
const ptmx = "/dev/ptmx"

// allDevices are the defaults, but where linux.devices has the same path, and
// linux.devices. Of several for one path the last counts: engines add a device
// to a list that may hold it already.
func (c *compiler) allDevices() []device {
	last := make(map[string]int, len(c.cfg.Devices))
	for i, d := range c.cfg.Devices {
		last[d.Path] = i
	}
	var all []device
	for _, d := range defaultDevices() {
		if _, own := last[d.Path]; !own {
			all = append(all, device{d, -1})
		}
	}
	for i, d := range c.cfg.Devices {
		if last[d.Path] == i && d.Path != ptmx {
			all = append(all, device{d, i})
		}
	}
	return all
}

// boundDev tells whether /dev is a bind mount: then it is the caller's to fill.
func (c *compiler) boundDev() bool {
	for _, m := range c.cfg.Mounts {
		if m.Destination == "/dev" && m.Kind == config.KindBind {
			return true
		}
	}
	return false
}

// fresh tells whether the directory of unsafePath lies on a tmpfs that was
// just made and that nobody else can reach yet.
func (c *compiler) fresh(unsafePath string) bool {
	fresh := false
	for _, m := range c.cfg.Mounts {
		if m.Kind != config.KindRemount && strings.HasPrefix(unsafePath, m.Destination+"/") {
			fresh = m.Kind == config.KindTmpfs && !m.CopyUp && m.Destination == path.Dir(unsafePath)
		}
	}
	return fresh
}

// boundDevices are the nodes that are made in the hidden tmpfs and bound to
// their places, since what is there cannot be trusted.
func (c *compiler) boundDevices() []device {
	if c.boundDev() {
		return nil
	}
	var bound []device
	for _, d := range c.allDevices() {
		if !c.fresh(d.Path) {
			bound = append(bound, d)
		}
	}
	return bound
}

// devices makes the device nodes and the links in /dev.
func devices(c *compiler) {
	if c.boundDev() {
		return
	}
	c.Step(at("linux", "devices"), "open /dev")
	dev := c.Slot("dev")
	c.Set(c.dirTarget("/dev", program.DirInRoot).Content()).Into(dev)
	for _, d := range c.allDevices() {
		origin := at("linux", "devices")
		if d.index >= 0 {
			origin = origin.Index(d.index)
		}
		c.Step(origin, "make the device "+d.Path)
		switch {
		case !c.fresh(d.Path):
			c.bindDevice(d)
		case path.Dir(d.Path) == "/dev":
			c.makeDevice(d, dev)
		default:
			c.makeDevice(d, c.dirTarget(path.Dir(d.Path), program.DirInRoot))
			c.Close(c.target)
		}
	}
	c.links(dev)
	c.nullStdio(dev)
	c.Close(dev)
}

func (c *compiler) makeDevice(d device, dir program.Slot) {
	name := path.Base(d.Path)
	c.Mknodat(dir.Content(), name, d.Mode, unix.Mkdev(d.Major, d.Minor))
	if d.UID != 0 || d.GID != 0 {
		c.Fchownat(dir.Content(), name, d.UID, d.GID)
	}
}

func (c *compiler) bindDevice(d device) {
	c.fromHidden(hiddenNodes + "/" + d.id())
	check := program.RequestKind(0)
	if d.index >= 0 {
		check = program.RequestDevice
	}
	c.MoveMount(c.mount, c.fileTarget(c.mount, d.Path, check))
	c.closeAll(c.mount, c.target)
}

// links makes the links that the spec wants in /dev (runtime-linux.md, dev
// symbolic links). One that is there already stays, but for ptmx, which would
// be another terminal multiplexer than that of /dev/pts.
func (c *compiler) links(dev program.Slot) {
	c.Step(program.Runtime, "make the links in /dev")
	for _, l := range [][2]string{
		{"/proc/self/fd", "fd"}, {"/proc/self/fd/0", "stdin"},
		{"/proc/self/fd/1", "stdout"}, {"/proc/self/fd/2", "stderr"},
	} {
		c.ignoring(unix.EEXIST, c.Symlinkat(l[0], dev.Content(), l[1]))
	}
	if c.fresh(ptmx) {
		c.Symlinkat("pts/ptmx", dev.Content(), "ptmx")
		return
	}
	c.ignoring(unix.ENOENT, c.Unlinkat(dev.Content(), "ptmx"))
	c.Symlinkat("pts/ptmx", dev.Content(), "ptmx")
}
