package config

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// Hooks are the programs to run at certain moments of the container's life, by
// moment, in order.
type Hooks struct {
	Prestart, CreateRuntime, CreateContainer, StartContainer, Poststart, Poststop []Hook
}

// A Hook is one of these programs.
type Hook struct {
	Origin  field.Path
	Path    string
	Args    []string // from argv[0] on: the path if config.json has none
	Env     []string
	Timeout int // in seconds; 0 is none
}

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

func checkHooks(c *checker) {
	h := c.spec.Hooks
	if h == nil {
		return
	}
	c.cfg.Hooks = Hooks{
		//lint:ignore SA1019 deprecated, but callers still write it
		Prestart:        c.hooks("prestart", h.Prestart),
		CreateRuntime:   c.hooks("createRuntime", h.CreateRuntime),
		CreateContainer: c.hooks("createContainer", h.CreateContainer),
		StartContainer:  c.hooks("startContainer", h.StartContainer),
		Poststart:       c.hooks("poststart", h.Poststart),
		Poststop:        c.hooks("poststop", h.Poststop),
	}
}

func (c *checker) hooks(name string, list []specs.Hook) []Hook {
	var hooks []Hook
	for i, h := range list {
		at := field.At("hooks", name).Index(i)
		known := Hook{Origin: at, Path: h.Path, Args: h.Args, Env: h.Env}
		if h.Path == "" {
			c.refuse(at.Child("path"), "is required")
		} else {
			c.absolute(at.Child("path"), h.Path)
		}
		if len(h.Args) == 0 {
			known.Args = []string{h.Path}
		}
		for i, arg := range h.Args {
			if nul(arg) {
				c.refuse(at.Child("args").Index(i), "must not hold a NUL")
			}
		}
		checkEnv(c, at.Child("env"), h.Env)
		if h.Timeout != nil {
			known.Timeout = *h.Timeout
			if known.Timeout <= 0 {
				c.refuse(at.Child("timeout"), "must be greater than zero")
			}
		}
		hooks = append(hooks, known)
	}
	return hooks
}
