package config

import (
	"maps"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

var timeOffsetFields = []string{"secs", "nanosecs"}

func readTimeOffset(d *decoder, o *specs.LinuxTimeOffset) {
	for key := range d.object {
		switch key {
		case "secs":
			readSigned(d, &o.Secs)
		case "nanosecs":
			readUnsigned(d, &o.Nanosecs)
		default:
			d.unknown(key, timeOffsetFields)
		}
	}
}

// checkTime checks linux.timeOffsets, which are those of the container's own time
// namespace (time_namespaces(7)).
func checkTime(c *checker) {
	if c.spec.Linux == nil || len(c.spec.Linux.TimeOffsets) == 0 {
		return
	}
	at := field.At("linux", "timeOffsets")
	if !c.cfg.Namespaces.Has(unix.CLONE_NEWTIME) {
		c.refuse(at, "time namespace offsets specified, but time namespace isn't enabled in the config")
	}
	for _, clock := range slices.Sorted(maps.Keys(c.spec.Linux.TimeOffsets)) {
		o := c.spec.Linux.TimeOffsets[clock]
		switch {
		case clock != "monotonic" && clock != "boottime":
			c.refuse(at.Key(clipKey(clock)), "no such clock: it is monotonic or boottime")
		case o.Nanosecs >= 1e9:
			c.refuse(at.Key(clock).Child("nanosecs"), "must be less than a second")
		}
		c.cfg.TimeOffsets = append(c.cfg.TimeOffsets, TimeOffset{clock, o.Secs, o.Nanosecs})
	}
}
