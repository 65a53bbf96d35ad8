package config

import "github.com/opencontainers/runtime-spec/specs-go"

var seccompFields = []string{
	"defaultAction", "defaultErrnoRet", "architectures", "flags", "listenerPath", "listenerMetadata",
	"syscalls",
}

func readSeccomp(d *decoder, s *specs.LinuxSeccomp) {
	for key := range d.object {
		switch key {
		case "defaultAction":
			readText(d, &s.DefaultAction)
		case "defaultErrnoRet":
			readOptional(d, &s.DefaultErrnoRet, readUnsigned)
		case "architectures":
			readTexts(d, &s.Architectures)
		case "flags":
			readTexts(d, &s.Flags)
		case "listenerPath":
			readText(d, &s.ListenerPath)
		case "listenerMetadata":
			readText(d, &s.ListenerMetadata)
		case "syscalls":
			readList(d, &s.Syscalls, readSyscall)
		default:
			d.unknown(key, seccompFields)
		}
	}
}

var syscallFields = []string{"names", "action", "errnoRet", "args"}

func readSyscall(d *decoder, s *specs.LinuxSyscall) {
	for key := range d.object {
		switch key {
		case "names":
			readTexts(d, &s.Names)
		case "action":
			readText(d, &s.Action)
		case "errnoRet":
			readOptional(d, &s.ErrnoRet, readUnsigned)
		case "args":
			readList(d, &s.Args, readSyscallArg)
		default:
			d.unknown(key, syscallFields)
		}
	}
}

var syscallArgFields = []string{"index", "value", "valueTwo", "op"}

func readSyscallArg(d *decoder, a *specs.LinuxSeccompArg) {
	for key := range d.object {
		switch key {
		case "index":
			readUnsigned(d, &a.Index)
		case "value":
			readUnsigned(d, &a.Value)
		case "valueTwo":
			readUnsigned(d, &a.ValueTwo)
		case "op":
			readText(d, &a.Op)
		default:
			d.unknown(key, syscallArgFields)
		}
	}
}
