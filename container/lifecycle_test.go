package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vial-run/vial/internal/cgroup"
	"golang.org/x/sys/unix"
)

// in is a container with a status; Status("") is none at all.
func (b *bed) in(status Status) string {
	b.t.Helper()
	id := b.id()
	if status == "" {
		return id
	}
	b.says(b.vial("create", id), answer{})
	if status != Created {
		b.says(b.vial("start", id), answer{})
	}
	switch status {
	case Paused:
		b.freeze(id)
	case Stopped:
		pid := b.pid(id)
		b.says(b.vial("kill", id, "KILL"), answer{})
		reap(pid)
	}
	if got := b.status(id); got != status {
		b.t.Fatalf("it is %s, not %s", got, status)
	}
	return id
}

// freeze pauses a container by hand.
func (b *bed) freeze(id string) {
	b.t.Helper()
	record, err := b.store().Peek(id)
	b.ok(err)
	if dir, v1 := record.Cgroup.Paths["freezer"]; v1 {
		b.ok(os.WriteFile(dir+"/freezer.state", []byte("FROZEN"), 0))
		eventually(b.t, "the container is frozen", func() bool {
			state, err := os.ReadFile(dir + "/freezer.state")
			return err == nil && string(state) == "FROZEN\n"
		})
		return
	}
	dir := record.Cgroup.Paths[""]
	b.ok(os.WriteFile(dir+"/cgroup.freeze", []byte("1"), 0))
	eventually(b.t, "the container is frozen", func() bool {
		events, err := os.ReadFile(dir + "/cgroup.events")
		return err == nil && strings.Contains(string(events), "frozen 1")
	})
}

// thaw undoes freeze, without the container's lock.
func (b *bed) thaw(id string) {
	b.t.Helper()
	record, err := b.store().Peek(id)
	b.ok(err)
	b.ok(cgroup.Thaw(record.Cgroup.Paths))
}

// TestExecAwaitsKill: kill freezes a container of cgroup v1 with its directory
// locked, and no exec takes that for a pause.
func TestExecAwaitsKill(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	id := b.in(Paused)
	locked, err := b.load(id)
	b.ok(err)
	unlock := sync.OnceFunc(func() { locked.Close() })
	defer unlock()
	cmd := b.command("exec", id, "/probe", "exit", "7")
	b.ok(cmd.Start())
	waits := regexp.MustCompile(fmt.Sprintf(`-> FLOCK .* %d `, cmd.Process.Pid))
	eventually(t, "exec waits for the lock", func() bool {
		locks, err := os.ReadFile("/proc/locks")
		b.ok(err)
		return waits.Match(locks)
	})
	b.thaw(id)
	unlock()
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != 7 {
		t.Error(err)
	}
}

// TestStatuses calls each command on a container in each status.
func TestStatuses(t *testing.T) {
	const absent = Status("")
	no := func(text string) string { return "vial: COMMAND NAME: " + text + "\n" }
	missing, dead, thawed := no("container does not exist"), no("container not running"), no("container not paused")
	taken := no("container with given ID already exists")
	for _, c := range []struct {
		command string
		args    string
		says    map[Status]string // on standard error; nothing is success
		then    map[Status]Status // what it is afterwards, if it is not as before
	}{
		{"state", "", map[Status]string{absent: missing}, nil},
		{"create", "", map[Status]string{Created: taken, Running: taken, Paused: taken, Stopped: taken},
			map[Status]Status{absent: Created}},
		{"start", "", map[Status]string{
			absent: missing, Running: no("cannot start an already running container"),
			Paused: no("cannot start a container in the paused state"), Stopped: no("cannot start a container that has stopped"),
		}, map[Status]Status{Created: Running}},
		{"kill", "WINCH", map[Status]string{absent: missing, Stopped: dead}, nil},
		{"kill", "KILL", map[Status]string{absent: missing, Stopped: dead},
			map[Status]Status{Created: Stopped, Running: Stopped, Paused: Stopped}},
		{"kill", "--all KILL", map[Status]string{absent: missing},
			map[Status]Status{Created: Stopped, Running: Stopped, Paused: Stopped}},
		{"kill", "--all 0", map[Status]string{absent: missing}, nil},
		{"exec", "/probe exit 0", map[Status]string{
			absent: missing, Paused: no("cannot exec in a paused container (use --ignore-paused to override)"),
			Stopped: no("cannot exec in a stopped container"),
		}, nil},
		{"delete", "", map[Status]string{
			absent: missing, Running: no("cannot delete container NAME that is not stopped: running"),
			Paused: no("cannot delete container NAME that is not stopped: paused"),
		}, map[Status]Status{Created: absent, Stopped: absent}},
		{"pause", "", map[Status]string{absent: missing, Paused: dead, Stopped: dead}, map[Status]Status{Created: Paused, Running: Paused}},
		{"resume", "", map[Status]string{absent: missing, Created: thawed, Running: thawed, Stopped: thawed}, map[Status]Status{Paused: Running}},
		{"update", "", map[Status]string{absent: missing, Stopped: dead}, nil},
		{"delete", "--force", nil, map[Status]Status{Created: absent, Running: absent, Paused: absent, Stopped: absent}},
	} {
		for _, status := range []Status{absent, Created, Running, Paused, Stopped} {
			t.Run(fmt.Sprintf("%s %s %s", c.command, c.args, status), func(t *testing.T) {
				b := newBed(t, "sleep")
				b.writeSpec()
				id := b.in(status)
				want := answer{stderr: strings.NewReplacer("NAME", id, "COMMAND", c.command).Replace(c.says[status])}
				if want.stderr != "" {
					want.status = 1
					if c.command == "exec" {
						want.status = 255 // for 1 may be the program's own
						want.stderr = strings.Replace(want.stderr, "vial: ", "vial: exec failed: ", 1)
					}
				}
				got := b.vial(append([]string{c.command, id}, strings.Fields(c.args)...)...)
				if c.command == "state" {
					got.stdout = "" // see TestState
				}
				b.says(got, want)
				then, changed := c.then[status]
				if !changed {
					then = status
				}
				b.becomes(id, then)
			})
		}
	}
}

// becomes waits for a status. What is killed dies in a moment.
func (b *bed) becomes(id string, want Status) {
	b.t.Helper()
	eventually(b.t, fmt.Sprintf("it is %q", want), func() bool {
		s, err := b.State(id)
		return err == nil && s.Status == want || err != nil && want == ""
	})
}

func TestState(t *testing.T) {
	b := newBed(t, "sleep")
	b.spec.Annotations = map[string]string{"key": "value"}
	b.writeSpec()
	before := time.Now()
	id := b.in(Created)
	record, err := b.store().Peek(id)
	b.ok(err)
	if d := record.Created.Sub(before); d < 0 || d > time.Minute {
		t.Errorf("created %v after it was called", d)
	}
	text := func(status Status, pid int) string {
		return fmt.Sprintf(`{
  "ociVersion": %q,
  "id": %q,
  "pid": %d,
  "status": %q,
  "bundle": %q,
  "rootfs": %q,
  "created": %q,
  "annotations": {
    "key": "value"
  },
  "owner": ""
}`, b.spec.Version, id, pid, status, b.bundle, b.rootfs(), record.Created.Format(time.RFC3339Nano))
	}
	b.says(b.vial("state", id), answer{stdout: text(Created, record.Pid)})
	b.ok(b.Start(id))
	b.says(b.vial("state", id), answer{stdout: text(Running, record.Pid)})
	b.freeze(id)
	b.says(b.vial("state", id), answer{stdout: text(Paused, record.Pid)})
	b.ok(b.Kill(id, unix.SIGKILL, FirstProcess))
	reap(record.Pid)
	b.says(b.vial("state", id), answer{stdout: text(Stopped, 0)})
	b.ok(b.Delete(id, Gentle))
	b.says(b.vial("state", id), answer{stderr: fmt.Sprintf("vial: state %s: container does not exist\n", id), status: 1})
}

// TestZombie looks at a container whose process has ended and is not buried.
func TestZombie(t *testing.T) {
	b := newBed(t, "exit", "0")
	id := b.created()
	pid := b.pid(id)
	b.ok(b.Start(id))
	var info unix.Siginfo
	b.ok(unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil))
	s, err := b.State(id)
	b.ok(err)
	if s.Status != Stopped || s.Pid != 0 {
		t.Errorf("it is %s with pid %d", s.Status, s.Pid)
	}
	b.fails(b.Kill(id, unix.SIGKILL, FirstProcess), "kill "+id+": container not running")
	b.fails(b.Start(id), "start "+id+": cannot start a container that has stopped")
	b.ok(b.Delete(id, Gentle))
	reap(pid)
}

func TestList(t *testing.T) {
	b := newBed(t, "sleep")
	b.writeSpec()
	b.says(b.vial("list"), answer{stdout: "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n"})
	b.says(b.vial("list", "--format", "json"), answer{stdout: "null\n"})
	b.says(b.vial("list", "-q"), answer{})
	b.says(b.vial("list", "--format", "xml"), answer{stderr: "vial: list: invalid format option: xml\n", status: 1})
	if list, err := (&Runtime{Root: b.Root + "/nope"}).List(); len(list) > 0 || err != nil {
		t.Errorf("before there is a root: %v, %v", list, err)
	}

	first, second := b.in(Running), b.in(Stopped)
	b.says(b.vial("list", "--quiet"), answer{stdout: first + "\n" + second + "\n"})
	got := b.vial("list", "-f", "json")
	var states []State
	b.ok(json.Unmarshal([]byte(got.stdout), &states))
	if len(states) != 2 || states[0].ID != first || states[0].Status != Running || states[0].Pid != b.pid(first) ||
		states[1].ID != second || states[1].Status != Stopped || states[1].Pid != 0 || states[0].Owner != "root" {
		t.Errorf("got %+v", states)
	}
	rows := strings.Split(b.vial("list").stdout, "\n")
	for i, s := range states {
		want := fmt.Sprintf("%s %d %s %s %s root", s.ID, s.Pid, s.Status, b.bundle, s.Created.Format(time.RFC3339Nano))
		if row := strings.Join(strings.Fields(rows[i+1]), " "); row != want {
			t.Errorf("got  %s\nwant %s", row, want)
		}
	}
}

// TestLog is about the log that engines read.
func TestLog(t *testing.T) {
	b := newBed(t, "sleep")
	log := filepath.Join(b.bundle, "log.json")
	got := b.vial("--log", log, "--log-format", "json", "create", "x")
	text, err := os.ReadFile(log)
	b.ok(err)
	var entry struct{ Level, Msg, Time string }
	b.ok(json.Unmarshal(text, &entry))
	if entry.Level != "error" || "vial: "+entry.Msg+"\n" != got.stderr || got.status != 1 {
		t.Errorf("log %s, answer %+v", text, got)
	}
	if _, err := time.Parse(time.RFC3339, entry.Time); err != nil {
		t.Error(err)
	}
}
