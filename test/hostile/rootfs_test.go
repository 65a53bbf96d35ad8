package hostile

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// An object is a thing that an image's author can put at a path.
type object struct {
	name string
	put  func(a *attack, path string)
}

func link(to func(a *attack) string) func(*attack, string) {
	return func(a *attack, path string) { a.Link(to(a), path) }
}

func objects() []object {
	escape := strings.Repeat("../", 20)
	return []object{
		{"an absolute link to a directory", link(func(a *attack) string { return a.decoy.dir })},
		{"an absolute link to a file", link(func(a *attack) string { return a.decoy.path("file") })},
		{"a link that climbs out", link(func(a *attack) string { return escape + a.decoy.dir })},
		{"a link that climbs out to a file", link(func(a *attack) string { return escape + a.decoy.path("ptmx") })},
		{"a dangling link", link(func(a *attack) string { return a.decoy.path("new") })},
		{"a link to the root", link(func(*attack) string { return "/" })},
		{"a link to the working directory", link(func(*attack) string { return "." })},
		{"a magic link", link(func(*attack) string { return "/proc/self/root" })},
		{"a magic link to a descriptor", link(func(*attack) string { return "/proc/self/fd/3" })},
		{"a chain of links", func(a *attack, path string) {
			a.Link("chain1", path)
			_ = os.Symlink("chain2", filepath.Dir(path)+"/chain1")
			_ = os.Symlink(escape+a.decoy.dir, filepath.Dir(path)+"/chain2")
		}},
		{"a loop", func(a *attack, path string) { a.Link(filepath.Base(path), path) }},
		{"a fifo", func(a *attack, path string) { a.Fifo(path) }},
		{"a socket", node(unix.S_IFSOCK, 0)},
		{"a device", node(unix.S_IFCHR, unix.Mkdev(1, 5))},
		{"a block device", node(unix.S_IFBLK, unix.Mkdev(1, 3))},
		{"a file", func(a *attack, path string) { a.File(path, "file") }},
		{"a directory", func(a *attack, path string) { a.File(path+"/inside", "file") }},
		{"a hard link to a file outside", func(a *attack, path string) {
			a.Mkdir(filepath.Dir(path))
			a.Must(os.Link(a.Path("outside"), path))
		}},
		{"a mount", func(a *attack, path string) { a.Tmpfs(path) }},
	}
}

func node(kind uint32, number uint64) func(*attack, string) {
	return func(a *attack, path string) {
		a.Mkdir(filepath.Dir(path))
		a.Must(unix.Mknod(path, kind|0o666, int(number)))
	}
}

// shapes are configs in which the runtime touches different paths.
var shapes = []struct {
	name  string
	shape func(s *specs.Spec)
}{
	{"/dev is a tmpfs", func(*specs.Spec) {}},
	{"no mounts at all", func(s *specs.Spec) { s.Mounts = nil }},
	{"no mounts at all, read-only", func(s *specs.Spec) { s.Mounts, s.Root.Readonly = nil, true }},
}

// full asks for something at every place where the runtime goes.
func full(a *attack, shape func(*specs.Spec)) {
	shape(a.Spec)
	a.Spec.Process.Cwd = "/home/dir"
	a.Spec.Process.Env = []string{"PATH=/"}
	a.Spec.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/own/node", Type: "c", Major: 1, Minor: 3}, {Path: "/nodes/x", Type: "c", Major: 1, Minor: 3}}
	a.Spec.Linux.MaskedPaths = []string{"/masked/file", "/masked/dir"}
	a.Spec.Linux.ReadonlyPaths = []string{"/readonly/path"}
	a.Mount("/mnt/tmpfs/deep", "tmpfs", "deep")
	a.Mount("/mnt/copy", "tmpfs", "copy", "tmpcopyup")
	a.Bind(a.Mkdir(a.Path("given")), "/mnt/bind/dir")
	a.Bind(a.File(a.Path("givenfile"), "given"), "/mnt/bind/file")
	a.File(a.Path("outside"), "outside")
}

var (
	opened = regexp.MustCompile(`openat2\(root, "([^"]+)"`)
	inDev  = regexp.MustCompile(`(?:mknodat\(|openat2\(|unlinkat\(|symlinkat\("[^"]*", )dev, "([^"]+)"`)
)

// locations are the paths in the rootfs that the runtime opens or makes. They
// are read from the program itself, so that a path which the code comes to use
// one day is attacked from that day on.
func locations(t *testing.T) []string {
	t.Helper()
	found := map[string]bool{}
	for _, s := range shapes {
		a := newAttack(t)
		full(a, s.shape)
		listing := a.Listing()
		for _, m := range opened.FindAllStringSubmatch(listing, -1) {
			found[m[1]] = true
		}
		for _, m := range inDev.FindAllStringSubmatch(listing, -1) {
			found["dev/"+m[1]] = true
		}
	}
	// What lies below these is the kernel's once they are mounted.
	maps.DeleteFunc(found, func(path string, _ bool) bool {
		return path == "." || strings.HasPrefix(path, "proc/") || strings.HasPrefix(path, "sys/")
	})
	return slices.Sorted(maps.Keys(found))
}

// TestRootfsObjects puts every kind of object at every place where the runtime
// goes (CVE-2018-15664, 2019-18837, 2019-19921, 2024-45310, 2025-54867,
// 2026-41579, 2026-47766, 2026-88264 and their like).
func TestRootfsObjects(t *testing.T) {
	t.Parallel()
	paths := locations(t)
	for _, must := range []string{"proc", "dev", "dev/null", "dev/ptmx", "dev/pts", "etc/passwd", "home", "home/dir", "mnt/tmpfs", "nodes", "masked/file", "readonly/path"} {
		if !slices.Contains(paths, must) {
			t.Errorf("%s is not among the locations: %v", must, paths)
		}
	}
	n, every := 0, 1
	if bed.Slowly(1) > 1 {
		every = 5 // the number of objects is no multiple of it, so that each has its turn
	}
	for _, path := range paths {
		for _, o := range objects() {
			some := shapes
			if n++; n%every != 0 {
				continue
			}
			if bed.V2() {
				// Cgroups have no part in this: in a second setting it is enough
				// to see that it does not differ.
				some = shapes[n%len(shapes):][:1]
			}
			t.Run(path+": "+o.name, func(t *testing.T) {
				t.Parallel()
				for _, s := range some {
					a := newAttack(t)
					full(a, s.shape)
					o.put(a, a.In(path))
					at := "/" + path
					a.run("write", at, "x", "write", at+"/new", "x", "mkdir", at+"/newdir", "ls", at, "chmod", at, "777", "write", "here", "x")
					if text, err := os.ReadFile(a.Path("outside")); err != nil || string(text) != "outside" {
						// Only the container itself may have done that, through a link that it has.
						if o.name != "a hard link to a file outside" {
							t.Errorf("%s: the file outside is %q", s.name, text)
						}
					}
					if left, _ := os.ReadDir(a.Path("given")); len(left) > 0 && !strings.HasPrefix(path, "mnt/bind") && path != "mnt" {
						t.Errorf("%s: the bound directory has got %v", s.name, left)
					}
				}
			})
		}
	}
	t.Logf("%d locations, %d objects, %d configs", len(paths), len(objects()), len(shapes))
}
