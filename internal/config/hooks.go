package config

import "github.com/opencontainers/runtime-spec/specs-go"

var hooksFields = []string{
	"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
}

func readHooks(d *decoder, h *specs.Hooks) {
	for key := range d.object {
		switch key {
		case "prestart":
			//lint:ignore SA1019 deprecated, but callers still write it
			readList(d, &h.Prestart, readHook)
		case "createRuntime":
			readList(d, &h.CreateRuntime, readHook)
		case "createContainer":
			readList(d, &h.CreateContainer, readHook)
		case "startContainer":
			readList(d, &h.StartContainer, readHook)
		case "poststart":
			readList(d, &h.Poststart, readHook)
		case "poststop":
			readList(d, &h.Poststop, readHook)
		default:
			d.unknown(key, hooksFields)
		}
	}
}

var hookFields = []string{"path", "args", "env", "timeout"}

func readHook(d *decoder, h *specs.Hook) {
	for key := range d.object {
		switch key {
		case "path":
			readText(d, &h.Path)
		case "args":
			readTexts(d, &h.Args)
		case "env":
			readTexts(d, &h.Env)
		case "timeout":
			readOptional(d, &h.Timeout, readSigned)
		default:
			d.unknown(key, hookFields)
		}
	}
}
