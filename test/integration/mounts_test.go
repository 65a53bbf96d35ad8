package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// mountAt is the mount that the process meets at a path.
func mountAt(t *testing.T, info, point string) bed.Mount {
	t.Helper()
	m, ok := bed.At(bed.Mounts(info), point)
	if !ok {
		t.Fatalf("nothing is mounted on %s:\n%s", point, info)
	}
	return m
}

func TestMountBind(t *testing.T) {
	t.Parallel()
	t.Run("a directory", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.Path("source/file"), "text")
		b.Bind(b.Path("source"), "/to")
		r := b.Report("read", "/to/file", "write", "/to/made", "x")
		same(t, "a file of it", act(t, r, 0).Text, "text")
		worked(t, r)
		if _, err := os.Stat(b.Path("source/made")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a file", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Bind(b.File(b.Path("source"), "text"), "/etc/conf/file")
		same(t, "the file", act(t, b.Report("read", "/etc/conf/file"), 0).Text, "text")
	})
	t.Run("a source from the bundle", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.Path("source/file"), "text")
		b.Bind("source", "/to")
		same(t, "a file of it", act(t, b.Report("read", "/to/file"), 0).Text, "text")
	})
	t.Run("type none", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/to", "none", b.File(b.Path("source"), "text"), "bind")
		same(t, "the file", act(t, b.Report("read", "/to"), 0).Text, "text")
	})
	t.Run("a device and a socket", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Bind("/dev/null", "/n")
		b.Must(unix.Mknod(b.Path("socket"), unix.S_IFSOCK|0o666, 0))
		b.Bind(b.Path("socket"), "/s")
		r := b.Report("stat", "/n", "stat", "/s", "openDevice", "/n", "rw")
		same(t, "the device", file(t, act(t, r, 0)).Type, "char")
		same(t, "the socket", file(t, act(t, r, 1)).Type, "socket")
		same(t, "reading the device", act(t, r, 2).Errno, "")
	})
	for _, c := range []struct{ option, inner string }{{"bind", ""}, {"rbind", "inner"}} {
		t.Run(c.option+" and what is mounted below", func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Tmpfs(b.Path("source/inner"))
			b.File(b.Path("source/inner/file"), "inner")
			b.Mount("/to", "bind", b.Path("source"), c.option)
			same(t, "the inner file", act(t, b.Report("read", "/to/inner/file"), 0).Text, c.inner)
		})
	}
	for _, c := range []struct{ options, want string }{
		{"", "ro,nosuid,nodev,noexec,nosymfollow,noatime"},
		{"rprivate", "ro,nosuid,nodev,noexec,nosymfollow,noatime"},
		{"dev", "rw,noatime"},
		{"ro", "ro,noatime"},
		{"dev,nodiratime", "rw,nodiratime,relatime"},
		{"dev,atime", "rw,noatime"}, // taken back is only what was asked for, as with mount(8)
		{"nosuid,relatime", "rw,nosuid,relatime"},
	} {
		t.Run("attributes of the source, and options "+c.options, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			source := b.Tmpfs(b.Path("source"))
			b.Must(unix.MountSetattr(unix.AT_FDCWD, source, 0, &unix.MountAttr{
				Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC |
					unix.MOUNT_ATTR_NOSYMFOLLOW | unix.MOUNT_ATTR_NOATIME,
				Attr_clr: unix.MOUNT_ATTR__ATIME,
			}))
			b.Bind(source, "/to", strings.FieldsFunc(c.options, func(r rune) bool { return r == ',' })...)
			m := mountAt(t, b.Process().Mountinfo, "/to")
			for _, option := range []string{"ro", "rw", "nosuid", "nodev", "noexec", "nosymfollow", "noatime", "relatime"} {
				if wanted := slices.Contains(strings.Split(c.want, ","), option); m.Has(option) != wanted {
					t.Errorf("it has %s, and %s is wanted: %v", m.Options, option, wanted)
				}
			}
		})
	}
	t.Run("a missing source is an error", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Bind("/nothing/there", "/to")
		b.Run("report").Fails("mounts[6]: mount /nothing/there on /to: open_tree: no such file or directory")
		if _, err := os.Lstat(b.In("to")); err == nil {
			t.Error("its target was made")
		}
	})
	t.Run("a directory on a file is an error", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.In("to"), "")
		b.Bind(b.Mkdir(b.Path("source")), "/to")
		b.Run("report").Fails("mounts[6]: mount ", " on /to: move_mount: ")
	})
}

// TestMountAttributes sets every attribute of a mount, on a bind mount and on a
// new filesystem, and takes it back.
func TestMountAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ options, has, hasNot string }{
		{"", "rw", "ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow"},
		{"ro", "ro", "rw"},
		{"ro,rw", "rw", "ro"},
		{"nosuid", "nosuid", ""}, {"nosuid,suid", "", "nosuid"},
		{"nodev", "nodev", ""}, {"nodev,dev", "", "nodev"},
		{"noexec", "noexec", ""}, {"noexec,exec", "", "noexec"},
		{"noatime", "noatime", "relatime"}, {"noatime,atime", "relatime", "noatime"},
		{"relatime", "relatime", "noatime"}, {"strictatime", "", "noatime,relatime"},
		{"nodiratime", "nodiratime", ""}, {"nodiratime,diratime", "", "nodiratime"},
		{"nosymfollow", "nosymfollow", ""}, {"nosymfollow,symfollow", "", "nosymfollow"},
		{"nosuid,nodev,noexec,ro,noatime", "ro,nosuid,nodev,noexec,noatime", "rw,relatime"},
	} {
		t.Run(c.options, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			var options []string
			if c.options != "" {
				options = strings.Split(c.options, ",")
			}
			b.Bind(b.Mkdir(b.Path("source")), "/bound", options...)
			b.Mount("/new", "tmpfs", "tmpfs", options...)
			p := b.Process()
			for _, point := range []string{"/bound", "/new"} {
				m := mountAt(t, p.Mountinfo, point)
				for option := range strings.SplitSeq(c.has, ",") {
					if option != "" && !m.Has(option) {
						t.Errorf("%s has %s, want %s in it", point, m.Options, option)
					}
				}
				for option := range strings.SplitSeq(c.hasNot, ",") {
					if m.Has(option) {
						t.Errorf("%s has %s, want no %s in it", point, m.Options, option)
					}
				}
			}
		})
	}
}

// TestMountRecursiveAttributes: an option with an r before it acts on what is
// mounted below too, the plain one on the top alone.
func TestMountRecursiveAttributes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ option, want, top, inner string }{
		{"ro", "ro", "yes", "no"}, {"rro", "ro", "yes", "yes"},
		{"nosuid", "nosuid", "yes", "no"}, {"rnosuid", "nosuid", "yes", "yes"},
		{"nodev", "nodev", "yes", "no"}, {"rnodev", "nodev", "yes", "yes"},
		{"noexec", "noexec", "yes", "no"}, {"rnoexec", "noexec", "yes", "yes"},
		{"noatime", "noatime", "yes", "no"}, {"rnoatime", "noatime", "yes", "yes"},
		{"nodiratime", "nodiratime", "yes", "no"}, {"rnodiratime", "nodiratime", "yes", "yes"},
		{"nosymfollow", "nosymfollow", "yes", "no"}, {"rnosymfollow", "nosymfollow", "yes", "yes"},
		{"rstrictatime", "relatime", "no", "no"},
	} {
		t.Run(c.option, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Tmpfs(b.Path("source"))
			b.Tmpfs(b.Path("source/inner"))
			b.Mount("/to", "bind", b.Path("source"), "rbind", c.option)
			p := b.Process()
			same(t, "the top's "+c.want, mountAt(t, p.Mountinfo, "/to").Has(c.want), c.top == "yes")
			same(t, "the inner one's "+c.want, mountAt(t, p.Mountinfo, "/to/inner").Has(c.want), c.inner == "yes")
			host := bed.Mounts(readHost(t, "/proc/self/mountinfo"))
			for _, path := range []string{"source", "source/inner"} {
				if m, _ := bed.At(host, b.Path(path)); m.Has("ro") || m.Has("noexec") {
					t.Errorf("the host's own mount has changed: %+v", m)
				}
			}
		})
	}
	for _, c := range []struct{ option, attribute string }{
		{"rrw", "ro"}, {"rsuid", "nosuid"}, {"rdev", "nodev"}, {"rexec", "noexec"},
		{"rdiratime", "nodiratime"}, {"rsymfollow", "nosymfollow"}, {"ratime", "noatime"},
	} {
		t.Run(c.option, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Tmpfs(b.Path("source"))
			b.Tmpfs(b.Path("source/inner"))
			b.Mount("/to", "bind", b.Path("source"), "rbind", "r"+c.attribute, c.option)
			p := b.Process()
			for _, point := range []string{"/to", "/to/inner"} {
				if m := mountAt(t, p.Mountinfo, point); m.Has(c.attribute) {
					t.Errorf("%s has %s, want no %s in it", point, m.Options, c.attribute)
				}
			}
		})
	}
}

func readHost(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestMountSuperblock sets flags of the filesystem itself.
func TestMountSuperblock(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ options, has, hasNot string }{
		{"sync", "sync", ""}, {"sync,async", "", "sync"}, {"dirsync", "dirsync", ""},
		{"lazytime", "lazytime", ""}, {"lazytime,nolazytime", "", "lazytime"},
		{"size=64k,mode=711", "size=64k,mode=711", ""}, {"size=64k,nr_inodes=9", "size=64k,nr_inodes=9", ""},
		{"silent,loud,defaults", "rw", ""},
	} {
		t.Run(c.options, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Mount("/to", "tmpfs", "tmpfs", strings.Split(c.options, ",")...)
			m := mountAt(t, b.Process().Mountinfo, "/to")
			for option := range strings.SplitSeq(c.has, ",") {
				if option != "" && !m.SuperHas(option) {
					t.Errorf("the filesystem has %s, want %s in it", m.Super, option)
				}
			}
			if c.hasNot != "" && m.SuperHas(c.hasNot) {
				t.Errorf("the filesystem has %s, want no %s in it", m.Super, c.hasNot)
			}
		})
	}
	t.Run("several in one word", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/to", "tmpfs", "tmpfs", "size=64k,mode=711")
		m := mountAt(t, b.Process().Mountinfo, "/to")
		same(t, "size and mode", m.SuperHas("size=64k") && m.SuperHas("mode=711"), true)
	})
	t.Run("versions of files", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/to", "ramfs", "ramfs", "iversion", "nosuid", "mode=711")
		r := b.Report("write", "/to/x", "x", "report")
		worked(t, r)
		same(t, "nosuid", mountAt(t, r.Process.Mountinfo, "/to").Has("nosuid"), true)
		same(t, "the kernel is told", strings.Contains(b.Listing(), "MS_I_VERSION"), true)
	})
	t.Run("one that the filesystem does not know", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/to", "tmpfs", "tmpfs", "nonsense=1")
		b.Run("report").Fails("mounts[6]: mount tmpfs on /to: ", "invalid argument")
	})
}

// TestMountPropagation binds mounts that the host shares.
func TestMountPropagation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ word, top, inner string }{
		{"private", "", "master"}, {"rprivate", "", ""},
		{"slave", "master", "master"}, {"rslave", "master", "master"},
		{"shared", "shared", "master"}, {"rshared", "shared", "shared"},
		{"unbindable", "unbindable", "master"}, {"runbindable", "unbindable", "unbindable"},
	} {
		t.Run(c.word, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Tmpfs(b.Path("source"))
			b.Tmpfs(b.Path("source/inner"))
			b.Mount("/to", "bind", b.Path("source"), "rbind", c.word)
			b.Mount("/new", "tmpfs", "tmpfs", c.word)
			p := b.Process()
			for point, want := range map[string]string{"/to": c.top, "/to/inner": c.inner} {
				m := mountAt(t, p.Mountinfo, point)
				if want == "" && len(m.Propagation) > 0 || want != "" && !m.Spreads(want) {
					t.Errorf("%s is %q, want %q", point, m.Propagation, want)
				}
			}
			// A new filesystem has no master.
			want := strings.TrimPrefix(c.top, "master")
			if m := mountAt(t, p.Mountinfo, "/new"); want != strings.Split(strings.Join(m.Propagation, " "), ":")[0] {
				t.Errorf("/new is %q, want %q", m.Propagation, want)
			}
		})
	}
	t.Run("a mount of the host's reaches a slave, and none goes back", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Tmpfs(b.Path("source"))
		b.Mkdir(b.Path("source/later"))
		b.Mkdir(b.Path("source/own"))
		b.Mount("/to", "bind", b.Path("source"), "rbind", "rslave")
		b.Capabilities("CAP_SYS_ADMIN")
		b.Created("mount", "tmpfs", "/to/own", "write", "/to/own/file", "x", "stat", "/to/later/file", "report")
		b.Tmpfs(b.Path("source/later"))
		b.File(b.Path("source/later/file"), "x")
		r := b.Started()
		worked(t, r)
		if _, err := os.Stat(b.Path("source/own/file")); err == nil {
			t.Error("the container's own mount is on the host")
		}
	})
}

// TestMountTargets: what is missing is made, in the container and nowhere else.
func TestMountTargets(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, destination, at string
		prepare               func(b *bed.Bundle)
	}{
		{"missing with its parents", "/a/b/c/d", "a/b/c/d", nil},
		{"with dots and slashes to spare", "//a/./b/../c//", "a/c", nil},
		{"relative", "a/b", "a/b", nil},
		{"below a link", "/link/x", "real/x", func(b *bed.Bundle) { b.Link("/real", b.In("link")); b.Mkdir(b.In("real")) }},
		{"a link", "/link", "real", func(b *bed.Bundle) { b.Link("/real", b.In("link")); b.Mkdir(b.In("real")) }},
		{"a link that climbs", "/link", "real", func(b *bed.Bundle) { b.Link("../../../real", b.In("link")); b.Mkdir(b.In("real")) }},
		{"a dangling link", "/link", "real", func(b *bed.Bundle) { b.Link("/real", b.In("link")) }},
		{"a dangling link to where parents are missing", "/link", "run/x/real", func(b *bed.Bundle) { b.Link("/run/x/real", b.In("link")) }},
		{"below a dangling link", "/link/x/y", "real/x/y", func(b *bed.Bundle) { b.Link("/real", b.In("link")) }},
		{"a dangling link below directories", "/a/b/link", "a/real", func(b *bed.Bundle) { b.Link("../real", b.In("a/b/link")) }},
		{"a dangling link that climbs", "/a/link", "etc/real", func(b *bed.Bundle) { b.Link("../../../../etc/./real", b.In("a/link")) }},
		{"a dangling link to a dangling link", "/link", "var/x/real", func(b *bed.Bundle) {
			b.Link("run/link", b.In("link"))
			b.Link("/var/x/y/../real", b.In("run/link"))
		}},
		{"a dangling link into a mount", "/link", "tmp/x/real", func(b *bed.Bundle) {
			b.Mount("/tmp", "tmpfs", "tmpfs")
			b.Link("/tmp/x/real", b.In("link"))
		}},
	} {
		for _, kind := range []string{"tmpfs", "bound directory", "bound file"} {
			t.Run(c.name+", "+kind, func(t *testing.T) {
				t.Parallel()
				b := bed.New(t)
				if c.prepare != nil {
					c.prepare(b)
					if kind == "bound file" && strings.HasPrefix(c.name, "a link") {
						b.Must(os.Remove(b.In("real")))
						b.File(b.In("real"), "")
					}
				}
				switch kind {
				case "tmpfs":
					b.Mount(c.destination, "tmpfs", "tmpfs")
				case "bound directory":
					b.Bind(b.Mkdir(b.Path("source")), c.destination)
				case "bound file":
					b.Bind(b.File(b.Path("source"), "text"), c.destination)
				}
				p := b.Run("report").WithWarnings().Process
				mountAt(t, p.Mountinfo, "/"+c.at)
				var st unix.Stat_t
				if strings.HasPrefix(c.at, "tmp/") {
					same(t, "in the rootfs itself", unix.Lstat(b.In("tmp/x"), &st), error(unix.ENOENT))
					return
				}
				b.Must(unix.Lstat(b.In(c.at), &st))
				want := uint32(unix.S_IFDIR | 0o755)
				if kind == "bound file" {
					want = unix.S_IFREG | st.Mode&0o777
				}
				same(t, "what was made", fmt.Sprintf("%o", st.Mode), fmt.Sprintf("%o", want))
			})
		}
	}
}

// TestMountTargetsInReadonly and what else there is to making targets.
func TestMountTargetsInReadonly(t *testing.T) {
	t.Parallel()
	t.Run("a loop of links is an error", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("loop", b.In("loop"))
		b.Mount("/loop/x", "tmpfs", "tmpfs")
		b.Run("report").Fails("mounts[6]: mount tmpfs on /loop/x: openat2: too many levels of symbolic links")
	})
	t.Run("what a dangling link leads to has its mode whatever vial's umask", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Umask = "077"
		b.Link("/a/b", b.In("link"))
		b.Link("/c/d", b.In("filelink"))
		b.Mount("/link/x", "tmpfs", "tmpfs")
		b.Bind(b.File(b.Path("source"), "text"), "/filelink")
		b.Process()
		for path, want := range map[string]uint32{"a": 0o40755, "a/b": 0o40755, "a/b/x": 0o40755, "c": 0o40755, "c/d": 0o100755} {
			var st unix.Stat_t
			b.Must(unix.Lstat(b.In(path), &st))
			same(t, path, st.Mode, want)
		}
	})
	t.Run("a dangling link to below a file is an error", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.In("file"), "text")
		b.Link("/file/x", b.In("link"))
		b.Mount("/link", "tmpfs", "tmpfs")
		b.Run("report").Fails("mounts[6]: mount tmpfs on /link: openat2: not a directory")
	})
	t.Run("a dangling link on the way to a device and to the working directory", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("/a", b.In("link"))
		b.Link("/w", b.In("home"))
		b.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/link/null", Type: "c", Major: 1, Minor: 3}}
		b.Spec.Process.Cwd = "/home/here"
		r := b.Report("lstat", "/a/null", "report")
		same(t, "the device", file(t, act(t, r, 0)).Type, "char")
		same(t, "the working directory", r.Process.Cwd, "/w/here")
	})
	t.Run("where copy-symlink puts a link", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("/a/b", b.In("link"))
		b.Link("some/where", b.Path("source"))
		b.Bind(b.Path("source"), "/link/copy", "copy-symlink")
		b.Bind(b.Path("source"), "/copy", "copy-symlink")
		r := b.Report("readlink", "/a/b/copy", "readlink", "/copy")
		same(t, "the links", act(t, r, 0).Text+" "+act(t, r, 1).Text, "some/where some/where")
	})
	t.Run("in a read-only rootfs a missing one is made", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Root.Readonly = true
		b.Mount("/a/b", "tmpfs", "tmpfs")
		mountAt(t, b.Process().Mountinfo, "/a/b")
	})
	t.Run("in a read-only tmpfs", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/a", "tmpfs", "tmpfs", "ro")
		b.Mount("/a/b/c", "tmpfs", "tmpfs", "mode=700")
		b.Mount("/a/d", "tmpfs", "tmpfs", "ro")
		b.Bind(b.File(b.Path("source"), "text"), "/a/d/file")
		r := b.Report("report", "mkdir", "/a/x", "mkdir", "/a/d/x", "mkdir", "/a/b/c/x", "read", "/a/d/file")
		for i, want := range []string{"EROFS", "EROFS", "", ""} {
			same(t, fmt.Sprint(act(t, r, i).Do), act(t, r, i).Errno, want)
		}
	})
	t.Run("the last of two on one place wins", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/a", "tmpfs", "tmpfs", "mode=700")
		b.Mount("/a", "tmpfs", "tmpfs", "mode=711")
		same(t, "the mode", file(t, act(t, b.Report("stat", "/a"), 0)).Mode, 0o711)
	})
}

// TestMountTargetsAtOnce makes containers at once in one rootfs that has none of
// their targets yet.
func TestMountTargetsAtOnce(t *testing.T) {
	t.Parallel()
	first := bed.New(t)
	rootfs := first.Path("shared")
	made := make([]*bed.Bundle, 6)
	for i := range made {
		b := first.Beside()
		b.Spec.Root.Path = rootfs
		b.Spec.Process.Cwd = "/some/where"
		b.Spec.Process.Args = []string{"/probe", "print", "made"}
		b.Mount("/a/b/c", "tmpfs", "tmpfs")
		b.Mount("/link/x", "tmpfs", "tmpfs")
		b.Bind(b.File(b.Path("source"), "text"), "/etc/file")
		made[i] = b
	}
	for range 4 {
		first.Must(os.RemoveAll(rootfs))
		first.Mkdir(rootfs)
		first.Must(os.Link(bed.Probe(), rootfs+"/probe"))
		first.Link("/run/there", rootfs+"/link")
		running := make([]*bed.Process, len(made))
		for i, b := range made {
			running[i] = b.Start()
		}
		for i, p := range running {
			if r := p.Wait(); r.Status != 0 {
				t.Errorf("%s: status %d: %s", made[i].ID, r.Status, r.Stderr)
			}
		}
	}
}

func TestMountLinks(t *testing.T) {
	t.Parallel()
	t.Run("copy-symlink makes the link itself", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("some/where", b.Path("source"))
		b.Bind(b.Path("source"), "/etc/link", "copy-symlink")
		same(t, "the link", act(t, b.Report("readlink", "/etc/link"), 0).Text, "some/where")
	})
	t.Run("a link as source is followed", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.Path("real"), "text")
		b.Link("real", b.Path("source"))
		b.Bind(b.Path("source"), "/file")
		same(t, "the file", act(t, b.Report("read", "/file"), 0).Text, "text")
	})
	t.Run("src-nofollow binds the link itself", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Link("some/where", b.Path("source"))
		b.Link("else/where", b.In("link"))
		b.Bind(b.Path("source"), "/link", "src-nofollow", "dest-nofollow")
		same(t, "the link", act(t, b.Report("readlink", "/link"), 0).Text, "some/where")
	})
}

// TestMountLongOptions: fsconfig(2) takes 255 bytes a value.
func TestMountLongOptions(t *testing.T) {
	t.Parallel()
	layers := func(b *bed.Bundle, n int) string {
		var dirs []string
		for i := range n {
			dir := b.Path("layers", fmt.Sprint(i, strings.Repeat("x", 40)))
			b.File(filepath.Join(dir, fmt.Sprint("file", i)), fmt.Sprint(i))
			dirs = append(dirs, dir)
		}
		return strings.Join(dirs, ":")
	}
	t.Run("overlay", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		lower := layers(b, 8)
		upper, work := b.Mkdir(b.Path("upper")), b.Mkdir(b.Path("work"))
		b.Mount("/over", "overlay", "overlay", "nosuid", "noatime", "lowerdir="+lower, "upperdir="+upper, "workdir="+work)
		r := b.Report("read", "/over/file0", "read", "/over/file7", "write", "/over/new", "x", "report")
		worked(t, r)
		m := mountAt(t, r.Process.Mountinfo, "/over")
		same(t, "its type", m.Type, "overlay")
		same(t, "nosuid and noatime", m.Has("nosuid") && m.Has("noatime"), true)
		if _, err := os.Stat(b.Path("upper/new")); err != nil {
			t.Error(err)
		}
	})
	t.Run("a short one", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.Path("l/file"), "l")
		b.File(b.Path("m/file2"), "m")
		b.Mount("/over", "overlay", "overlay", "ro", "lowerdir="+b.Path("l")+":"+b.Path("m"))
		r := b.Report("read", "/over/file", "read", "/over/file2", "write", "/over/new", "x")
		same(t, "both layers", act(t, r, 0).Text+act(t, r, 1).Text, "lm")
		same(t, "writing", act(t, r, 2).Errno, "EROFS")
	})
	t.Run("a read-only long one", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		upper, work := b.Mkdir(b.Path("upper")), b.Mkdir(b.Path("work"))
		b.Mount("/over", "overlay", "overlay", "ro", "lowerdir="+layers(b, 8), "upperdir="+upper, "workdir="+work)
		same(t, "writing", act(t, b.Report("write", "/over/new", "x"), 0).Errno, "EROFS")
	})
	t.Run("more than a page is refused, not cut", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/over", "overlay", "overlay", "lowerdir="+layers(b, 60))
		b.Run("report").Fails("mounts[6].options: ", "mount(2) takes 4095")
	})
}
