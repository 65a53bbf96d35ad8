package config

import "github.com/opencontainers/runtime-spec/specs-go"

var intelRdtFields = []string{"closID", "schemata", "l3CacheSchema", "memBwSchema", "enableMonitoring"}

func readIntelRdt(d *decoder, r *specs.LinuxIntelRdt) {
	for key := range d.object {
		switch key {
		case "closID":
			readText(d, &r.ClosID)
		case "schemata":
			readTexts(d, &r.Schemata)
		case "l3CacheSchema":
			readText(d, &r.L3CacheSchema)
		case "memBwSchema":
			readText(d, &r.MemBwSchema)
		case "enableMonitoring":
			readBool(d, &r.EnableMonitoring)
		default:
			d.unknown(key, intelRdtFields)
		}
	}
}
