package main

import (
	"encoding/json"
	"flag"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/vial-run/vial/container"
)

func featuresVerb() verb {
	return verb{
		name: "features", max: 0,
		about:   "print what this vial can do as JSON",
		example: "vial features",
		define: func(*flag.FlagSet) action {
			return func(s *session, _ []string) (int, error) {
				encoder := json.NewEncoder(s.stdout)
				encoder.SetIndent("", "    ")
				return 0, encoder.Encode(supported())
			}
		},
	}
}

// supported is what this vial does; what a config may hold that is not in it
// is refused by name.
func supported() *features.Features {
	yes, no := true, false
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  container.MountOptions(),
		Linux: &features.Linux{
			Namespaces:      []string{"cgroup", "ipc", "mount", "network", "pid", "time", "uts"},
			Capabilities:    container.Capabilities(),
			Cgroup:          &features.Cgroup{V1: &yes, V2: &yes, Systemd: &yes, SystemdUser: &no, Rdma: &yes},
			Seccomp:         &features.Seccomp{Enabled: &no},
			Apparmor:        &features.Apparmor{Enabled: &no},
			Selinux:         &features.Selinux{Enabled: &no},
			IntelRdt:        &features.IntelRdt{Enabled: &no},
			NetDevices:      &features.NetDevices{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &no}},
		},
		PotentiallyUnsafeConfigAnnotations: []string{"org.systemd.property."},
		Annotations: map[string]string{
			"run.vial.version": version,
			"run.vial.commit":  commitOf(),
		},
	}
}
