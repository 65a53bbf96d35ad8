package cgroup

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/systemd"
)

// An Update changes limits of cgroups that exist.
type Update struct {
	plan      *Plan
	resources *specs.LinuxResources
	undo      []replaced
}

// NewUpdate decides what is to be written for the fields that are set in r, and
// whether these cgroups have what it takes. It touches nothing. Device rules are
// no limits and stay as they are.
func NewUpdate(paths map[string]string, r *specs.LinuxResources) (*Update, error) {
	p := &Plan{dirs: dirsOf(paths), leaf: -1}
	without := len(paths) == 0
	if err := p.convert(r, p.v2() || without); err != nil {
		return nil, err
	}
	if without {
		return &Update{plan: p}, p.disable(nil)
	}
	for i := range p.writes {
		p.writes[i].how &^= early
	}
	if !p.v2() && r.Memory != nil && r.Memory.DisableOOMKiller != nil && !*r.Memory.DisableOOMKiller {
		p.writes = append(p.writes, write{"memory", oomControlFile, "0", "memory.disableOOMKiller", 0})
	}
	have, where, err := p.controllers()
	if err != nil {
		return nil, err
	}
	if n := p.missing(have); n != nil {
		return nil, fmt.Errorf("%s%s: the controller %s does not reach %s", resources, n.field, n.controller, where)
	}
	return &Update{plan: p, resources: r}, nil
}

// dirsOf finds the hierarchies in the paths of a record.
func dirsOf(paths map[string]string) []dir {
	var list []dir
	at := func(path string) int {
		return slices.IndexFunc(list, func(d dir) bool { return d.Dir == path })
	}
	for controller, path := range paths {
		if controller == "" {
			continue
		}
		i := at(path)
		if i < 0 {
			i, list = len(list), append(list, dir{CgroupDir: host.CgroupDir{Dir: path}})
		}
		list[i].Controllers = append(list[i].Controllers, controller)
	}
	if path, ok := paths[""]; ok {
		list = append(list, dir{CgroupDir: host.CgroupDir{Dir: path}})
	}
	return list
}

// controllers are those that the cgroups have.
func (p *Plan) controllers() (have []string, where string, err error) {
	if !p.v2() {
		for _, d := range p.dirs {
			have = append(have, d.Controllers...)
		}
		return have, "the container: the host has no v1 hierarchy with it", nil
	}
	where = p.dirs[0].Dir
	text, err := readFile(where + "/cgroup.controllers")
	return strings.Fields(text), where, err
}

// Warnings are as those of a Plan.
func (u *Update) Warnings() []string { return u.plan.warnings }

// Apply writes the limits. If the kernel refuses one, those before it are put
// back as they were.
func (u *Update) Apply() error {
	w := u.plan.writer()
	defer w.close()
	w.undo = &u.undo
	if err := w.all(u.plan.writes); err != nil {
		if undo := u.Undo(); undo != nil {
			err = fmt.Errorf("%w; then, putting back what was there before: %v", err, undo)
		}
		return err
	}
	return nil
}

// Announce tells systemd, if the cgroups are a unit's, so that it does not come
// back to the old limits. It takes all of them or none. What it rounds is written
// to its files once more.
func (u *Update) Announce(bus systemd.Bus, unit string) error {
	if unit == "" {
		return nil
	}
	mode := host.V1
	if u.plan.v2() {
		mode = host.V2
	}
	if err := tellUnit(bus, unit, u.resources, mode); err != nil {
		return err
	}
	w := u.plan.writer()
	defer w.close()
	return w.all(slices.DeleteFunc(slices.Clone(u.plan.writes), func(one write) bool { return one.is(guard) }))
}

// Undo puts back what Apply has replaced, in the other order: each state on that
// way is one that the kernel has had before.
func (u *Update) Undo() error {
	var errs []error
	for _, r := range slices.Backward(u.undo) {
		errs = append(errs, r.restore())
	}
	u.undo = nil
	return errors.Join(errs...)
}

// A replaced value is what a file held before a write.
type replaced struct {
	dir  string
	made write
	text string
	err  error // why it is not known
}

func look(dir int, path string, w write) replaced {
	text, err := readAt(dir, w.file)
	return replaced{dir: path, made: w, text: text, err: err}
}

func (r replaced) restore() error {
	value, ok := r.made.before(r.text)
	if r.err != nil || !ok {
		return fmt.Errorf("%s%s: what %s/%s held before is not known", resources, r.made.field, r.dir, r.made.file)
	}
	fd, err := openAt(unix.AT_FDCWD, r.dir, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return errorAt("open", r.dir, err)
	}
	defer unix.Close(fd)
	return writeBeneath(fd, r.dir, r.made.file, value)
}

const oomControlFile = "memory.oom_control"

// before is what to write to make a file say again what it said before the
// write. Most files hold one value. Others have a line for each device, and a
// write changes one of them; a device without a line has no limit.
func (w write) before(text string) (value string, ok bool) {
	text = strings.TrimSpace(text)
	key, _, more := strings.Cut(w.value, " ")
	if w.file == oomControlFile { // oom_kill_disable 0
		first, _, _ := strings.Cut(text, "\n")
		_, value, ok = strings.Cut(first, " ")
		return value, ok
	}
	if more {
		for line := range strings.SplitSeq(text, "\n") {
			if name, _, found := strings.Cut(line, " "); found && name == key {
				return line, true
			}
		}
	}
	if _, _, device := parseDevice(key); device && more {
		return w.unlimited(key)
	}
	if first, _, several := strings.Cut(text, "\n"); several || strings.HasPrefix(text, "default ") {
		return first, strings.HasPrefix(first, "default ")
	}
	return text, true
}

// unlimited takes the line of a device out of a file.
func (w write) unlimited(device string) (string, bool) {
	switch base := w.file; {
	case base == "io.max":
		return device + " rbps=max wbps=max riops=max wiops=max", true
	case strings.HasPrefix(base, "blkio.throttle."):
		return device + " 0", true
	case strings.Contains(base, "weight"):
		return device + " default", true
	case base == "io.latency":
		return device + " target=0", true
	}
	return "", false
}
