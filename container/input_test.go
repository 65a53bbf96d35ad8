package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// refused checks that a command of vial says one line, exits with status 1 and
// leaves nothing.
func (b *bed) refused(want string, args ...string) {
	b.t.Helper()
	before := b.picture()
	b.says(b.vial(args...), answer{stderr: "vial: " + want + "\n", status: 1})
	b.unchanged(&before)
}

func TestBadConfig(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*specs.Spec)
		want  string
	}{
		{"no process", func(s *specs.Spec) { s.Process = nil }, "process: is required: it says what the container runs"},
		{"no arguments", func(s *specs.Spec) { s.Process.Args = nil }, "process.args: must not be empty: it says what the container runs"},
		{"an empty command", func(s *specs.Spec) { s.Process.Args = []string{""} }, `process.args[0]: exec: "": executable file not found in $PATH`},
		{"a command that is missing", func(s *specs.Spec) { s.Process.Args = []string{"nope"} }, `process.args[0]: exec: "nope": executable file not found in $PATH`},
		{"a path that is missing", func(s *specs.Spec) { s.Process.Args = []string{"/nope"} }, `process.args[0]: exec: "/nope": no such file or directory`},
		{"a command that is a directory", func(s *specs.Spec) { s.Process.Args = []string{"/proc"} }, `process.args[0]: exec: "/proc": is a directory`},
		{"a command that is no program", func(s *specs.Spec) { s.Process.Args = []string{"/proc/version"} }, `process.args[0]: exec: "/proc/version": permission denied`},
		{"a relative working directory", func(s *specs.Spec) { s.Process.Cwd = "rel" }, `process.cwd: "rel" must be an absolute path`},
		{"a limit twice", func(s *specs.Spec) { s.Process.Rlimits = append(s.Process.Rlimits, s.Process.Rlimits[0]) }, "process.rlimits[1].type: RLIMIT_NOFILE comes twice"},
		{"no version", func(s *specs.Spec) { s.Version = "" }, `ociVersion: is required: want a version such as "1.3.0"`},
		{"a version too new", func(s *specs.Spec) { s.Version = "2.0.0" }, `ociVersion: "2.0.0" is not supported: want 1.0.0 to 1.3.x`},
		{"no version at all", func(s *specs.Spec) { s.Version = "x" }, `ociVersion: "x" is no version: want one such as "1.3.0"`},
		{"no root", func(s *specs.Spec) { s.Root = nil }, "root must be specified"},
		{"a root outside", func(s *specs.Spec) { s.Root.Path = "../.." }, `root.path: "../.." leads out of the bundle: a root elsewhere needs an absolute path`},
		{"the host's root", func(s *specs.Spec) { s.Root.Path = "/" }, "root.path: invalid rootfs: / is the host's own root"},
		{"a root that is missing", func(s *specs.Spec) { s.Root.Path = "nope" }, "root.path: invalid rootfs: BUNDLE/nope does not exist"},
		{"a root that is a file", func(s *specs.Spec) { s.Root.Path = "config.json" }, "root.path: invalid rootfs: BUNDLE/config.json is no directory"},
		{"a root that is a link", func(s *specs.Spec) { s.Root.Path = "link" }, "root.path: invalid rootfs: BUNDLE/link is a symlink: name what it leads to"},
		{"a mount without destination", func(s *specs.Spec) { s.Mounts[0].Destination = "" }, "mounts[0].destination: is required"},
		{"a namespace twice", func(s *specs.Spec) { s.Linux.Namespaces[1] = s.Linux.Namespaces[0] }, `linux.namespaces[1]: malformed spec file: duplicated ns "pid"`},
		{"a user namespace", func(s *specs.Spec) { s.Linux.Namespaces[0].Type = specs.UserNamespace }, "linux.namespaces[0].type: not supported yet: user namespaces"},
		{"a joined namespace", func(s *specs.Spec) { s.Linux.Namespaces[0].Path = "/proc/1/ns/pid" }, "linux.namespaces[0].path: not supported yet: joining a namespace"},
		{"seccomp", func(s *specs.Spec) { s.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} }, "linux.seccomp: not supported yet: system call filters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBed(t, "exit", "0")
			b.ok(os.Symlink("rootfs", filepath.Join(b.bundle, "link")))
			id := b.id()
			b.ok(b.Create(id, b.options())) // makes the mount points
			b.delete(id)
			c.spoil(b.spec)
			text, err := json.Marshal(b.spec)
			b.ok(err)
			b.ok(os.WriteFile(filepath.Join(b.bundle, "config.json"), text, 0o600))
			want := strings.ReplaceAll(c.want, "BUNDLE", b.bundle)
			b.refused("create "+id+": "+want, "create", id)
			b.refused("run "+id+": "+want, "run", id)
		})
	}
}

func TestBadConfigFile(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.writeSpec()
	config := filepath.Join(b.bundle, "config.json")
	good, err := os.ReadFile(config)
	b.ok(err)
	id := b.id()
	for _, c := range []struct{ name, text, want string }{
		{"is empty", "", "config.json is empty"},
		{"is null", "null", "config cannot be null"},
		{"is no object", "[]", "config.json: line 1:1: want an object, found an array"},
		{"is truncated", `{"ociVersion": "1.`, "config.json: line 1:19: ociVersion: the text ends within a string"},
		{"has a wrong type", `{"process": {"args": "sh"}}`, `config.json: line 1:22: process.args: want an array, found "sh"`},
		{"has a number out of range", `{"process": {"user": {"uid": -1}}}`, "config.json: line 1:30: process.user.uid: -1 is out of range (0 to 4294967295)"},
		{"has a key twice", `{"hostname": "a", "hostname": "b"}`, "config.json: line 1:19: hostname: the key comes twice"},
		{"goes on", "{}{}", "config.json: line 1:3: want nothing more, found '{'"},
		{"is deep", `{"vendor":` + strings.Repeat("[", 100_000), "config.json: line 1:74: vendor" + strings.Repeat("[0]", 63) + ": nested deeper than 64 levels"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.t = t
			b.ok(os.WriteFile(config, []byte(c.text), 0o600))
			b.refused("create "+id+": "+c.want, "create", id)
		})
	}
	t.Run("is too large", func(t *testing.T) {
		b.t = t
		b.ok(os.Truncate(config, 100_000_000))
		b.refused(fmt.Sprintf("create %s: %s: 100000000 bytes are more than the 16777216 that a config may have", id, config), "create", id)
	})
	t.Run("is a directory", func(t *testing.T) {
		b.t = t
		b.refused(fmt.Sprintf("create %s: %s: not a regular file", id, b.rootfs()), "create", "--config", "rootfs", id)
	})
	t.Run("is missing", func(t *testing.T) {
		b.t = t
		b.ok(os.Remove(config))
		b.refused(fmt.Sprintf("create %s: JSON specification file %s not found: make one with vial spec, or name its folder with --bundle", id, config), "create", id)
	})
	t.Run("has fields that nobody knows", func(t *testing.T) {
		b.t = t
		odd := strings.Replace(string(good), "{", `{"Annotations": {}, "vendor": {"a": [1]},`, 1)
		b.ok(os.WriteFile(config, []byte(odd), 0o600))
		warning := "vial: warning: config.json: field \"Annotations\" is taken for \"annotations\": some runtimes ignore it\n"
		b.says(b.vial("run", id), answer{stderr: warning})
	})
}

func TestBadID(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.writeSpec()
	long := strings.Repeat("a", 2000)
	charset := " has a character outside A-Z a-z 0-9 _.+-"
	for _, c := range []struct{ id, want string }{
		{"", `"": container id cannot be empty`},
		{"..", `"..": invalid container ID format: ".." starts with a dot`},
		{".hidden", `".hidden": invalid container ID format: ".hidden" starts with a dot`},
		{"a/b", `"a/b": invalid container ID format: "a/b"` + charset},
		{"../a", `"../a": invalid container ID format: "../a" starts with a dot`},
		{"a\nb", `"a\nb": invalid container ID format: "a\nb"` + charset},
		{"a\x1b[2J", `"a\x1b[2J": invalid container ID format: "a\x1b[2J"` + charset},
		{"größe", `"größe": invalid container ID format: "größe"` + charset},
		{long, `"` + long[:64] + `…": invalid container ID format: it has 2000 characters, and 240 are the most`},
	} {
		for _, command := range []string{"create", "run", "start", "state", "kill", "delete"} {
			b.refused(command+" "+c.want, command, c.id)
		}
	}
}

func TestIDIsInUse(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.created()
	for _, status := range []Status{Created, Running, Stopped} {
		switch status {
		case Running:
			b.ok(b.Start(id))
		case Stopped:
			pid := b.pid(id)
			b.ok(b.Kill(id, 9, FirstProcess))
			reap(pid)
		}
		if got := b.status(id); got != status {
			t.Fatalf("it is %s, not %s", got, status)
		}
		b.refused("create "+id+": container with given ID already exists", "create", id)
		b.refused("run "+id+": container with given ID already exists", "run", id)
	}
}

// TestCgroupIsInUse lets a container ask for the cgroup of another.
func TestCgroupIsInUse(t *testing.T) {
	b := newBed(t, "sleep")
	b.spec.Linux.CgroupsPath = "/" + prefix + "shared"
	b.writeSpec()
	b.created()
	before := b.picture()
	id := b.id()
	got := b.vial("create", id)
	if got.status != 1 || !strings.HasPrefix(got.stderr, "vial: create "+id+": linux.cgroupsPath: ") ||
		!strings.HasSuffix(got.stderr, ": container's cgroup is not empty: 1 process(es) found\n") {
		t.Errorf("got %+v", got)
	}
	b.unchanged(&before)
}
