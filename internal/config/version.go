package config

import (
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/field"
)

// newestMinor is the version 1.x of the runtime spec that this package reads.
const newestMinor = 3

// checkVersion takes every version 1 of the spec, which promises that what is
// in 1.0 stays as it is. A newer one may have fields that this package does not
// know, and would pass over, so it is worth a warning.
func checkVersion(c *checker) {
	at := field.At("ociVersion")
	v := c.spec.Version
	if v == "" {
		c.refuse(at, `is required: want a version such as "1.3.0"`)
		return
	}
	major, minor, ok := parseVersion(v)
	switch {
	case !ok:
		c.refuse(at, show(v)+` is no version: want one such as "1.3.0"`)
	case major != 1:
		c.refuse(at, show(v)+" is not supported: want 1.0.0 to 1.3.x")
	case minor > newestMinor:
		c.warn(at, show(v)+" is newer than 1.3: fields that are new in it are ignored")
	}
}

// parseVersion reads a version as Semantic Versioning 2.0.0 spells it, such as
// 1.2.0-rc.1+dev.
func parseVersion(v string) (major, minor uint64, ok bool) {
	core := v
	if i := strings.IndexAny(v, "-+"); i >= 0 {
		core = v[:i]
		if !versionSuffix(v[i:]) {
			return 0, 0, false
		}
	}
	var numbers [3]uint64
	parts := strings.Split(core, ".")
	if len(parts) != len(numbers) {
		return 0, 0, false
	}
	for i, part := range parts {
		if part == "" || digits(part) != len(part) || len(part) > 1 && part[0] == '0' {
			return 0, 0, false
		}
		n, err := strconv.ParseUint(part, 10, 32)
		if err != nil {
			return 0, 0, false
		}
		numbers[i] = n
	}
	return numbers[0], numbers[1], true
}

// versionSuffix tells whether s is -PRE or +BUILD or both: identifiers of
// letters, digits and hyphens, with dots between them.
func versionSuffix(s string) bool {
	pre, build, hasBuild := strings.Cut(s, "+")
	if pre != "" && !identifiers(pre[1:]) {
		return false
	}
	return !hasBuild || identifiers(build)
}

func identifiers(s string) bool {
	for part := range strings.SplitSeq(s, ".") {
		if part == "" {
			return false
		}
		for _, c := range []byte(part) {
			letter := c|0x20 >= 'a' && c|0x20 <= 'z'
			if !letter && (c < '0' || c > '9') && c != '-' {
				return false
			}
		}
	}
	return true
}
