package config

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

var personalityFields = []string{"domain", "flags"}

func readPersonality(d *decoder, p *specs.LinuxPersonality) {
	for key := range d.object {
		switch key {
		case "domain":
			readText(d, &p.Domain)
		case "flags":
			readTexts(d, &p.Flags)
		default:
			d.unknown(key, personalityFields)
		}
	}
}

// checkPersonality checks linux.personality. The spec has no flags yet; those
// that the kernel has weaken the address space.
func checkPersonality(c *checker) {
	if c.spec.Linux == nil || c.spec.Linux.Personality == nil {
		return
	}
	at, p := field.At("linux", "personality"), c.spec.Linux.Personality
	if p.Domain != specs.PerLinux && p.Domain != specs.PerLinux32 {
		c.refuse(at.Child("domain"), "invalid personality domain "+show(string(p.Domain))+": it is LINUX or LINUX32")
	}
	if len(p.Flags) > 0 {
		c.warn(at.Child("flags"), "the spec has none: they are ignored")
	}
}
