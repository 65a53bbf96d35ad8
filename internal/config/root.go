package config

import (
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

var rootFields = []string{"path", "readonly"}

func readRoot(d *decoder, r *specs.Root) {
	for key := range d.object {
		switch key {
		case "path":
			readText(d, &r.Path)
		case "readonly":
			readBool(d, &r.Readonly)
		default:
			d.unknown(key, rootFields)
		}
	}
}

func checkRoot(c *checker) {
	r := c.spec.Root
	if r == nil {
		c.refuse("", "root must be specified")
		return
	}
	at := field.At("root", "path")
	switch {
	case r.Path == "":
		c.refuse(at, "is required")
	case nul(r.Path):
		c.refuse(at, "must not hold a NUL")
	case len(r.Path) >= maxPath:
		c.refuse(at, show(r.Path)+" is longer than a path can be")
	case !strings.HasPrefix(r.Path, "/") && climbs(r.Path):
		c.refuse(at, show(r.Path)+" leads out of the bundle: a root elsewhere needs an absolute path")
	}
}

// climbs tells whether a relative path leads above where it starts.
func climbs(path string) bool {
	depth := 0
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			if depth--; depth < 0 {
				return true
			}
		default:
			depth++
		}
	}
	return false
}

// propagationFlag is what a word such as rslave means to mount_setattr(2) and
// mount(2), 0 for no such word.
func propagationFlag(word string) uint64 {
	switch word {
	case "shared":
		return unix.MS_SHARED
	case "rshared":
		return unix.MS_SHARED | unix.MS_REC
	case "slave":
		return unix.MS_SLAVE
	case "rslave":
		return unix.MS_SLAVE | unix.MS_REC
	case "private":
		return unix.MS_PRIVATE
	case "rprivate":
		return unix.MS_PRIVATE | unix.MS_REC
	case "unbindable":
		return unix.MS_UNBINDABLE
	case "runbindable":
		return unix.MS_UNBINDABLE | unix.MS_REC
	}
	return 0
}

func checkRootPropagation(c *checker) {
	if c.spec.Linux == nil || c.spec.Linux.RootfsPropagation == "" {
		return
	}
	word := c.spec.Linux.RootfsPropagation
	c.cfg.RootPropagation = propagationFlag(word)
	if c.cfg.RootPropagation == 0 {
		shown := show(word)
		if len(shown) == len(word)+2 {
			shown = word
		}
		c.refuse(field.At("linux", "rootfsPropagation"), "rootfsPropagation="+shown+
			" is not supported: want shared, slave, private or unbindable, or one of these with an r before it")
	}
}
