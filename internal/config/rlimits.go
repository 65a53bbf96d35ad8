package config

import (
	"strconv"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

var rlimitFields = []string{"type", "hard", "soft"}

func readRlimit(d *decoder, r *specs.POSIXRlimit) {
	for key := range d.object {
		switch key {
		case "type":
			readText(d, &r.Type)
		case "hard":
			readUnsigned(d, &r.Hard)
		case "soft":
			readUnsigned(d, &r.Soft)
		default:
			d.unknown(key, rlimitFields)
		}
	}
}

// rlimitNumber is the number of asm-generic/resource.h, which every CPU that
// vial runs on uses. golang.org/x/sys/unix names only some of them.
func rlimitNumber(name string) (int, bool) {
	switch name {
	case "RLIMIT_CPU":
		return 0, true
	case "RLIMIT_FSIZE":
		return 1, true
	case "RLIMIT_DATA":
		return 2, true
	case "RLIMIT_STACK":
		return 3, true
	case "RLIMIT_CORE":
		return 4, true
	case "RLIMIT_RSS":
		return 5, true
	case "RLIMIT_NPROC":
		return 6, true
	case "RLIMIT_NOFILE":
		return 7, true
	case "RLIMIT_MEMLOCK":
		return 8, true
	case "RLIMIT_AS":
		return 9, true
	case "RLIMIT_LOCKS":
		return 10, true
	case "RLIMIT_SIGPENDING":
		return 11, true
	case "RLIMIT_MSGQUEUE":
		return 12, true
	case "RLIMIT_NICE":
		return 13, true
	case "RLIMIT_RTPRIO":
		return 14, true
	case "RLIMIT_RTTIME":
		return 15, true
	}
	return 0, false
}

func checkRlimits(c *checker) {
	if c.spec.Process == nil || len(c.spec.Process.Rlimits) == 0 {
		return
	}
	at := field.At("process", "rlimits")
	limits := c.spec.Process.Rlimits
	c.cfg.Rlimits = make([]Rlimit, len(limits))
	var seen [16]bool
	for i, l := range limits {
		n, ok := rlimitNumber(l.Type)
		switch {
		case !ok:
			c.refuse(at.Index(i).Child("type"), "wrong rlimit value: "+show(l.Type))
			continue
		case seen[n]:
			c.refuse(at.Index(i).Child("type"), l.Type+" comes twice")
		case l.Soft > l.Hard:
			soft, hard := strconv.FormatUint(l.Soft, 10), strconv.FormatUint(l.Hard, 10)
			c.refuse(at.Index(i).Child("soft"), soft+" is more than hard, which is "+hard)
		}
		seen[n] = true
		c.cfg.Rlimits[i] = Rlimit{Resource: n, Name: l.Type, Soft: l.Soft, Hard: l.Hard}
	}
}
