package config

import (
	"strings"

	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// maxPath is PATH_MAX, which counts the NUL at the end.
const maxPath = 4096

// absolute refuses what is no absolute path that the kernel would take.
func (c *checker) absolute(at field.Path, path string) {
	switch {
	case !strings.HasPrefix(path, "/"):
		c.refuse(at, show(path)+" must be an absolute path")
	case nul(path):
		c.refuse(at, "must not hold a NUL")
	case len(path) >= maxPath:
		c.refuse(at, show(path)+" is longer than a path can be")
	}
}

// cleanPath is the path from the container's root that an author's path means:
// absolute, without empty parts and dots, and never above "/".
func cleanPath(path string) string {
	if clean(path) {
		return path
	}
	parts := make([]string, 0, 8)
	for part := range strings.SplitSeq(path, "/") {
		switch part {
		case "", ".":
		case "..":
			parts = parts[:max(0, len(parts)-1)]
		default:
			parts = append(parts, part)
		}
	}
	return "/" + strings.Join(parts, "/")
}

// clean tells whether cleanPath has nothing to do, as is nearly always so.
func clean(path string) bool {
	if path == "/" {
		return true
	}
	if path == "" || path[0] != '/' || path[len(path)-1] == '/' {
		return false
	}
	for i := 0; i+1 < len(path); i++ {
		if path[i] == '/' && (path[i+1] == '/' || path[i+1] == '.') {
			return false
		}
	}
	return true
}

// checkPaths looks at maskedPaths and readonlyPaths.
func checkPaths(c *checker) {
	if c.spec.Linux == nil {
		return
	}
	checkRestricted(c, "maskedPaths", c.spec.Linux.MaskedPaths)
	checkRestricted(c, "readonlyPaths", c.spec.Linux.ReadonlyPaths)
}

func checkRestricted(c *checker, name string, paths []string) {
	if len(paths) > 0 && !c.cfg.Namespaces.Has(unix.CLONE_NEWNS) {
		c.refuse(field.At("linux", name), "unable to restrict sys entries without a private MNT namespace")
	}
	for i, path := range paths {
		if !strings.HasPrefix(path, "/") || len(path) >= maxPath || nul(path) {
			c.absolute(field.At("linux", name).Index(i), path)
		}
	}
}
