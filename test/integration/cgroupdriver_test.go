package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/bus"
	"github.com/vial-run/vial/test/integration/bed"
)

// What can be seen of the drivers without a systemd: here one is played, which
// makes the cgroup of a unit in its own hierarchies and puts the process into it,
// and does no more.

// played is a bundle for that systemd.
type played struct {
	*bed.Bundle
	*bus.Bus
	roots []string // of its hierarchies
	slice string
	unit  string
	start bus.Answer // to StartTransientUnit, once it is done
	set   bus.Answer // to SetUnitProperties
	lame  bool       // it is not done
}

func play(t *testing.T) *played {
	t.Helper()
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		bed.Skip(t, "systemd: it runs this host, so that it need not be played")
	}
	var roots []string
	for _, root := range []string{"/sys/fs/cgroup/unified", "/sys/fs/cgroup/systemd"} {
		if _, err := os.Stat(root); err == nil {
			roots = append(roots, root)
		}
	}
	if bed.V2() {
		roots = []string{"/sys/fs/cgroup"}
	}
	b := bed.New(t)
	p := &played{Bundle: b, roots: roots, slice: strings.ReplaceAll(b.ID, "-", "_") + ".slice", unit: "vt-" + b.ID + ".scope"}
	p.Bus = bus.New(t, p.answer)
	t.Cleanup(p.clean)
	b.Spec.Linux.CgroupsPath = p.slice + ":vt:" + b.ID
	b.Global, b.Env = []string{"--systemd-cgroup"}, append(b.Env, "DBUS_SYSTEM_BUS_ADDRESS="+p.Address)
	return p
}

// dirs are the cgroups with the slice's name in all hierarchies.
func (p *played) dirs() []string {
	one, _ := filepath.Glob("/sys/fs/cgroup/" + p.slice)
	more, _ := filepath.Glob("/sys/fs/cgroup/*/" + p.slice)
	return append(one, more...)
}

func (p *played) clean() {
	p.Env, p.Global = append(p.Env, "DBUS_SYSTEM_BUS_ADDRESS="+p.Address), nil
	p.Vial("delete", "--force", p.ID).OK()
	for _, dir := range p.dirs() {
		if err := os.Remove(dir); err != nil {
			p.T.Errorf("more than the slice is left: %v", err)
		}
	}
}

func (p *played) answer(c bus.Call) bus.Answer {
	switch c.Member {
	case "StartTransientUnit":
		if p.lame {
			return p.start
		}
		pids, _ := c.Properties()["PIDs"].Value().([]uint32)
		for _, root := range p.roots {
			dir := root + "/" + p.slice + "/" + p.unit
			err := os.MkdirAll(dir, 0o755)
			if err == nil && len(pids) == 1 {
				err = os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, pids[0]), 0)
			}
			if err != nil {
				return bus.Answer{Error: "the.test.itself", Text: err.Error()}
			}
		}
		return p.start
	case "SetUnitProperties":
		return p.set
	case "StopUnit":
		return bus.Answer{Error: "org.freedesktop.systemd1.NoSuchUnit", Text: "Unit " + p.unit + " not loaded."}
	case "Get":
		return bus.Answer{Body: []any{dbus.MakeVariant("257")}}
	}
	return bus.Answer{}
}

// TestSystemdPlayed goes the whole way: the container is in the unit's cgroups, on
// v1 in those as well that are not systemd's, and later commands need no flag.
func TestSystemdPlayed(t *testing.T) {
	t.Parallel()
	p := play(t)
	p.Resources().Devices = []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}}
	pid := p.Created("sleep")
	p.Global = nil
	for line := range strings.Lines(readHost(t, "/proc/"+itoa(pid)+"/cgroup")) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if !bed.V2() || parts[1] == "" {
			same(t, "the cgroup in "+parts[1], parts[2], "/"+p.slice+"/"+p.unit)
		}
	}
	p.Vial("start", p.ID).OK()
	same(t, "the status", p.Status(), "running")
	p.Vial("exec", p.ID, "/probe", "report").OK()
	p.Vial("delete", "--force", p.ID).OK()
	same(t, "what systemd was asked for", p.Members(), "StartTransientUnit StopUnit")
	p.NothingLeft()
}

// TestSystemdPlayedRun: and run leaves nothing behind.
func TestSystemdPlayedRun(t *testing.T) {
	t.Parallel()
	p := play(t)
	p.Run("report").OK()
	same(t, "what systemd was asked for", p.Members(), "StartTransientUnit StopUnit")
}

// TestSystemdFails: nothing is left when systemd does not do as it is asked.
func TestSystemdFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		start bus.Answer
		lame  bool
		want  string
		asked string
	}{
		{"refused", bus.Answer{Error: "org.freedesktop.DBus.Error.PropertyReadOnly", Text: "Cannot set property KillSignal, or unknown property."}, true,
			`annotations["org.systemd.property.KillSignal"]: start the unit `, "StartTransientUnit"},
		{"the job fails", bus.Answer{Result: "failed"}, false, `its job ended with the result "failed"`, "StartTransientUnit StopUnit"},
		{"the bus goes", bus.Answer{Hangup: true}, false, "the bus has closed the connection", "StartTransientUnit StopUnit"},
		{"the process is not there", bus.Answer{}, true, "systemd has put the process into the cgroup /", "StartTransientUnit StopUnit"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := play(t)
			p.start, p.lame = c.start, c.lame
			p.Spec.Annotations = map[string]string{"org.systemd.property.KillSignal": "9"}
			p.Run("report").Fails(c.want)
			same(t, "what systemd was asked for", p.Members(), c.asked)
			if r := p.Create("report"); r.Status != 1 || !strings.Contains(r.Stderr, c.want) {
				t.Errorf("create: status %d: %s", r.Status, r.Stderr)
			}
			for _, dir := range p.dirs() {
				if _, err := os.Stat(dir + "/" + p.unit); err == nil {
					t.Errorf("%s/%s is left", dir, p.unit)
				}
			}
		})
	}
	t.Run("there is no systemd", func(t *testing.T) {
		t.Parallel()
		p := play(t)
		p.Env = nil
		p.Run("report").Fails("systemd not running on this host, cannot use systemd cgroups manager")
		if _, err := os.Stat(p.Root); err == nil {
			t.Error("the state root was made")
		}
	})
	t.Run("there is no bus", func(t *testing.T) {
		t.Parallel()
		p := play(t)
		p.Env = []string{"DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere/bus"}
		p.Run("report").Fails("connect to systemd: connect /nowhere/bus: no such file or directory")
	})
}

// TestSystemdPlayedUpdate: systemd is told of new limits, and if it does not take
// them all is as it was.
func TestSystemdPlayedUpdate(t *testing.T) {
	t.Parallel()
	needs(t, "pids")
	p := play(t)
	p.set = bus.Answer{Body: []any{}}
	p.Resources().Pids = &specs.LinuxPids{Limit: number(int64(33))}
	p.Created("sleep")
	p.Global = nil
	file := "/sys/fs/cgroup/pids/" + p.slice + "/" + p.unit + "/pids.max"
	if bed.V2() {
		file = "/sys/fs/cgroup/" + p.slice + "/" + p.unit + "/pids.max"
	}
	p.Vial("update", "--pids-limit", "44", p.ID).OK()
	same(t, "pids.max", strings.TrimSpace(readHost(t, file)), "44")
	calls := p.Calls()
	last := calls[len(calls)-1]
	same(t, "what systemd is told", fmt.Sprint(last.Member, last.Body[0], last.Properties()["TasksMax"]), fmt.Sprint("SetUnitProperties", p.unit, "@t 44"))
	p.set = bus.Answer{Error: "x.y", Text: "TasksMax= is out of range"}
	p.Vial("update", "--pids-limit", "55", p.ID).Fails("linux.resources.pids.limit: set properties of the unit " + p.unit + ": TasksMax= is out of range")
	same(t, "pids.max", strings.TrimSpace(readHost(t, file)), "44")
	if text := readHost(t, p.Root+"/"+p.ID+"/config.json"); !strings.Contains(text, `"limit": 44`) || strings.Contains(text, `"limit": 55`) {
		t.Errorf("the config that is kept: %s", text)
	}
}

// TestCgroupsDisabled: the container stays where vial is.
func TestCgroupsDisabled(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Global = []string{"--cgroup-manager", "disabled"}
	pid := b.Created("sleep")
	same(t, "the cgroups", readHost(t, "/proc/"+itoa(pid)+"/cgroup"), readHost(t, "/proc/self/cgroup"))
	b.Global = nil
	b.Vial("start", b.ID).OK()
	b.Vial("exec", b.ID, "/probe", "report").OK()
	b.Vial("kill", "--all", b.ID, "TERM").Fails("the container was made without cgroups")
	b.Vial("kill", "--all", b.ID, "KILL").OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("kill", "--all", b.ID, "KILL").OK()
	b.Vial("delete", b.ID).OK()

	shared := bed.New(t)
	shared.Global = []string{"--cgroup-manager=disabled"}
	shared.Namespaces("mount", "uts", "ipc", "network")
	if r := shared.Create("sleep"); !strings.Contains(r.Stderr, "find the container's first process and no other") {
		t.Errorf("a container that cannot be found: status %d: %s", r.Status, r.Stderr)
	}
	shared.Global = nil
	shared.Vial("kill", shared.ID, "KILL").OK()

	limited := bed.New(t)
	limited.Global = []string{"--cgroup-manager=disabled"}
	limited.Resources().Pids = &specs.LinuxPids{Limit: number(int64(7))}
	limited.Run("report").Fails("linux.resources.pids.limit: cannot set limits without cgroups")
}
