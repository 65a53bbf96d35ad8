package container

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestMakeTarget makes targets behind links of all sorts. The root lies in a
// directory that must stay as it is.
func TestMakeTarget(t *testing.T) {
	chain := map[string]string{}
	for i := range 40 {
		chain[fmt.Sprint("l", i)] = fmt.Sprint("l", i+1)
	}
	for _, c := range []struct {
		name  string
		links map[string]string
		path  string
		kind  uint32
		made  string // beneath the root
		err   error
	}{
		{"no link", nil, "a/b/c", unix.S_IFDIR, "a/b/c", nil},
		{"a file", nil, "a/b/c", unix.S_IFREG, "a/b/c", nil},
		{"that is there", nil, "file", unix.S_IFREG, "file", nil},
		{"absolute", map[string]string{"link": "/a/b"}, "link/c", unix.S_IFDIR, "a/b/c", nil},
		{"relative", map[string]string{"dir/link": "a/b"}, "dir/link", unix.S_IFREG, "dir/a/b", nil},
		{"out of the root", map[string]string{"link": "../../../outside/x"}, "link", unix.S_IFDIR, "outside/x", nil},
		{"out and back", map[string]string{"link": "a/../../../b/./c//"}, "link", unix.S_IFDIR, "b/c", nil},
		{"the root", map[string]string{"link": "/"}, "link/../x", unix.S_IFDIR, "x", nil},
		{"one after another", map[string]string{"link": "dir/other/y", "dir/other": "/x"}, "link/z", unix.S_IFREG, "x/y/z", nil},
		{"as many as the kernel takes", chain, "l0", unix.S_IFDIR, "l40", nil},
		{"too many", map[string]string{"loop": "dir/../loop"}, "loop", unix.S_IFDIR, "", unix.ELOOP},
		{"a directory where a file is", map[string]string{"link": "file"}, "link", unix.S_IFDIR, "", unix.ENOTDIR},
		{"below a file", map[string]string{"link": "file/x"}, "link", unix.S_IFREG, "", unix.ENOTDIR},
		{"a name too long", nil, strings.Repeat("x", 256), unix.S_IFDIR, "", unix.ENAMETOOLONG},
	} {
		t.Run(c.name, func(t *testing.T) {
			top := t.TempDir()
			root := filepath.Join(top, "p/root")
			err := errors.Join(os.MkdirAll(root+"/dir", 0o755), os.WriteFile(root+"/file", nil, 0o644))
			for name, to := range c.links {
				err = errors.Join(err, os.Symlink(to, filepath.Join(root, name)))
			}
			if err != nil {
				t.Fatal(err)
			}
			fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer unix.Close(fd)
			before := openDescriptors(t)
			if err := makeTarget(fd, c.path, c.kind); !errors.Is(err, c.err) || err != nil && c.err == nil {
				t.Errorf("%v, want %v", err, c.err)
			}
			if n := openDescriptors(t); n != before {
				t.Errorf("%d descriptors are left open", n-before)
			}
			var st unix.Stat_t
			if err := unix.Lstat(filepath.Join(root, c.made), &st); err != nil || c.err == nil && st.Mode&unix.S_IFMT != c.kind {
				t.Errorf("%s: mode %o, %v", c.made, st.Mode, err)
			}
			for dir, want := range map[string]string{top: "p", top + "/p": "root"} {
				entries, err := os.ReadDir(dir)
				if err != nil || len(entries) != 1 || entries[0].Name() != want {
					t.Errorf("%s has changed: %v, %v", dir, entries, err)
				}
			}
		})
	}
}

func openDescriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}
