package container

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// makeTargetFor is makeTarget for a mount of what source is open on.
func makeTargetFor(source, root int, unsafePath string) error {
	var st unix.Stat_t
	if err := unix.Fstat(source, &st); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	kind := st.Mode & unix.S_IFMT
	if kind != unix.S_IFDIR {
		kind = unix.S_IFREG
	}
	return makeTarget(root, unsafePath, kind)
}

// makeTarget makes what is missing at unsafePath, where links lead as they do for
// a process whose root is root: the directories on the way, and at its end a
// directory or an empty file, as kind says. The program can make what no link is
// in the way of; this is for links that lead nowhere yet.
//
// Each component is looked up alone, in the directory that the one before was
// found to be, and never followed: what a link says is taken apart here, and
// ".." goes back to a descriptor that is still held. So nothing can lead out,
// whoever changes the tree meanwhile. What was made is for the program to open
// beneath the root, which is where it learns whether it has been changed since.
func makeTarget(root int, unsafePath string, kind uint32) error {
	w := walk{dirs: []int{root}, left: strings.Split(unsafePath, "/"), kind: kind}
	defer func() {
		w.back(0)
	}()
	err := exactly(w.all)
	if err != nil {
		err = fmt.Errorf("make what /%s leads to: %w", unsafePath, err)
	}
	return err
}

// exactly calls f without the umask of the process, which is shared by its
// threads: so on a thread that has its own, and ends with f.
func exactly(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good
		err := unix.Unshare(unix.CLONE_FS)
		if err == nil {
			unix.Umask(0)
			err = f()
		}
		done <- err
	}()
	return <-done
}

// linkLimit is how many links one path may have (MAXSYMLINKS, linux/namei.h).
const linkLimit = 40

// A walk is on its way to a target.
type walk struct {
	dirs  []int // from the root to where it is
	left  []string
	links int
	kind  uint32 // of the last component
}

// here is the directory that the walk is in.
func (w *walk) here() int { return w.dirs[len(w.dirs)-1] }

// back goes back to so many steps from the root.
func (w *walk) back(steps int) {
	for len(w.dirs) > steps+1 {
		unix.Close(w.here())
		w.dirs = w.dirs[:len(w.dirs)-1]
	}
}

func (w *walk) all() error {
	for len(w.left) > 0 {
		name := w.left[0]
		w.left = w.left[1:]
		switch name {
		case "", ".":
		case "..":
			w.back(max(0, len(w.dirs)-2))
		default:
			if err := w.one(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// last tells whether nothing follows the component that was taken last.
func (w *walk) last() bool {
	for _, name := range w.left {
		if name != "" && name != "." {
			return false
		}
	}
	return true
}

// one goes into one component, or to where a link leads.
func (w *walk) one(name string) error {
	fd, err := itself(w.here(), name)
	if errors.Is(err, unix.ENOENT) {
		if err = w.make(name); err == nil {
			fd, err = itself(w.here(), name)
		}
	}
	if err != nil {
		return err
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		unix.Close(fd)
		return fmt.Errorf("fstat: %w", err)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		w.dirs = append(w.dirs, fd)
		return nil
	case unix.S_IFLNK:
		err = w.follow(fd)
	default:
		if !w.last() || w.kind == unix.S_IFDIR {
			err = fmt.Errorf("%q: %w", name, unix.ENOTDIR)
		}
	}
	unix.Close(fd)
	return err
}

// itself opens what name in dir is, without following it.
func itself(dir int, name string) (int, error) {
	fd, err := unix.Openat2(dir, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	})
	if err != nil {
		return -1, fmt.Errorf("openat2 %q: %w", name, err)
	}
	return fd, nil
}

// make makes a component that is missing. That somebody else was faster is for
// who opens it to judge.
func (w *walk) make(name string) error {
	var err error
	if !w.last() || w.kind == unix.S_IFDIR {
		err = unix.Mkdirat(w.here(), name, 0o755)
	} else {
		err = unix.Mknodat(w.here(), name, unix.S_IFREG|0o755, 0)
	}
	if err != nil && err != unix.EEXIST {
		return fmt.Errorf("make %q: %w", name, err)
	}
	return nil
}

// follow puts what the link says before what is left.
func (w *walk) follow(link int) error {
	if w.links++; w.links > linkLimit {
		return unix.ELOOP
	}
	text := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(link, "", text)
	if err != nil {
		return fmt.Errorf("readlinkat: %w", err)
	}
	if n > 0 && text[0] == '/' {
		w.back(0)
	}
	w.left = append(strings.Split(string(text[:n]), "/"), w.left...)
	return nil
}
