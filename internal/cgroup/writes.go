package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A write is one value for one control file of the container's cgroup.
type write struct {
	controller string // that has the file; "" is cgroup2 itself
	file       string
	value      string
	field      string // whose value it is, below linux.resources
	how        how
}

// how says what else there is to a write.
type how uint8

const (
	// optional: where the file is missing there is nothing to limit.
	optional how = 1 << iota
	// tentative: EINVAL is no error yet. The value does not go with that of
	// another file which is still to be written; see again.
	tentative
	// again: only if the tentative write to the same file was refused.
	again
	// orNext: where the file is missing the next write is done, elsewhere not.
	orNext
	// early: Create has written it, because nothing can enter before.
	early
	// guard: nothing is written. The value must be more than the file holds.
	guard
)

// around writes values that the kernel checks against that of another file:
// before it, as far as the kernel takes them, or else after it. Either order is
// wrong for some old values, of which a new cgroup has none.
func around(middle write, list ...write) []write {
	list = wanted(list...)
	if middle.value == "" {
		return list
	}
	all := make([]write, 0, 2*len(list)+1)
	for _, w := range list {
		w.how |= tentative
		all = append(all, w)
	}
	all = append(all, middle)
	for _, w := range list {
		w.how |= again
		all = append(all, w)
	}
	return all
}

// wanted leaves out the writes of fields that are not set.
func wanted(list ...write) []write {
	return slices.DeleteFunc(list, func(w write) bool { return w.value == "" })
}

func (w write) is(h how) bool { return w.how&h != 0 }

// fail names the field.
func (w write) fail(err error) error {
	if strings.HasPrefix(w.field, "unified[") {
		return fmt.Errorf("%s%s: unable to set unified resource %q: %w", resources, w.field, w.file, err)
	}
	return fmt.Errorf("%s%s: %w", resources, w.field, err)
}

// A writer does writes. It keeps the directories open meanwhile.
type writer struct {
	*Plan
	open    []int // parallel to dirs; -1 is not open
	refused []string
	undo    *[]replaced // notes what was there before, if not nil
}

func (p *Plan) writer() *writer {
	w := &writer{Plan: p, open: make([]int, len(p.dirs))}
	for i := range w.open {
		w.open[i] = -1
	}
	return w
}

// setLimits does the writes of the plan, in order.
func (p *Plan) setLimits() error {
	if len(p.writes) == 0 {
		return nil
	}
	w := p.writer()
	defer w.close()
	return w.all(p.writes)
}

func (w *writer) all(list []write) error {
	skip := false
	for _, next := range list {
		if skip || next.is(early) {
			skip = skip && next.is(orNext)
			continue
		}
		done, err := w.do(next)
		if err != nil {
			return next.fail(err)
		}
		skip = done && next.is(orNext)
	}
	return nil
}

func (w *writer) close() {
	for _, fd := range w.open {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// do does one write and tells whether the kernel took it.
func (w *writer) do(next write) (bool, error) {
	if next.is(again) && !slices.Contains(w.refused, next.file) {
		return false, nil
	}
	dir, path, err := w.directory(next.controller)
	if err != nil {
		return false, err
	}
	if next.is(guard) {
		return true, watch(dir, next)
	}
	var before replaced
	if w.undo != nil {
		before = look(dir, path, next)
	}
	err = writeBeneath(dir, path, next.file, next.value)
	if err == nil && w.undo != nil {
		*w.undo = append(*w.undo, before)
	}
	switch {
	case next.is(optional|orNext) && errors.Is(err, unix.ENOENT):
		return false, nil
	case next.is(tentative) && errors.Is(err, unix.EINVAL):
		w.refused = append(w.refused, next.file)
		return false, nil
	case err != nil:
		return false, explain(path, next, err)
	}
	return true, nil
}

// directory is the container's cgroup that a controller's files are in.
func (w *writer) directory(controller string) (fd int, path string, err error) {
	i := 0
	if !w.v2() {
		i = slices.IndexFunc(w.dirs, func(d dir) bool { return slices.Contains(d.Controllers, controller) })
	}
	if i < 0 {
		return -1, "", fmt.Errorf("the host has no v1 hierarchy with the controller %s", controller)
	}
	path = w.dirs[i].Dir
	if w.open[i] < 0 {
		if w.open[i], err = openAt(unix.AT_FDCWD, path, unix.O_PATH|unix.O_DIRECTORY); err != nil {
			return -1, "", errorAt("open", path, err)
		}
	}
	return w.open[i], path, nil
}

// writeBeneath writes a file of a cgroup, and no other: parts of the name may
// come from the config.
func writeBeneath(dir int, path, file, value string) error {
	how := unix.OpenHow{
		Flags:   unix.O_WRONLY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV,
	}
	fd, err := retry(func() (int, error) { return unix.Openat2(dir, file, &how) })
	if err != nil {
		return errorAt("open", path+"/"+file, err)
	}
	defer unix.Close(fd)
	if _, err := retry(func() (int, error) { return unix.Write(fd, []byte(value)) }); err != nil {
		return errorAt("write", path+"/"+file, err)
	}
	return nil
}

// watch refuses a limit that is in use already. It looks as well as it can: what
// cannot be read refuses nothing.
func watch(dir int, w write) error {
	text, err := readAt(dir, w.file)
	if err != nil {
		return nil
	}
	usage, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return nil
	}
	if limit, err := strconv.ParseUint(w.value, 10, 64); err != nil || limit > usage {
		return nil
	}
	what := "memory"
	if w.field == "memory.swap" {
		what = "memory+swap"
	}
	return fmt.Errorf("rejecting %s limit %s <= usage %d", what, w.value, usage)
}
