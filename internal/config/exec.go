package config

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// ParseProcess reads the text of one process, as exec takes it. Whether it is
// good is for WithProcess to say.
func ParseProcess(data []byte) (*specs.Process, error) {
	const name = "the JSON text"
	if err := checkText(name, data); err != nil {
		return nil, err
	}
	d := &decoder{name: name, text: string(data), path: []place{{kind: placeField, name: "process"}}}
	p := new(specs.Process)
	if d.null() {
		return nil, Errors{&field.Error{Path: field.At("process"), Detail: "process property must not be empty"}}
	}
	readProcess(d, p)
	if d.peek(); !d.stopped && d.pos < len(d.text) {
		d.unexpected("nothing more")
	}
	if len(d.problems) > 0 {
		return nil, d.problems
	}
	return p, nil
}

// ParseForExec reads from a config that has been a container's what matters to
// another process in it, for WithProcess: the container's own process, and what
// the process shares with it. The rest, most of the text, is passed over.
func ParseForExec(data []byte) (*Config, error) {
	s, _, err := decode(data, readShared)
	if err != nil {
		return nil, err
	}
	c := &checker{spec: s, cfg: &Config{Spec: s}}
	checkNamespaces(c)
	checkPersonality(c)
	if err := c.err(); err != nil {
		return nil, err
	}
	return c.cfg, nil
}

var sharedFields, sharedLinuxFields = []string{"process", "linux"}, []string{"namespaces", "personality"}

func readShared(d *decoder, s *specs.Spec) {
	for key := range d.object {
		switch key {
		case "process":
			readOptional(d, &s.Process, readProcess)
		case "linux":
			readOptional(d, &s.Linux, readSharedLinux)
		default:
			d.unknown(key, sharedFields)
		}
	}
}

func readSharedLinux(d *decoder, l *specs.Linux) {
	for key := range d.object {
		switch key {
		case "namespaces":
			readList(d, &l.Namespaces, readNamespace)
		case "personality":
			readOptional(d, &l.Personality, readPersonality)
		default:
			d.unknown(key, sharedLinuxFields)
		}
	}
}

// WithProcess is c with another process in place of the container's own.
func (c *Config) WithProcess(p *specs.Process) (*Config, error) {
	spec := *c.Spec
	spec.Process = p
	cfg := *c
	cfg.Spec, cfg.Capabilities, cfg.Rlimits = &spec, Capabilities{}, nil
	cfg.Warnings = nil
	check := &checker{spec: &spec, cfg: &cfg}
	for _, look := range [...]func(*checker){checkProcess, checkCapabilities, checkRlimits, laterProcess} {
		look(check)
	}
	if err := check.err(); err != nil {
		return nil, err
	}
	return &cfg, nil
}

// AddCapabilities gives a process more capabilities, as exec --cap does: bounding,
// effective and permitted, and ambient if it has inheritable ones, but never
// inheritable itself (CVE-2022-29162). p keeps nothing of what it had shared.
func AddCapabilities(p *specs.Process, names []string) {
	if len(names) == 0 {
		return
	}
	sets := specs.LinuxCapabilities{}
	if p.Capabilities != nil {
		sets = *p.Capabilities
	}
	sets.Bounding = slices.Concat(sets.Bounding, names)
	sets.Effective = slices.Concat(sets.Effective, names)
	sets.Permitted = slices.Concat(sets.Permitted, names)
	if len(sets.Inheritable) > 0 {
		sets.Ambient = slices.Concat(sets.Ambient, names)
	}
	p.Capabilities = &sets
}
