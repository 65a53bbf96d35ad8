package config

import "github.com/opencontainers/runtime-spec/specs-go"

var schedulerFields = []string{"policy", "nice", "priority", "flags", "runtime", "deadline", "period"}

func readScheduler(d *decoder, s *specs.Scheduler) {
	for key := range d.object {
		switch key {
		case "policy":
			readText(d, &s.Policy)
		case "nice":
			readSigned(d, &s.Nice)
		case "priority":
			readSigned(d, &s.Priority)
		case "flags":
			readTexts(d, &s.Flags)
		case "runtime":
			readUnsigned(d, &s.Runtime)
		case "deadline":
			readUnsigned(d, &s.Deadline)
		case "period":
			readUnsigned(d, &s.Period)
		default:
			d.unknown(key, schedulerFields)
		}
	}
}

var ioPriorityFields = []string{"class", "priority"}

func readIOPriority(d *decoder, p *specs.LinuxIOPriority) {
	for key := range d.object {
		switch key {
		case "class":
			readText(d, &p.Class)
		case "priority":
			readSigned(d, &p.Priority)
		default:
			d.unknown(key, ioPriorityFields)
		}
	}
}

var cpuAffinityFields = []string{"initial", "final"}

func readCPUAffinity(d *decoder, a *specs.CPUAffinity) {
	for key := range d.object {
		switch key {
		case "initial":
			readText(d, &a.Initial)
		case "final":
			readText(d, &a.Final)
		default:
			d.unknown(key, cpuAffinityFields)
		}
	}
}

var memoryPolicyFields = []string{"mode", "nodes", "flags"}

func readMemoryPolicy(d *decoder, p *specs.LinuxMemoryPolicy) {
	for key := range d.object {
		switch key {
		case "mode":
			readText(d, &p.Mode)
		case "nodes":
			readText(d, &p.Nodes)
		case "flags":
			readTexts(d, &p.Flags)
		default:
			d.unknown(key, memoryPolicyFields)
		}
	}
}
