package config

import "github.com/opencontainers/runtime-spec/specs-go"

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
