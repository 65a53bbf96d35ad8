package compile

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/program"
)

// personality sets linux.personality.
func personality(c *compiler) {
	p := c.spec.Linux.Personality
	if p == nil {
		return
	}
	domain := uint64(program.PerLinux)
	if p.Domain == specs.PerLinux32 {
		domain = program.PerLinux32
	}
	c.Step(at("linux", "personality"), "set the execution domain "+string(p.Domain))
	c.Personality(domain)
}
