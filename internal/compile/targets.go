package compile

import (
	"path"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Targets are opened beneath the root with openat2(RESOLVE_IN_ROOT). Where one
// is missing, its components are made one by one with mkdirat on the descriptor
// of the one before, and what was made is opened without following a link: a
// container that shares the directory and swaps it gets an error, never a file
// outside (CVE-2021-30465, CVE-2024-45310).
//
// A component that can neither be opened nor made is a link that leads nowhere
// yet, such as /etc/resolv.conf to what is missing in /run, or somebody else has
// made it just now. A list of calls cannot take apart what a link says, so the
// parent is asked to make what it leads to (RequestDirectory, RequestTarget);
// then the target is opened beneath the root as ever.

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
	m := c.missing(unsafePath, how)
	m.parents()
	m.ends(m.directory())
	return m.finish()
}

// dirTargetMode is dirTarget, and has the parent write the mode of a directory that
// is there already into buffer. unsafePath is not the root.
func (c *compiler) dirTargetMode(unsafePath string, how program.How, buffer program.Arg, size int) program.Slot {
	m, missing := c.making(unsafePath, how), c.Label()
	c.Openat2(c.root.Content(), m.path, how).Into(c.target).On(unix.ENOENT, missing)
	c.request(program.RequestMode, buffer, size, c.target).Then(m.done)
	c.Place(missing)
	m.parents()
	m.ends(m.directory())
	return m.finish()
}

// targetLike opens what is at unsafePath. If it is missing it is made: a directory
// if slot source is open on one, else an empty file.
func (c *compiler) targetLike(source program.Slot, unsafePath string, how program.How) program.Slot {
	if inRoot(unsafePath) == "." {
		return c.dirTarget(unsafePath, how)
	}
	m := c.missing(unsafePath, how, source)
	m.parents()
	file := c.Label()
	c.isDir(source, file)
	m.directory().Then(m.end)
	c.Place(file)
	m.ends(m.emptyFile())
	return m.finish()
}

// fileTarget opens the file at unsafePath itself, and makes an empty one if it
// is missing, for a mount of the file that slot source is open on. Of what is
// there already it asks the parent, if check is not zero.
func (c *compiler) fileTarget(source program.Slot, unsafePath string, check program.RequestKind) program.Slot {
	how := program.InRoot
	how.Flags |= program.O_NOFOLLOW
	m, missing := c.making(unsafePath, how, source), c.Label()
	last := c.Openat2(c.root.Content(), m.path, how).Into(c.target).On(unix.ENOENT, missing)
	if check != 0 {
		buffer, size := c.answer()
		last = c.request(check, buffer, size, c.target, source)
	}
	last.Then(m.done)
	c.Place(missing)
	m.parents()
	m.ends(m.emptyFile())
	return m.finish()
}

// isDir goes on if slot s is open on a directory, else to notDir.
func (c *compiler) isDir(s program.Slot, notDir program.Target) {
	c.Faccessat2(s.Content(), ".", unix.F_OK, 0).On(unix.ENOTDIR, notDir)
}

// A making is a target that is made where it is missing.
type making struct {
	*compiler
	path   string // beneath the root
	how    program.How
	strict bool           // no link is followed
	like   []program.Slot // what the target is for; none for a directory
	parent program.Slot   // open on the directory that holds the last component

	end   program.Target    // where a target that was made leads: parent is closed
	done  program.Target    // the target is open
	taken [3]program.Target // where a name that is taken leads, if root, dir or dir2 is open
}

// missing opens the target, and goes on if it is missing.
func (c *compiler) missing(unsafePath string, how program.How, like ...program.Slot) *making {
	m, missing := c.making(unsafePath, how, like...), c.Label()
	c.Openat2(c.root.Content(), m.path, how).Into(c.target).On(unix.ENOENT, missing).Then(m.done)
	c.Place(missing)
	return m
}

func (c *compiler) making(unsafePath string, how program.How, like ...program.Slot) *making {
	m := &making{compiler: c, path: inRoot(unsafePath), how: how, like: like, done: c.Label()}
	m.strict = how.Resolve&unix.RESOLVE_NO_SYMLINKS != 0 || c.linkless("/"+m.path)
	return m
}

// parents opens the directory that holds the last component of the path, and
// makes what is missing on the way.
func (m *making) parents() {
	parts := strings.Split(m.path, "/")
	m.parent = m.root
	next, other := m.dir, m.dir2
	for i, name := range parts[:len(parts)-1] {
		missing, there := m.Label(), m.Label()
		m.Openat2(m.root.Content(), strings.Join(parts[:i+1], "/"), program.DirInRoot).Into(next).On(unix.ENOENT, missing).Then(there)
		m.Place(missing)
		m.unlessTaken(m.Mkdirat(m.parent.Content(), name, 0o755))
		m.Openat2(m.parent.Content(), name, program.DirBeneath).Into(next)
		m.Place(there)
		if m.parent != m.root {
			m.Close(m.parent)
		}
		m.parent = next
		next, other = other, next
	}
	m.end = m.done
	if m.parent != m.root {
		m.end = m.Label()
	}
}

// linkless tells whether unsafePath lies on a filesystem that the program has
// just made, or that is the kernel's: there is no link that anybody else made.
func (c *compiler) linkless(unsafePath string) bool {
	linkless := false
	for _, m := range c.cfg.Mounts {
		if m.CopySymlink {
			return false
		}
		if m.Kind != config.KindRemount && strings.HasPrefix(unsafePath, m.Destination+"/") {
			linkless = m.Kind != config.KindBind && m.Kind != config.KindOther && !m.CopyUp
		}
	}
	return linkless
}

// unlessTaken is for a call that makes something in parent. Where no link can be
// in the way somebody else has just made the same, and it will be opened like
// what was made, without following anything.
func (m *making) unlessTaken(call *program.Call) {
	if m.strict {
		m.ignoring(unix.EEXIST, call)
		return
	}
	i := slices.Index(m.open(), m.parent)
	if m.taken[i] == 0 {
		m.taken[i] = m.Label()
	}
	call.On(unix.EEXIST, m.taken[i])
}

func (m *making) open() []program.Slot { return []program.Slot{m.root, m.dir, m.dir2} }

// directory makes the last component and opens it.
func (m *making) directory() *program.Call {
	name := path.Base(m.path)
	m.unlessTaken(m.Mkdirat(m.parent.Content(), name, 0o755))
	return m.Openat2(m.parent.Content(), name, program.DirBeneath).Into(m.target)
}

func (m *making) emptyFile() *program.Call {
	name := path.Base(m.path)
	m.unlessTaken(m.Mknodat(m.parent.Content(), name, unix.S_IFREG|0o755, 0))
	return m.Openat2(m.parent.Content(), name, program.FileBeneath).Into(m.target)
}

// ends is for the last call that makes the target.
func (m *making) ends(call *program.Call) {
	if m.parent == m.root && m.taken != [3]program.Target{} {
		call.Then(m.done)
	}
}

// finish closes what is still open, and asks the parent for what the program
// could not make.
func (m *making) finish() program.Slot {
	asks := m.taken != [3]program.Target{}
	if m.parent != m.root {
		m.Place(m.end)
		if last := m.Close(m.parent); asks {
			last.Then(m.done)
		}
	}
	if asks {
		m.ask()
	}
	m.Place(m.done)
	return m.target
}

// ask is where a name that is taken leads.
func (m *making) ask() {
	known := m.Label()
	for i, s := range m.open() {
		if i == 0 || m.taken[i] == 0 {
			continue
		}
		m.Place(m.taken[i])
		if last := m.Close(s); i == 1 && m.taken[2] != 0 {
			last.Then(known)
		}
	}
	m.Place(known)
	if m.taken[0] != 0 {
		m.Place(m.taken[0])
	}
	kind := program.RequestDirectory
	if len(m.like) > 0 {
		kind = program.RequestTarget
	}
	buffer, size := m.answer()
	m.requestAt(m.path, kind, buffer, size, append([]program.Slot{m.root}, m.like...)...)
	m.Openat2(m.root.Content(), m.path, m.how).Into(m.target)
}
