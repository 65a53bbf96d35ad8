package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"
	"github.com/vial-run/vial/container"
)

// refusal is what compile says of the default config with a change, empty if it
// takes it.
func refusal(t *testing.T, change func(s *specs.Spec)) string {
	t.Helper()
	spec, err := container.DefaultSpec()
	if err != nil {
		t.Fatal(err)
	}
	spec.Process.Terminal = false
	change(spec)
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "rootfs"), 0o700); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := call("--root", dir+"/state", "compile", "--bundle", dir)
	if status == 0 {
		return ""
	}
	return stderr
}

// listed are the features as callers read them.
func listed(t *testing.T) *features.Features {
	t.Helper()
	status, stdout, stderr := call("features")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, %q", status, stderr)
	}
	var f features.Features
	decoder := json.NewDecoder(strings.NewReader(stdout))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&f); err != nil {
		t.Fatal(err)
	}
	return &f
}

// agree holds that a feature is there just if a config that needs it is taken.
func agree(t *testing.T, what string, claimed bool, refusal string) {
	t.Helper()
	switch {
	case claimed && refusal != "":
		t.Errorf("features has %s, but: %s", what, refusal)
	case !claimed && refusal == "":
		t.Errorf("features does not have %s, but a config with it is taken", what)
	case !claimed && !strings.Contains(refusal, "not supported"):
		t.Errorf("features does not have %s, and nothing says so: %s", what, refusal)
	}
}

func TestFeaturesOfNamespaces(t *testing.T) {
	f := listed(t)
	for _, kind := range []specs.LinuxNamespaceType{
		specs.CgroupNamespace, specs.IPCNamespace, specs.MountNamespace, specs.NetworkNamespace, specs.PIDNamespace,
		specs.TimeNamespace, specs.UserNamespace, specs.UTSNamespace,
	} {
		said := refusal(t, func(s *specs.Spec) {
			if slices.ContainsFunc(s.Linux.Namespaces, func(n specs.LinuxNamespace) bool { return n.Type == kind }) {
				return
			}
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: kind})
			if kind == specs.UserNamespace {
				s.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
				s.Linux.GIDMappings = s.Linux.UIDMappings
			}
		})
		agree(t, "the namespace "+string(kind), slices.Contains(f.Linux.Namespaces, string(kind)), said)
	}
	if len(f.Linux.Namespaces) > 8 {
		t.Errorf("namespaces that no config can ask for are among %q", f.Linux.Namespaces)
	}
}

func TestFeaturesOfHooks(t *testing.T) {
	f := listed(t)
	hook := []specs.Hook{{Path: "/bin/true"}}
	for name, hooks := range map[string]*specs.Hooks{
		"prestart": {Prestart: hook}, "createRuntime": {CreateRuntime: hook}, "createContainer": {CreateContainer: hook},
		"startContainer": {StartContainer: hook}, "poststart": {Poststart: hook}, "poststop": {Poststop: hook},
	} {
		agree(t, "the hook "+name, slices.Contains(f.Hooks, name), refusal(t, func(s *specs.Spec) { s.Hooks = hooks }))
	}
	if len(f.Hooks) > 6 {
		t.Errorf("hooks that no config can have are among %q", f.Hooks)
	}
}

// TestFeaturesOfMounts: containerd and Docker look for rro, Podman for idmap.
func TestFeaturesOfMounts(t *testing.T) {
	f := listed(t)
	mounted := func(m specs.Mount) string {
		return refusal(t, func(s *specs.Spec) { s.Mounts = append(s.Mounts, m) })
	}
	for _, option := range f.MountOptions {
		bind := mounted(specs.Mount{Destination: "/x", Type: "bind", Source: "/", Options: []string{"bind", option}})
		tmpfs := mounted(specs.Mount{Destination: "/x", Type: "tmpfs", Source: "tmpfs", Options: []string{option}})
		if bind != "" && tmpfs != "" {
			t.Errorf("features has the mount option %s, but: %s%s", option, bind, tmpfs)
		}
	}
	for _, option := range []string{
		"async", "atime", "bind", "defaults", "dev", "diratime", "dirsync", "exec", "iversion", "lazytime", "loud", "mand",
		"noatime", "nodev", "nodiratime", "noexec", "noiversion", "nolazytime", "nomand", "norelatime", "nostrictatime",
		"nosuid", "nosymfollow", "private", "ratime", "rbind", "rdev", "rdiratime", "relatime", "rexec", "rnoatime",
		"rnodev", "rnodiratime", "rnoexec", "rnorelatime", "rnostrictatime", "rnosuid", "rnosymfollow", "ro", "rprivate",
		"rrelatime", "rro", "rrw", "rshared", "rslave", "rstrictatime", "rsuid", "rsymfollow", "runbindable", "rw", "shared",
		"silent", "slave", "strictatime", "suid", "symfollow", "sync", "tmpcopyup", "unbindable",
		// Those that crun alone has.
		"rsync", "rasync", "rdirsync", "rmand", "rnomand", "copy-symlink", "src-nofollow", "dest-nofollow",
		// Those that need more than a word in a list.
		"idmap", "ridmap", "remount",
	} {
		if slices.Contains(f.MountOptions, option) {
			continue // and is taken, as above
		}
		if mounted(specs.Mount{Destination: "/x", Type: "bind", Source: "/", Options: []string{"bind", option}}) == "" {
			t.Errorf("features does not have the mount option %s, but a config with it is taken", option)
		}
	}
	if !slices.IsSorted(f.MountOptions) {
		t.Error("mount options are not sorted")
	}
}

func TestFeaturesOfCapabilities(t *testing.T) {
	names := listed(t).Linux.Capabilities
	said := refusal(t, func(s *specs.Spec) { s.Process.Capabilities = &specs.LinuxCapabilities{Bounding: names} })
	if said != "" || len(names) < 41 {
		t.Errorf("%d capabilities: %s", len(names), said)
	}
}

func TestFeaturesOfLinux(t *testing.T) {
	l := listed(t).Linux
	for _, c := range []struct {
		name    string
		claimed *bool
		change  func(s *specs.Spec)
	}{
		{"seccomp", l.Seccomp.Enabled, func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} }},
		{"apparmor", l.Apparmor.Enabled, func(s *specs.Spec) { s.Process.ApparmorProfile = "unconfined" }},
		{"selinux", l.Selinux.Enabled, func(s *specs.Spec) { s.Process.SelinuxLabel = "u:r:t:s0" }},
		{"intelRdt", l.IntelRdt.Enabled, func(s *specs.Spec) { s.Linux.IntelRdt = &specs.LinuxIntelRdt{ClosID: "x"} }},
		{"netDevices", l.NetDevices.Enabled, func(s *specs.Spec) { s.Linux.NetDevices = map[string]specs.LinuxNetDevice{"eth0": {}} }},
		{"idmap", l.MountExtensions.IDMap.Enabled, func(s *specs.Spec) {
			ids := []specs.LinuxIDMapping{{HostID: 1000, Size: 1}}
			s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: "/", Options: []string{"bind"}, UIDMappings: ids, GIDMappings: ids})
		}},
	} {
		if c.claimed == nil {
			t.Errorf("features does not say whether it has %s", c.name)
			continue
		}
		agree(t, c.name, *c.claimed, refusal(t, c.change))
	}
	agree(t, "memoryPolicy", l.MemoryPolicy != nil, refusal(t, func(s *specs.Spec) {
		s.Linux.MemoryPolicy = &specs.LinuxMemoryPolicy{Mode: "MPOL_LOCAL"}
	}))
	_, _, systemd := call("--root", t.TempDir(), "--systemd-cgroup", "list")
	agree(t, "cgroup.systemd", *l.Cgroup.Systemd, systemd)
	if !*l.Cgroup.V1 || !*l.Cgroup.V2 {
		t.Error("a version of cgroups is missing")
	}
}
