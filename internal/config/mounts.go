package config

import (
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

var mountFields = []string{"destination", "type", "source", "options", "uidMappings", "gidMappings"}

func readMount(d *decoder, m *specs.Mount) {
	for key := range d.object {
		switch key {
		case "destination":
			readText(d, &m.Destination)
		case "type":
			readText(d, &m.Type)
		case "source":
			readText(d, &m.Source)
		case "options":
			readTexts(d, &m.Options)
		case "uidMappings":
			readList(d, &m.UIDMappings, readIDMapping)
		case "gidMappings":
			readList(d, &m.GIDMappings, readIDMapping)
		default:
			d.unknown(key, mountFields)
		}
	}
}

// Beneath takes rootfs, a cleaned absolute path, from the front of destinations: who
// has given the path on the host means the one in the container, as with runc.
func (c *Config) Beneath(rootfs string) {
	for i := range c.Mounts {
		if rest, ok := strings.CutPrefix(c.Mounts[i].Destination, rootfs); ok && strings.HasPrefix(rest, "/") {
			c.Mounts[i].Destination = rest
		}
	}
}

// checkMounts makes of the words in mounts what they mean.
func checkMounts(c *checker) {
	if len(c.spec.Mounts) == 0 {
		return
	}
	c.cfg.Mounts = make([]Mount, len(c.spec.Mounts))
	for i := range c.spec.Mounts {
		x := mountCheck{checker: c, i: i, spec: &c.spec.Mounts[i], m: &c.cfg.Mounts[i]}
		x.check()
	}
}

// A mountCheck is the check of one entry of mounts.
type mountCheck struct {
	*checker
	i    int
	spec *specs.Mount
	m    *Mount

	remount bool
	undone  []string // flags of the superblock that a remount takes back
}

func (x *mountCheck) at() field.Path { return field.At("mounts").Index(x.i) }

func (x *mountCheck) option(i int) field.Path { return x.at().Child("options").Index(i) }

func (x *mountCheck) check() {
	x.m.Source, x.m.Type = x.spec.Source, x.spec.Type
	x.m.Kind = mountKind(x.spec.Type)
	for i, word := range x.spec.Options {
		x.understand(i, word)
	}
	x.checkDestination()
	if x.remount {
		x.checkRemount()
		return
	}
	x.checkSource()
	x.checkKind()
	if x.m.Set&unix.MOUNT_ATTR_RDONLY != 0 && x.m.Kind != KindBind {
		x.m.SuperFlags = append(x.m.SuperFlags, "ro")
	}
}

func mountKind(fstype string) MountKind {
	switch fstype {
	case "bind":
		return KindBind
	case "proc":
		return KindProc
	case "sysfs":
		return KindSysfs
	case "tmpfs":
		return KindTmpfs
	case "mqueue":
		return KindMqueue
	case "devpts":
		return KindDevpts
	case "cgroup", "cgroup2":
		return KindCgroup
	}
	return KindOther
}

// understand takes in option i.
func (x *mountCheck) understand(i int, word string) {
	o := findOption(word)
	switch {
	case o == nil && strings.HasPrefix(word, "idmap="):
		x.refuse(x.option(i), "not supported yet: id-mapped mounts")
	case o == nil:
		x.data(i, word)
	case o.kind == optionRemount:
		x.remount = true
	case o.kind == optionLater:
		x.refuse(x.option(i), "not supported yet: id-mapped mounts")
	default:
		x.m.apply(o)
		x.undo(o)
	}
}

// data takes in a word for the filesystem. mount(2) took all of them joined by
// commas, so that callers may have put several in one word.
func (x *mountCheck) data(i int, word string) {
	if nul(word) {
		x.refuse(x.option(i), "must not hold a NUL")
		return
	}
	for word != "" {
		var one string
		one, word = cutOption(word)
		if one == "" {
			continue // mount(2) passed over these
		}
		key, value, hasValue := strings.Cut(one, "=")
		if key == "" {
			x.refuse(x.option(i), show(one)+": the option has no name")
			continue
		}
		if quoted(key, value) {
			value = value[1 : len(value)-1]
		}
		x.m.Data = append(x.m.Data, KeyValue{Key: key, Value: value, HasValue: hasValue})
	}
}

// cutOption splits at the first comma that is not within an SELinux context in
// quotes, as the kernel does (selinux_sb_eat_lsm_opts).
func cutOption(word string) (first, rest string) {
	key, value, _ := strings.Cut(word, "=")
	if selinuxOption(key) && strings.HasPrefix(value, `"`) {
		if end := strings.IndexByte(value[1:], '"'); end >= 0 {
			first = word[:len(key)+1+end+2]
			return first, strings.TrimPrefix(word[len(first):], ",")
		}
	}
	first, rest, _ = strings.Cut(word, ",")
	return first, rest
}

func selinuxOption(key string) bool {
	return key == "context" || key == "fscontext" || key == "defcontext" || key == "rootcontext"
}

// quoted tells whether value is an SELinux context in quotes, which protect its
// commas in a joined string and are no part of it for fsconfig(2).
func quoted(key, value string) bool {
	return selinuxOption(key) && len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"'
}

func (x *mountCheck) checkDestination() {
	dest := x.spec.Destination
	at := func() field.Path { return x.at().Child("destination") }
	switch {
	case dest == "":
		x.refuse(at(), "is required")
		return
	case nul(dest):
		x.refuse(at(), "must not hold a NUL")
		return
	case len(dest) >= maxPath:
		x.refuse(at(), show(dest)+" is longer than a path can be")
		return
	case dest[0] != '/':
		x.warn(at(), show(dest)+" is relative, which is deprecated: it is taken from /")
	}
	x.m.Destination = cleanPath(dest)
	switch {
	case x.m.Destination == "/" && x.remount:
		x.refuse(at(), "the root is not remounted here: use root.readonly and linux.rootfsPropagation")
	case x.m.Destination == "/":
		x.refuse(at(), show(dest)+" would cover the container's root")
	case !x.remount:
		x.checkProc()
	}
}

// checkProc keeps /proc what it seems to be, to the container's own tools and
// to those that look into it. The exceptions are what lxcfs and CRIU replace.
func (x *mountCheck) checkProc() {
	inside, ok := strings.CutPrefix(x.m.Destination, "/proc")
	switch {
	case !ok:
		return
	case inside == "":
		if x.m.Kind != KindProc && x.m.Kind != KindBind {
			x.refuse(x.at(), show(x.m.Destination)+" cannot be mounted because it is not of type proc")
		}
		return
	case inside[0] != '/':
		return
	}
	switch inside {
	case "/cpuinfo", "/diskstats", "/meminfo", "/stat", "/swaps", "/uptime", "/loadavg", "/slabinfo",
		"/sys/kernel/ns_last_pid", "/sys/crypto/fips_enabled":
		return
	}
	x.refuse(x.at(), show(x.m.Destination)+" cannot be mounted because it is inside /proc")
}

func (x *mountCheck) checkSource() {
	source := x.spec.Source
	switch {
	case nul(source):
		x.refuse(x.at().Child("source"), "must not hold a NUL")
	case source == "" && x.m.Kind == KindBind:
		x.refuse(x.at().Child("source"), "is required for a bind mount")
	case len(source) >= maxPath:
		x.refuse(x.at().Child("source"), show(source)+" is longer than a path can be")
	}
	switch fstype := x.spec.Type; {
	case x.m.Kind == KindBind:
		// A dummy, often "none".
	case fstype == "":
		x.refuse(x.at().Child("type"), "is required: this is no bind mount")
	case control(fstype):
		x.refuse(x.at().Child("type"), show(fstype)+" is no name of a filesystem")
	}
}

// checkKind refuses options that the kind of mount does not have.
func (x *mountCheck) checkKind() {
	bind := x.m.Kind == KindBind
	if bind && len(x.m.Data) > 0 {
		x.refuse(x.at(), "invalid mount "+show(x.m.Data[0].Key)+
			": bind mounts cannot have any filesystem-specific options applied")
	}
	if bind && len(x.m.SuperFlags) > 0 {
		x.warn(x.at().Child("options"), strings.Join(x.m.SuperFlags, ", ")+" has no effect on a bind mount")
		x.m.SuperFlags = nil
	}
	if !bind && x.m.Kind != KindOther {
		x.dropIversion()
	}
	if x.m.CopyUp && x.m.Kind != KindTmpfs {
		x.refuse(x.at().Child("options"), "tmpcopyup can be used only with tmpfs")
	}
	if !bind && (x.m.SrcNofollow || x.m.DestNofollow || x.m.CopySymlink) {
		x.refuse(x.at().Child("options"), "src-nofollow, dest-nofollow and copy-symlink are for bind mounts only")
	}
}

// dropIversion takes out the one flag that only mount(2) has: it is for disks,
// which are mounted so for its sake. The kernel's own filesystems always count
// versions, or never.
func (x *mountCheck) dropIversion() {
	if i := slices.Index(x.m.SuperFlags, "iversion"); i >= 0 {
		x.warn(x.at().Child("options"), "iversion has no effect here")
		x.m.SuperFlags = slices.Delete(x.m.SuperFlags, i, i+1)
	}
}
