package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/systemd"
)

// A unit is the scope that systemd keeps a container's cgroup for. systemd alone
// makes and removes cgroups in its hierarchy; below the scope, which is delegated,
// it touches nothing. A scope begins with a process that exists.
type unit struct {
	name       string
	slice      string
	properties []property
	asked      bool // systemd may have it by now
	bus        systemd.Bus
	conn       *systemd.Conn
}

// A property of the unit, and the field that it comes from: below linux.resources,
// the key of an annotation, or nothing.
type property struct {
	systemd.Property
	field string
	since int // the version of systemd that has it; 0 for every one
}

// defaultSlice is where containers are whose config names no slice.
const defaultSlice = "system.slice"

// parseUnit reads linux.cgroupsPath in the form that systemd's driver has.
func parseUnit(text, id string) (*unit, error) {
	if text == "" {
		return &unit{name: escapeUnit("vial-"+id) + ".scope", slice: defaultSlice}, nil
	}
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return nil, fmt.Errorf(pathField+`: expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got %q instead`, text)
	}
	slice, prefix, name := parts[0], parts[1], parts[2]
	if slice == "" {
		slice = defaultSlice
	}
	switch {
	case name == "":
		return nil, fmt.Errorf("%s: %q: the name after the second colon is empty", pathField, text)
	case strings.HasSuffix(name, ".slice"):
		return nil, fmt.Errorf("%s: %q names a slice, which holds no processes of its own: name a scope", pathField, text)
	}
	if prefix != "" {
		name = prefix + "-" + name
	}
	name += ".scope"
	// Names of units, systemd.unit(5); they become names of directories.
	if len(name) > 255 || strings.Trim(name, unitLetters) != "" {
		return nil, fmt.Errorf("%s: %q is no name of a unit: it may have 255 letters, digits and any of :-_.\\@", pathField, name)
	}
	if _, err := expandSlice(slice); err != nil {
		return nil, err
	}
	return &unit{name: name, slice: slice}, nil
}

const unitLetters = `abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\@`

// escapeUnit writes what cannot stand in a unit's name as systemd-escape(1) does.
func escapeUnit(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(unitLetters, name[i]) < 0 {
			fmt.Fprintf(&b, `\x%02x`, name[i])
			continue
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// expandSlice is the path of a slice's cgroup: a-b.slice lies in a.slice
// (systemd.slice(5)), and -.slice is the root of all.
func expandSlice(slice string) (string, error) {
	name, ok := strings.CutSuffix(slice, ".slice")
	if name == "-" && ok {
		return "/", nil
	}
	bad := !ok || len(slice) > 255 || strings.Trim(name, unitLetters) != ""
	dir, prefix := "", ""
	for part := range strings.SplitSeq(name, "-") {
		bad = bad || part == ""
		dir += "/" + prefix + part + ".slice"
		prefix += part + "-"
	}
	if bad {
		return "", fmt.Errorf("%s: invalid slice name: %q: want one such as machine.slice or a-b.slice", pathField, slice)
	}
	return dir, nil
}

// planUnit decides the unit, and the directories that systemd makes for it.
func (p *Plan) planUnit(facts *host.Facts, spec *specs.Spec, id string, r *specs.LinuxResources) error {
	u, err := parseUnit(cgroupsPath(spec), id)
	if err != nil {
		return err
	}
	list, err := unitProperties(r, facts.Cgroup)
	if err == nil {
		if facts.Cgroup != host.V2 {
			list = append(list, deviceProperties(p.rules)...)
		}
		err = u.describe(spec, id, append(list, oomPolicy(r)...), facts.Cgroup == host.V2)
	}
	if err != nil {
		return err
	}
	slice, err := expandSlice(u.slice)
	if err != nil {
		return err
	}
	p.unit = u
	p.dirs, err = place(facts, path.Join(slice, u.name), id, nil)
	return err
}

const annotation = "org.systemd.property."

// annotated are the properties that annotations ask for, in the order of their
// names.
func annotated(annotations map[string]string) ([]property, error) {
	var list []property
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		name, ok := strings.CutPrefix(key, annotation)
		if !ok {
			continue
		}
		field := "annotations[" + strconv.Quote(key) + "]"
		switch {
		case len(name) < 3:
			return nil, fmt.Errorf("%s: annotation %s name incorrect: too short", field, key)
		case strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") != "":
			return nil, fmt.Errorf("%s: annotation %s name incorrect: contains non-alphabetic character", field, key)
		case name == "Slice" || name == "PIDs" || name == "PIDFDs" || name == "Delegate" || name == "DelegateSubgroup":
			return nil, fmt.Errorf("%s: %s is not for an annotation to set: linux.cgroupsPath and vial decide it", field, name)
		}
		value, err := systemd.ParseText(annotations[key])
		if err == nil {
			name, value, err = inMicroseconds(name, value)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: annotation %s=%s value parse error: %w", field, key, annotations[key], err)
		}
		list = append(list, property{systemd.Property{Name: name, Value: value}, field, 0})
	}
	return list, nil
}

// unitless tells of the same annotations where there is no unit.
func unitless(annotations map[string]string) []string {
	var list []string
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		if strings.HasPrefix(key, annotation) {
			list = append(list, "annotations["+strconv.Quote(key)+"] is ignored: there is no unit without --systemd-cgroup")
		}
	}
	return list
}

// inMicroseconds turns TimeoutStopSec, as it is documented, into TimeoutStopUSec,
// as it is on D-Bus.
func inMicroseconds(name string, value systemd.Value) (string, systemd.Value, error) {
	short, ok := strings.CutSuffix(name, "Sec")
	if !ok || short == "" || short[len(short)-1] < 'a' || short[len(short)-1] > 'z' {
		return name, value, nil
	}
	value, err := value.Microseconds()
	return short + "USec", value, err
}

// describe decides all properties of the unit but its first process.
func (u *unit) describe(spec *specs.Spec, id string, resources []property, v2 bool) error {
	io := "BlockIOAccounting"
	if v2 {
		io = "IOAccounting"
	}
	u.set("Description", systemd.String("vial container "+id))
	u.set("Slice", systemd.String(u.slice))
	u.set("Delegate", systemd.Bool(true))
	// systemd would stop the container with the host's other services otherwise,
	// and order it after what no container needs.
	u.set("DefaultDependencies", systemd.Bool(false))
	// One that has failed, as by a kill for want of memory, is forgotten too.
	u.set("CollectMode", systemd.String("inactive-or-failed"))
	for _, name := range [...]string{"MemoryAccounting", "CPUAccounting", io, "TasksAccounting"} {
		u.set(name, systemd.Bool(true))
	}
	asked, err := annotated(spec.Annotations)
	u.properties = slices.Concat(u.properties, resources, asked)
	return err
}

func (u *unit) set(name string, value systemd.Value) {
	u.properties = append(u.properties, property{Property: systemd.Property{Name: name, Value: value}})
}

// Connect sees to it that systemd can be reached, before anything is made. It is
// nothing without a unit.
func (p *Plan) Connect(bus systemd.Bus) error {
	if p.unit == nil {
		return nil
	}
	p.unit.bus = bus
	if bus.Address == "" && !systemd.Running() {
		return errors.New("systemd not running on this host, cannot use systemd cgroups manager: leave --systemd-cgroup out to manage cgroups through the filesystem")
	}
	var err error
	p.unit.conn, err = systemd.Connect(bus, p.unit.name)
	return err
}

// Disconnect ends what Connect began.
func (p *Plan) Disconnect() {
	if p.unit != nil && p.unit.conn != nil {
		p.unit.conn.Close()
		p.unit.conn = nil
	}
}

// Unit is the name of the container's unit, "" without one.
func (p *Plan) Unit() string {
	if p.unit == nil {
		return ""
	}
	return p.unit.name
}

// Adopt has systemd make the unit around a process, which waits for it, and sets
// the limits. All that systemd can be told goes into the call that makes it, so
// that there is no moment without, and systemd knows it when it writes the files
// anew (systemctl daemon-reload).
func (p *Plan) Adopt(pid int) error {
	if err := p.unit.start(pid); err != nil {
		return err
	}
	if err := p.settle(pid); err != nil {
		return err
	}
	return p.Set()
}

func (u *unit) start(pid int) error {
	list, err := available(u.conn, u.properties)
	if err != nil {
		return fmt.Errorf("%s: %w", pathField, err)
	}
	list = append(list, systemd.Property{Name: "PIDs", Value: systemd.Array("u", systemd.Uint32(uint32(pid)))})
	u.asked = true
	err = u.conn.StartTransient(list)
	if refusal := (*systemd.Refusal)(nil); errors.As(err, &refusal) {
		u.asked = false // one of that name may be somebody else's
	}
	if err != nil {
		return refused(err, u.properties)
	}
	return nil
}

// available leaves out what the host's systemd is too old for: it is in the
// files of the cgroup nevertheless.
func available(conn *systemd.Conn, properties []property) ([]systemd.Property, error) {
	version := -1
	list := make([]systemd.Property, 0, len(properties)+1)
	for _, one := range properties {
		if one.since > 0 && version < 0 {
			var err error
			if version, err = conn.Version(); err != nil {
				return nil, err
			}
		}
		if one.since <= version || one.since == 0 {
			list = append(list, one.Property)
		}
	}
	return list, nil
}

// refused finds the field that systemd does not like: what it says names the
// property.
func refused(err error, properties []property) error {
	refusal := (*systemd.Refusal)(nil)
	if !errors.As(err, &refusal) {
		return fmt.Errorf("%s: %w", pathField, err)
	}
	if refusal.Name == systemd.UnitExists {
		return fmt.Errorf("%s: %w: choose another name, or see systemctl status and systemctl reset-failed", pathField, err)
	}
	for _, one := range slices.Backward(properties) {
		if one.field != "" && names(refusal.Text, one.Name) {
			field := one.field
			if !strings.HasPrefix(field, "annotations[") {
				field = resources + field
			}
			return fmt.Errorf("%s: %w", field, err)
		}
	}
	return fmt.Errorf("%s: %w", pathField, err)
}

// names tells whether a text has a property's name as a word. systemd says
// CPUQuota of CPUQuotaPerSecUSec, and TimeoutStopSec of TimeoutStopUSec.
func names(text, property string) bool {
	candidates := []string{property}
	for _, suffix := range []string{"USec", "PerSecUSec"} {
		if short, ok := strings.CutSuffix(property, suffix); ok {
			candidates = append(candidates, short, short+"Sec")
		}
	}
	for word := range strings.FieldsFuncSeq(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) {
		if slices.Contains(candidates, word) {
			return true
		}
	}
	return false
}

// settle goes on where systemd stops: it knows the controllers of v2 but
// hugetlb, rdma and misc, and of v1 not even all of those that limits are for.
func (p *Plan) settle(pid int) error {
	if err := p.arrived(pid); err != nil {
		return err
	}
	if p.v2() {
		return p.enable()
	}
	for i := range p.dirs {
		d := &p.dirs[i]
		fresh, err := p.mkdir(d.Dir, d.root)
		if err == nil && slices.Contains(d.Controllers, "cpuset") {
			err = d.fillCpuset(fresh, p.writes)
		}
		if err == nil {
			err = writeFile(d.Dir+"/cgroup.procs", strconv.Itoa(pid))
		}
		if err != nil {
			return fmt.Errorf("%s: %w", pathField, err)
		}
	}
	return nil
}

// arrived sees to it that systemd has put the process where the record says: a
// systemd that itself runs in a cgroup of somebody's might not.
func (p *Plan) arrived(pid int) error {
	file := "/proc/" + strconv.Itoa(pid) + "/cgroup"
	text, err := readFile(file)
	if err != nil {
		return fmt.Errorf("%s: %w", pathField, err)
	}
	where := parseOwn(text)
	for _, d := range p.dirs {
		controller := ""
		switch {
		case slices.Contains(d.Controllers, "name=systemd"):
			controller = "name=systemd"
		case len(d.Controllers) > 0:
			continue
		}
		if at, ok := where[controller]; ok && d.root+path.Clean("/"+at) != d.Dir {
			return fmt.Errorf("%s: systemd has put the process into the cgroup %s, and not into %s: is it another systemd than this host's?", pathField, at, d.Dir)
		}
	}
	return nil
}

// undoUnit takes back what Adopt has made, or systemd may be about to make. The process
// that it was for is gone.
func (p *Plan) undoUnit() error {
	u := p.unit
	p.Disconnect()
	if !u.asked {
		return nil
	}
	u.asked = false
	return RemoveUnit(u.bus, u.name, p.Paths())
}

// RemoveUnit is Remove, and sees to it that systemd has forgotten the unit, if it
// is not empty. The cgroups go first: while a process is in one, which Remove
// does not put up with for long, it is not for this to end it.
func RemoveUnit(bus systemd.Bus, unit string, paths map[string]string) error {
	if err := Remove(paths); err != nil || unit == "" {
		return err
	}
	if bus.Address == "" && !systemd.Running() {
		return nil
	}
	conn, err := systemd.Connect(bus, unit)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Stop()
}

// tellUnit sets the properties that limits are.
func tellUnit(bus systemd.Bus, unit string, r *specs.LinuxResources, mode host.CgroupMode) error {
	changed, err := unitProperties(r, mode)
	if err != nil || len(changed) == 0 {
		return err
	}
	conn, err := systemd.Connect(bus, unit)
	if err != nil {
		return err
	}
	defer conn.Close()
	list, err := available(conn, changed)
	if err == nil {
		err = conn.SetProperties(list)
	}
	if err != nil {
		return refused(err, changed)
	}
	return nil
}
