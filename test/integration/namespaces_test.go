package integration

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// namespaceFiles are the names in /proc/self/ns of the spec's types.
var namespaceFiles = map[specs.LinuxNamespaceType]string{
	specs.PIDNamespace: "pid", specs.NetworkNamespace: "net", specs.MountNamespace: "mnt",
	specs.IPCNamespace: "ipc", specs.UTSNamespace: "uts", specs.CgroupNamespace: "cgroup",
}

// TestNamespaces asks for each kind beside the mount namespace, that a rootfs
// needs, and for all together: the process has those and no other.
func TestNamespaces(t *testing.T) {
	t.Parallel()
	cases := map[string][]specs.LinuxNamespaceType{
		"mount alone": {specs.MountNamespace},
		"all":         {specs.MountNamespace, specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.CgroupNamespace},
	}
	for kind, name := range namespaceFiles {
		if kind != specs.MountNamespace {
			cases[name] = []specs.LinuxNamespaceType{kind, specs.MountNamespace}
		}
	}
	for name, kinds := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Namespaces(kinds...)
			b.Spec.Hostname = ""
			if !slices.Contains(kinds, specs.PIDNamespace) {
				// A procfs belongs to a pid namespace: this one is the host's.
				b.Unmount("/proc")
				b.Bind("/proc", "/proc", "rbind", "ro")
			}
			p := b.Process()
			for kind, file := range namespaceFiles {
				host, err := os.Readlink("/proc/self/ns/" + file)
				b.Must(err)
				if own := p.Namespaces[file] != host; own != slices.Contains(kinds, kind) {
					t.Errorf("%s is %s inside and %s outside", kind, p.Namespaces[file], host)
				}
			}
			same(t, "pid 1", p.Pid == 1, slices.Contains(kinds, specs.PIDNamespace))
		})
	}
	t.Run("what a container without a pid namespace leaves running is killed", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Namespaces(specs.MountNamespace)
		b.Spec.Hostname = ""
		pid := b.Created("sleep")
		b.Vial("start", b.ID).OK()
		b.Vial("delete", "--force", b.ID).OK()
		b.NothingLeft()
		status, err := os.ReadFile("/proc/" + itoa(pid) + "/stat")
		if err == nil && !strings.Contains(string(status), ") Z ") {
			t.Errorf("process %d is left: %s", pid, status)
		}
	})
	t.Run("user is refused so far", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
		b.Run("report").Fails("linux.namespaces[5].type: not supported yet")
	})
	t.Run("joining is refused so far", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Linux.Namespaces[1].Path = "/proc/self/ns/net"
		b.Run("report").Fails("linux.namespaces[1].path: not supported yet")
	})
}

func TestNetwork(t *testing.T) {
	t.Parallel()
	t.Run("loopback is up", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		p := b.Process()
		if len(p.Interfaces) == 0 || p.Interfaces[0].Name != "lo" || !p.Interfaces[0].Up || p.Interfaces[0].Address != "127.0.0.1" {
			t.Errorf("interfaces are %+v", p.Interfaces)
		}
		for _, i := range p.Interfaces {
			if i.Up && i.Name != "lo" {
				t.Errorf("%s is up", i.Name)
			}
		}
	})
	t.Run("the host's without a namespace", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Namespaces(specs.PIDNamespace, specs.MountNamespace, specs.UTSNamespace, specs.IPCNamespace)
		names := readHost(t, "/proc/self/net/dev")
		for _, i := range b.Process().Interfaces {
			if !strings.Contains(names, i.Name+":") {
				t.Errorf("%s is not the host's", i.Name)
			}
		}
	})
}
