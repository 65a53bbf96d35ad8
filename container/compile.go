package container

import (
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
)

// Compile is the listing of the program that "create" or "run" would run for
// the container. Nothing is made.
func (r *Runtime) Compile(id, command string, o Options) (string, error) {
	mode := compile.StartOnRequest
	if command == "run" {
		mode = compile.StartAtOnce
	}
	p, err := r.prepare(id, o, mode)
	if err != nil {
		return "", within("compile", id, err)
	}
	return p.output.Program.Listing(), nil
}

// DefaultSpec is the config that `vial spec` writes: runc's, and with it a
// cgroup namespace where the host has cgroup v2 only.
func DefaultSpec() (*specs.Spec, error) {
	facts, err := gather.Facts()
	if err != nil {
		return nil, err
	}
	spec := config.Default()
	if facts.Cgroup == host.V2 {
		spec.Linux.Namespaces = append(spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
	}
	return spec, nil
}

// EncodeSpec is the text of a config.json.
func EncodeSpec(spec *specs.Spec) ([]byte, error) { return config.Encode(spec) }

// MountOptions are the words that a mount's options may hold, sorted.
func MountOptions() []string { return config.MountOptionNames() }

// Capabilities are the names of all capabilities.
func Capabilities() []string { return config.CapabilityNames() }
