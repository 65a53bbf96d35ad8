package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

func TestRootReadonly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		readonly bool
		want     string
	}{{"writable", false, ""}, {"read-only", true, "EROFS"}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Root.Readonly = c.readonly
			b.Mkdir(b.In("dir"))
			b.Mount("/made", "tmpfs", "tmpfs")
			r := b.Report("write", "/dir/x", "x", "mkdir", "/y", "write", "/made/x", "x", "report")
			same(t, "write", act(t, r, 0).Errno, c.want)
			same(t, "mkdir", act(t, r, 1).Errno, c.want)
			same(t, "write into a mount", act(t, r, 2).Errno, "")
			m, _ := bed.At(bed.Mounts(r.Process.Mountinfo), "/")
			same(t, "ro in mountinfo", m.Has("ro"), c.readonly)
			_, err := os.Stat(b.In("dir/x"))
			same(t, "on the host", err == nil, !c.readonly)
		})
	}
}

// TestRootfsPath looks at what may be a rootfs.
func TestRootfsPath(t *testing.T) {
	t.Parallel()
	t.Run("absolute", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Root.Path = b.Rootfs
		b.Process()
	})
	t.Run("a mount of its own, with what is mounted in it", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Must(os.Rename(b.In("probe"), b.Path("probe")))
		b.Tmpfs(b.Rootfs)
		text, err := os.ReadFile(b.Path("probe"))
		b.Must(err)
		b.Program(b.In("probe"), text)
		b.Tmpfs(b.In("inner"))
		b.File(b.In("inner/file"), "x")
		r := b.Report("read", "/inner/file")
		same(t, "a file of the inner mount", act(t, r, 0).Text, "x")
	})
	for _, c := range []struct {
		name, want string
		make       func(b *bed.Bundle, path string)
	}{
		{"missing", "does not exist", func(*bed.Bundle, string) {}},
		{"a file", "is no directory", func(b *bed.Bundle, path string) { b.File(path, "") }},
		{"a link", "is a symlink", func(b *bed.Bundle, path string) { b.Link(b.Rootfs, path) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			c.make(b, b.Path("other"))
			b.Spec.Root.Path = "other"
			b.Run("report").Fails("root.path: invalid rootfs: ", c.want)
		})
	}
	t.Run("the host's root", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Root.Path = "/"
		b.Run("report").Fails("root.path: invalid rootfs: / is the host's own root")
	})
}

func TestRootfsPropagation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, want string }{
		{"", "master"}, // as runc: what the host mounts later shows up, and nothing goes back
		{"private", ""}, {"rprivate", ""}, {"slave", "master"}, {"rslave", "master"},
		{"shared", "shared"}, {"rshared", "shared"}, {"unbindable", "unbindable"}, {"runbindable", "unbindable"},
	} {
		for _, own := range []bool{false, true} {
			t.Run(c.word+map[bool]string{true: ", a mount of its own"}[own], func(t *testing.T) {
				t.Parallel()
				b := bed.New(t)
				if own {
					text, err := os.ReadFile(b.In("probe"))
					b.Must(err)
					b.Tmpfs(b.Rootfs)
					b.Program(b.In("probe"), text)
				}
				b.Spec.Linux.RootfsPropagation = c.word
				b.Capabilities("CAP_SYS_ADMIN")
				b.Mkdir(b.In("mnt"))
				r := b.Report("report", "mount", "tmpfs", "/mnt")
				worked(t, r)
				root, _ := bed.At(bed.Mounts(r.Process.Mountinfo), "/")
				got := strings.Join(root.Propagation, " ")
				if c.want == "" && got != "" || !strings.HasPrefix(got, c.want) {
					t.Errorf("the root is %q, want %q", got, c.want)
				}
				// What the container mounts itself must never reach the host: see clean.
			})
		}
	}
}

func TestHostname(t *testing.T) {
	t.Parallel()
	t.Run("both names", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Hostname, b.Spec.Domainname = "a-name", "example.org"
		p := b.Process()
		same(t, "hostname", p.Hostname, "a-name")
		same(t, "domainname", p.Domainname, "example.org")
	})
	t.Run("as long as the kernel takes", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Hostname = strings.Repeat("h", 64)
		same(t, "hostname", b.Process().Hostname, b.Spec.Hostname)
	})
	t.Run("none: the host's", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Hostname = ""
		host, err := os.Hostname()
		b.Must(err)
		same(t, "hostname", b.Process().Hostname, host)
	})
	t.Run("not without a namespace of its own", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Namespaces("mount", "pid")
		b.Run("report").Fails("hostname: unable to set hostname without a private UTS namespace")
	})
}
