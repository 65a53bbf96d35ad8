package compile

import (
	"strings"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Targets are opened beneath the root with openat2(RESOLVE_IN_ROOT). Where one
// is missing, its components are made one by one with mkdirat on the descriptor
// of the one before, and what was made is opened without following a link: a
// container that shares the directory and swaps it gets an error, never a file
// outside (CVE-2021-30465, CVE-2024-45310).

// inRoot is a path of the container as openat2 takes it beneath the root.
func inRoot(unsafePath string) string {
	if p := strings.Trim(unsafePath, "/"); p != "" {
		return p
	}
	return "."
}

// dirTarget opens the directory at unsafePath, and makes it if it is missing.
func (c *compiler) dirTarget(unsafePath string, how program.How) program.Slot {
	if inRoot(unsafePath) == "." {
		c.Openat2(c.root.Content(), ".", how).Into(c.target)
		return c.target
	}
	done, missing := c.Label(), c.Label()
	c.Openat2(c.root.Content(), inRoot(unsafePath), how).Into(c.target).On(unix.ENOENT, missing).Then(done)
	c.Place(missing)
	parent, last := c.parents(inRoot(unsafePath))
	c.Mkdirat(parent.Content(), last, 0o755)
	c.Openat2(parent.Content(), last, program.DirBeneath).Into(c.target)
	c.closeParent(parent)
	c.Place(done)
	return c.target
}

// targetLike opens what is at unsafePath. If it is missing it is made: a directory
// if slot source is open on one, else an empty file.
func (c *compiler) targetLike(source program.Slot, unsafePath string, how program.How) program.Slot {
	if inRoot(unsafePath) == "." {
		return c.dirTarget(unsafePath, how)
	}
	done, missing, file, made := c.Label(), c.Label(), c.Label(), c.Label()
	c.Openat2(c.root.Content(), inRoot(unsafePath), how).Into(c.target).On(unix.ENOENT, missing).Then(done)
	c.Place(missing)
	parent, last := c.parents(inRoot(unsafePath))
	c.isDir(source, file)
	c.Mkdirat(parent.Content(), last, 0o755)
	c.Openat2(parent.Content(), last, program.DirBeneath).Into(c.target).Then(made)
	c.Place(file)
	c.emptyFile(parent, last)
	c.Place(made)
	c.closeParent(parent)
	c.Place(done)
	return c.target
}

// fileTarget opens the file at unsafePath itself, and makes an empty one if it
// is missing.
func (c *compiler) fileTarget(unsafePath string) program.Slot {
	done, missing := c.Label(), c.Label()
	how := program.InRoot
	how.Flags |= program.O_NOFOLLOW
	c.Openat2(c.root.Content(), inRoot(unsafePath), how).Into(c.target).On(unix.ENOENT, missing).Then(done)
	c.Place(missing)
	parent, last := c.parents(inRoot(unsafePath))
	c.emptyFile(parent, last)
	c.closeParent(parent)
	c.Place(done)
	return c.target
}

func (c *compiler) emptyFile(parent program.Slot, name string) {
	c.Mknodat(parent.Content(), name, unix.S_IFREG|0o755, 0)
	c.Openat2(parent.Content(), name, program.FileBeneath).Into(c.target)
}

// isDir goes on if slot s is open on a directory, else to notDir.
func (c *compiler) isDir(s program.Slot, notDir program.Target) {
	c.Faccessat2(s.Content(), ".", unix.F_OK, 0).On(unix.ENOTDIR, notDir)
}

// parents opens the directory that holds the last component of path, and makes
// what is missing on the way. The caller closes it with closeParent.
func (c *compiler) parents(path string) (parent program.Slot, last string) {
	parts := strings.Split(path, "/")
	parent = c.root
	next, other := c.dir, c.dir2
	for i, name := range parts[:len(parts)-1] {
		missing, there := c.Label(), c.Label()
		c.Openat2(c.root.Content(), strings.Join(parts[:i+1], "/"), program.DirInRoot).Into(next).On(unix.ENOENT, missing).Then(there)
		c.Place(missing)
		c.Mkdirat(parent.Content(), name, 0o755)
		c.Openat2(parent.Content(), name, program.DirBeneath).Into(next)
		c.Place(there)
		c.closeParent(parent)
		parent = next
		next, other = other, next
	}
	return parent, parts[len(parts)-1]
}

func (c *compiler) closeParent(parent program.Slot) {
	if parent != c.root {
		c.Close(parent)
	}
}
