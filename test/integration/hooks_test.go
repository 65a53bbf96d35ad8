package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// hookNames are the kinds of hooks, in the order of a container's life.
var hookNames = []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"}

// hooked is a bundle with a log that hooks on either side can write to.
type hooked struct {
	*bed.Bundle
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	b := bed.New(t)
	b.File(b.In("log"), "")
	b.Must(os.Chmod(b.In("log"), 0o666))
	return &hooked{b}
}

// list is the hooks of a kind.
func (h *hooked) list(name string) *[]specs.Hook {
	if h.Spec.Hooks == nil {
		h.Spec.Hooks = &specs.Hooks{}
	}
	s := h.Spec.Hooks
	return map[string]*[]specs.Hook{
		//lint:ignore SA1019 deprecated, but callers still write it
		"prestart": &s.Prestart, "createRuntime": &s.CreateRuntime, "createContainer": &s.CreateContainer,
		"startContainer": &s.StartContainer, "poststart": &s.Poststart, "poststop": &s.Poststop,
	}[name]
}

// probe adds a hook of a kind that is the probe with the given acts.
func (h *hooked) probe(name string, acts ...string) *specs.Hook {
	path := bed.Probe()
	if name == "startContainer" {
		path = "/probe"
	}
	list := h.list(name)
	*list = append(*list, specs.Hook{Path: path, Args: append([]string{"probe"}, acts...)})
	return &(*list)[len(*list)-1]
}

// log adds a hook that writes into the log, and then does what else it is told.
func (h *hooked) log(name, word string, more ...string) *specs.Hook {
	file := h.In("log")
	if name == "startContainer" {
		file = "/log"
	}
	return h.probe(name, append([]string{"hook", file, word}, more...)...)
}

// logged is what the hooks have written so far.
func (h *hooked) logged() []report.Hook {
	h.T.Helper()
	text, err := os.ReadFile(h.In("log"))
	h.Must(err)
	var all []report.Hook
	for line := range bytes.Lines(text) {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it is being written
		}
		var one report.Hook
		h.Must(json.Unmarshal(line, &one))
		all = append(all, one)
	}
	return all
}

// words are those of the hooks that have run, in order.
func (h *hooked) words() string {
	h.T.Helper()
	var all []string
	for _, one := range h.logged() {
		all = append(all, one.Word)
	}
	return strings.Join(all, " ")
}

func (h *hooked) clear() { h.Must(os.Truncate(h.In("log"), 0)) }

// state is what a hook was told.
func (h *hooked) state(hook report.Hook) specs.State {
	h.T.Helper()
	var s specs.State
	if err := json.Unmarshal([]byte(hook.State), &s); err != nil {
		h.T.Fatalf("%s: the state is no JSON: %v: %q", hook.Word, err, hook.State)
	}
	return s
}

// everyKind adds two hooks of each kind, which log their names and numbers.
func (h *hooked) everyKind() {
	for _, name := range hookNames {
		h.log(name, name+"0")
		h.log(name, name+"1")
	}
}

// TestHooks walks a container from create to delete, and looks at when, where
// and with what each of its hooks ran.
func TestHooks(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.everyKind()
	h.Spec.Annotations = map[string]string{"a": "1 \"2\"\n3"}
	h.Namespaces(specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace)
	pid := h.Created("sleep")
	same(t, "hooks of create", h.words(), "prestart0 prestart1 createRuntime0 createRuntime1 createContainer0 createContainer1")
	// What becomes of the bundle's config changes nothing any more.
	h.Must(os.Remove(h.Path("config.json")))
	inner := map[string]string{}
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		h.Must(err)
		inner[name] = link
	}
	h.Vial("start", h.ID).OK()
	h.Must(unix.Kill(pid, unix.SIGKILL))
	h.Until("the container has stopped", func() bool { return h.Status() == "stopped" })
	h.Vial("delete", h.ID).OK()
	all := h.logged()
	same(t, "all hooks", h.words(), "prestart0 prestart1 createRuntime0 createRuntime1 createContainer0 createContainer1 "+
		"startContainer0 startContainer1 poststart0 poststart1 poststop0 poststop1")
	for i, want := range []struct {
		status string
		pid    int
		inside bool
		cwd    string
	}{
		{"creating", pid, false, h.Dir}, {"creating", pid, false, h.Dir}, {"creating", 1, true, h.Rootfs},
		{"created", 1, true, "/"}, {"running", pid, false, h.Dir}, {"stopped", 0, false, h.Dir},
	} {
		for _, one := range all[2*i : 2*i+2] {
			s := h.state(one)
			same(t, one.Word+": status", string(s.Status), want.status)
			same(t, one.Word+": pid", s.Pid, want.pid)
			same(t, one.Word+": state", fmt.Sprint(s.Version, s.ID, s.Bundle, s.Annotations), fmt.Sprint("1.2.0", h.ID, h.Dir, h.Spec.Annotations))
			same(t, one.Word+": cwd", one.Process.Cwd, want.cwd)
			for name, link := range one.Process.Namespaces {
				own, err := os.Readlink("/proc/self/ns/" + name)
				h.Must(err)
				expected := own
				if want.inside {
					expected = inner[name]
				}
				same(t, one.Word+": namespace "+name, link, expected)
			}
			same(t, one.Word+": in the container's cgroup", strings.Contains(one.Process.Cgroup, h.ID) || want.inside && strings.Contains(one.Process.Cgroup, ":/\n"), want.inside)
			h.descriptors(one, want.inside)
		}
	}
}

// descriptors sees to it that a hook has none but the first three. One outside
// gets what vial's caller has leaked too, which is the one that wants it to run.
func (h *hooked) descriptors(one report.Hook, inside bool) {
	h.T.Helper()
	for fd, target := range one.Process.Descriptors {
		own, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
		if fd > 2 && (inside || own != target) {
			h.T.Errorf("%s: descriptor %d is %s", one.Word, fd, target)
		}
	}
}

// TestHooksOfRun holds that run is create, start and delete.
func TestHooksOfRun(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.everyKind()
	h.Run("hook", "/log", "process").Report()
	want := "prestart0 prestart1 createRuntime0 createRuntime1 createContainer0 createContainer1 startContainer0 startContainer1"
	words := h.words()
	if !strings.HasPrefix(words, want+" ") || !strings.HasSuffix(words, " poststop0 poststop1") {
		t.Errorf("hooks ran in the order %s", words)
	}
	rest := strings.TrimSuffix(strings.TrimPrefix(words, want), " poststop0 poststop1")
	if strings.ReplaceAll(rest, " process", "") != " poststart0 poststart1" || !strings.Contains(rest, " process") {
		t.Errorf("between come %s", rest)
	}
	for _, one := range h.logged() {
		if !strings.HasPrefix(one.Word, "startContainer") {
			continue
		}
		if s := h.state(one); s.Status != "created" || s.Pid != 1 {
			t.Errorf("%s is told %s", one.Word, one.State)
		}
	}
	h.clear()
	h.Spec.Process.Args = []string{"/probe", "sleep"}
	h.Detached().OK()
	same(t, "hooks of run --detach", h.words(), want+" poststart0 poststart1")
	h.clear()
	h.Vial("delete", "--force", h.ID).OK()
	same(t, "hooks of delete --force", h.words(), "poststop0 poststop1")
	h.clear()
	h.Spec.Process.Args = []string{"/probe", "exit", "0"}
	h.Kept().OK()
	same(t, "poststop hooks of run --keep", strings.Contains(h.words(), "poststop"), false)
	h.clear()
	h.Vial("delete", h.ID).OK()
	same(t, "hooks of delete", h.words(), "poststop0 poststop1")
}

// TestHookProcess holds what the config says of each hook's process.
func TestHookProcess(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.Env = append(h.Env, "CALLER=1")
	h.File(h.In("etc/passwd"), "user:x:1000:1000::/home/user:/bin/sh\n")
	h.Mkdir(h.In("home"))
	h.Spec.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5}}
	h.Spec.Process.Env, h.Spec.Process.Cwd, h.Spec.Process.NoNewPrivileges = []string{"A=1", "A=2"}, "/home", true
	h.Capabilities("CAP_KILL")
	for _, name := range hookNames {
		h.log(name, "bare "+name)
		own := h.log(name, "own "+name)
		own.Env, own.Args[0] = []string{"B=1", "HOME="}, "not its path"
	}
	h.Created("sleep")
	h.Vial("start", h.ID).OK()
	h.Vial("delete", "--force", h.ID).OK()
	all := h.logged()
	same(t, "number of hooks", len(all), 12)
	full, err := os.ReadFile("/proc/self/status")
	h.Must(err)
	for _, one := range all {
		kind, name, _ := strings.Cut(one.Word, " ")
		p := one.Process
		inside := name == "startContainer"
		switch {
		case kind == "own":
			same(t, one.Word+": environment", fmt.Sprint(p.Env), "[B=1 HOME=]")
			same(t, one.Word+": argv[0]", p.Args[0], "not its path")
		case inside:
			same(t, one.Word+": environment", fmt.Sprint(p.Env), "[A=2 HOME=/home/user]")
		default:
			same(t, one.Word+": environment", fmt.Sprint(p.Env), "[]")
		}
		if inside {
			// Its program is the image's, so it may do what the process may.
			same(t, one.Word+": ids", fmt.Sprint(p.UID, p.GID, p.Groups), "[1000 1000 1000] [1001 1001 1001] [5]")
			same(t, one.Word+": bounding set", p.Capabilities.Bounding, uint64(1<<unix.CAP_KILL))
			same(t, one.Word+": no new privileges", p.NoNewPrivs, true)
			same(t, one.Word+": cwd", p.Cwd, "/home")
			continue
		}
		same(t, one.Word+": ids", fmt.Sprint(p.UID, p.GID), "[0 0 0] [0 0 0]")
		same(t, one.Word+": no new privileges", p.NoNewPrivs, false)
		if want := fmt.Sprintf("CapEff:\t%016x", p.Capabilities.Effective); !strings.Contains(string(full), want) {
			t.Errorf("%s: capabilities %s are not vial's own", one.Word, want)
		}
	}
}

// TestHookArgs holds that a hook without args has its path as its name.
func TestHookArgs(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	*h.list("createRuntime") = []specs.Hook{{Path: bed.Probe()}}
	r := h.Run("exit", "0").OK()
	same(t, "args", fmt.Sprintf("%q", r.Report().Process.Args), fmt.Sprintf("%q", []string{bed.Probe()}))
}

// TestFailingHooks has the second of three hooks of each kind fail. It is an
// error, what comes after does not happen, nothing is left, and poststop runs.
func TestFailingHooks(t *testing.T) {
	t.Parallel()
	for i, name := range hookNames[:5] {
		for _, verb := range []string{"create", "run", "run --detach"} {
			t.Run(verb+", "+name, func(t *testing.T) {
				t.Parallel()
				h := newHooked(t)
				for _, kind := range hookNames {
					h.log(kind, kind)
				}
				h.probe(name, "exit", "3")
				h.log(name, "never")
				h.Spec.Process.Args = []string{"/probe", "hook", "/log", "process", "sleep"}
				want := fmt.Sprintf("error running %s hook #1: %s: exit status 3", name, (*h.list(name))[1].Path)
				h.fail(verb, name, want)
				same(t, "status", h.Status(), "")
				h.NothingLeft()
				words := strings.ReplaceAll(h.words(), " process", "")
				same(t, "hooks", words, strings.Join(append(hookNames[:i+1:i+1], "poststop"), " "))
				if name != "poststart" && strings.Contains(h.words(), "process") {
					t.Errorf("the process has run: %s", h.words())
				}
				for _, one := range h.logged() {
					if one.Word != "poststop" {
						continue
					}
					if s := h.state(one); s.Status != "stopped" || s.Pid != 0 {
						t.Errorf("poststop is told %s", one.State)
					}
				}
				// The id is free again.
				h.Spec.Hooks = nil
				h.Run("exit", "0").OK()
			})
		}
	}
}

// fail makes a container that fails at its hooks of a kind.
func (h *hooked) fail(verb, name, want string) {
	h.T.Helper()
	words := strings.Fields(verb)
	if verb != "create" {
		h.File(h.Path("config.json"), h.config())
		h.Vial(append(append([]string{}, words...), "--bundle", h.Dir, "--pid-file", h.Path("pid"), h.ID)...).Fails("vial: run "+h.ID+": ", want)
		return
	}
	if name != "startContainer" && name != "poststart" {
		h.Create().Fails("vial: create "+h.ID+": ", want)
		return
	}
	if r := h.Create(); r.Status != 0 {
		h.T.Fatalf("create: status %d: %s", r.Status, r.Stderr)
	}
	h.Vial("start", h.ID).Fails("vial: start "+h.ID+": ", want)
}

func (h *hooked) config() string {
	h.T.Helper()
	text, err := json.Marshal(h.Spec)
	h.Must(err)
	return string(text)
}

// TestHookFailures are the ways in which a hook can fail.
func TestHookFailures(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	plain := h.File(h.Path("plain"), "")
	h.File(h.In("plain"), "")
	h.Mkdir(h.In("dir"))
	for _, c := range []struct{ name, path, word, want string }{
		{"createRuntime", "/nope", "", `exec: "/nope": no such file or directory`},
		{"createRuntime", plain, "", `exec: "` + plain + `": permission denied`},
		{"createRuntime", bed.Probe(), "SIGKILL", bed.Probe() + ": killed by signal SIGKILL"},
		{"createContainer", "/nope", "", `hooks.createContainer[0].path: exec: "/nope": no such file or directory`},
		{"createContainer", "/probe", "", `hooks.createContainer[0].path: exec: "/probe": no such file or directory`}, // of the host
		{"createContainer", bed.Probe(), "SIGTERM", bed.Probe() + ": killed by signal SIGTERM"},
		{"startContainer", bed.Probe(), "", `hooks.startContainer[0].path: exec: "` + bed.Probe() + `": no such file or directory`}, // of the container
		{"startContainer", "/plain", "", `hooks.startContainer[0].path: exec: "/plain": permission denied`},
		{"startContainer", "/dir", "", `hooks.startContainer[0].path: exec: "/dir": permission denied`},
		{"startContainer", "/probe", "SIGKILL", "/probe: killed by signal SIGKILL"},
	} {
		h.Spec.Hooks = nil
		*h.list(c.name) = []specs.Hook{{Path: c.path, Args: []string{"probe", "kill", c.word}}}
		h.Run("print", "no").Fails("run "+h.ID+": ", "error running "+c.name+" hook #0: "+c.want)
	}
}

// TestHookTimeout holds that a hook which takes too long is killed, with the
// processes that it has started.
func TestHookTimeout(t *testing.T) {
	t.Parallel()
	second := 1
	for _, name := range []string{"createRuntime", "createContainer", "startContainer", "poststart"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			file := h.Path("pids")
			if name == "startContainer" {
				file = "/pids"
			}
			h.probe(name, "strict", "child", file, "sleep").Timeout = &second
			h.Spec.Process.Args = []string{"/probe", "sleep"}
			r := h.RunSpec()
			r.Fails("error running " + name + " hook #0: hook ran past specified timeout of 1.0s")
			if name == "createRuntime" || name == "poststart" { // elsewhere pids are others, and end with the namespace
				h.emptyGroup()
			}
			if r.Took < time.Second || r.Took > bed.Slowly(8*time.Second) {
				t.Errorf("it took %v", r.Took)
			}
		})
	}
	t.Run("in time", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		minute := 60
		for _, name := range hookNames {
			h.log(name, name).Timeout = &minute
		}
		h.Run("exit", "0").OK()
	})
}

// emptyGroup sees to it that whoever was in the hook's process group has ended,
// and buries those who have become children of this process.
func (h *hooked) emptyGroup() {
	h.T.Helper()
	group, _ := h.pids()
	h.Until("the group has ended", func() bool {
		_, _ = unix.Wait4(-group, nil, unix.WALL|unix.WNOHANG, nil)
		return unix.Kill(-group, 0) == unix.ESRCH
	})
}

// pids are those of a hook and of its child, as the probe wrote them.
func (h *hooked) pids() (hook, child int) {
	h.T.Helper()
	text, err := os.ReadFile(h.Path("pids"))
	h.Must(err)
	_, err = fmt.Sscan(string(text), &hook, &child)
	h.Must(err)
	return hook, child
}

// TestFailingPoststop holds that it changes nothing: a warning, then the others.
func TestFailingPoststop(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	second := 1
	h.probe("poststop", "exit", "1")
	h.probe("poststop", "sleep").Timeout = &second
	*h.list("poststop") = append(*h.list("poststop"), specs.Hook{Path: "/nope"})
	h.log("poststop", "last")
	warnings := "vial: warning: error running poststop hook #0: " + bed.Probe() + ": exit status 1\n" +
		"vial: warning: error running poststop hook #1: hook ran past specified timeout of 1.0s\n" +
		"vial: warning: error running poststop hook #2: exec: \"/nope\": no such file or directory\n"
	r := h.Run("exit", "7")
	same(t, "status of run", r.Status, 7)
	same(t, "warnings of run", r.Stderr, warnings)
	h.Created("sleep")
	r = h.Vial("delete", "--force", h.ID)
	same(t, "status of delete", r.Status, 0)
	same(t, "warnings of delete", r.Stderr, warnings)
	same(t, "hooks", h.words(), "last last")
}

// TestLateFailure holds that a create which fails behind its hooks is followed
// by poststop, as is one that fails before: hooks may have to be made up for.
func TestLateFailure(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.log("createRuntime", "createRuntime")
	h.log("poststop", "poststop")
	h.Spec.Process.Args = []string{"/nope"}
	h.RunSpec().Fails(`exec: "/nope": no such file or directory`)
	same(t, "hooks", h.words(), "createRuntime poststop")
}

// TestLargeState gives hooks more than a pipe holds: to one that reads it, and
// to some that do not.
func TestLargeState(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.Spec.Annotations = map[string]string{"long": strings.Repeat("0123456789", 50_000)}
	for _, name := range hookNames {
		h.probe(name, "exit", "0")
		h.log(name, name)
	}
	h.Run("exit", "0").OK()
	same(t, "hooks", h.words(), strings.Join(hookNames, " "))
	for _, one := range h.logged() {
		same(t, one.Word+": annotation", len(h.state(one).Annotations["long"]), 500_000)
	}
}

// TestHooksChangeTheRoot mounts something for the container from a
// createContainer hook, by a path relative to the root, and from a
// createRuntime hook that joins the container's mount namespace.
func TestHooksChangeTheRoot(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.Mkdir(h.In("mnt"))
	h.Mkdir(h.In("other"))
	h.probe("createContainer", "strict", "mount", "tmpfs", "mnt", "write", "mnt/file", "text")
	h.probe("createRuntime", "strict", "enter", "mount", "tmpfs", h.In("other"))
	h.Spec.Root.Readonly = true
	r := h.Report("read", "/mnt/file", "write", "/other/file", "x", "write", "/x", "x")
	acts := r.Acts[len(r.Acts)-3:]
	same(t, "the file", acts[0].Text, "text")
	same(t, "writing to the mount of createRuntime", acts[1].Errno, "")
	same(t, "writing to the root", acts[2].Errno, "EROFS")
	if _, err := os.Stat(h.In("mnt/file")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the mount is on the host: %v", err)
	}
}

// TestHooksCallVial has hooks use vial on their own container.
func TestHooksCallVial(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	call := func(name string, words ...string) {
		list := h.list(name)
		*list = append(*list, specs.Hook{Path: bed.Vial(), Args: append([]string{"vial", "--root", h.Root}, words...)})
	}
	call("createRuntime", "state", h.ID)
	call("poststart", "state", h.ID)
	call("poststart", "exec", h.ID, "/probe", "print", "hello")
	call("poststart", "kill", h.ID, "KILL")
	call("poststop", "state", h.ID)
	h.Created("sleep")
	r := h.Vial("start", h.ID).OK()
	if !strings.Contains(r.Stdout, `"status": "running"`) || !strings.Contains(r.Stdout, "hello") {
		t.Errorf("start: %s", r.Stdout)
	}
	h.Until("the container has stopped", func() bool { return h.Status() == "stopped" })
	if r := h.Vial("delete", h.ID); r.Status != 0 || !strings.Contains(r.Stderr, "container does not exist") {
		t.Errorf("delete: %d %s", r.Status, r.Stderr)
	}
}

// TestKilledInHook kills vial while it waits for a hook. What is left can be
// deleted, and then poststop runs.
func TestKilledInHook(t *testing.T) {
	t.Parallel()
	for _, again := range []string{"delete", "create"} {
		t.Run(again, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.log("createRuntime", "createRuntime", "sleep")
			h.log("poststop", "poststop")
			h.Spec.Process.Args = []string{"/probe", "sleep"}
			h.File(h.Path("config.json"), h.config())
			p := h.Launch("create", "--bundle", h.Dir, h.ID)
			h.Until("the hook runs", func() bool { return h.words() != "" })
			one := h.logged()[0]
			init := h.state(one).Pid
			p.Signal(unix.SIGKILL)
			p.Wait()
			for _, pid := range []int{one.Process.Pid, init} {
				if pid == one.Process.Pid {
					h.Must(unix.Kill(pid, unix.SIGKILL))
				}
				_, err := unix.Wait4(pid, nil, unix.WALL, nil)
				h.Must(err)
			}
			if again == "create" {
				h.Spec.Hooks = nil
				h.Created("sleep")
			} else {
				h.Vial("delete", "--force", h.ID).OK()
				h.NothingLeft()
			}
			same(t, "hooks", h.words(), "createRuntime poststop")
		})
	}
}

// TestSharedPidNamespace tells hooks of a container without a pid namespace the
// pid that the host knows.
func TestSharedPidNamespace(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.Namespaces(specs.MountNamespace, specs.UTSNamespace, specs.NetworkNamespace)
	h.Unmount("/dev/mqueue")
	h.log("createContainer", "createContainer")
	h.log("startContainer", "startContainer")
	h.probe("poststart", "exit", "1")
	pid := h.Created("exec", "/probe", "sleep")
	h.Vial("start", h.ID).Fails("error running poststart hook #0")
	for _, one := range h.logged() {
		same(t, one.Word, strconv.Itoa(h.state(one).Pid), strconv.Itoa(pid))
	}
	h.NothingLeft()
}

// TestDaemonOfAHook does not wait for what a hook leaves behind, though that has
// all of the hook's descriptors.
func TestDaemonOfAHook(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"createRuntime", "poststop"} {
		h := newHooked(t)
		seconds := int(bed.Slowly(time.Minute).Seconds())
		h.probe(name, "strict", "child", h.Path("pids")).Timeout = &seconds
		if r := h.Run("exit", "0").OK(); r.Took > bed.Slowly(10*time.Second) {
			t.Errorf("%s: it took %v", name, r.Took)
		}
		_, pid := h.pids()
		h.Must(unix.Kill(pid, unix.SIGKILL))
		_, err := unix.Wait4(pid, nil, unix.WALL, nil)
		h.Must(err)
	}
}

// TestContainerEndsInAHook has a hook end the container under vial's hands.
func TestContainerEndsInAHook(t *testing.T) {
	t.Parallel()
	t.Run("createRuntime", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.probe("createRuntime", "strict", "end")
		h.log("createContainer", "createContainer")
		h.log("poststop", "poststop")
		h.Run("exit", "0").Fails("run "+h.ID+": ", "the container's first process was killed by signal SIGKILL")
		same(t, "hooks", h.words(), "poststop")
	})
	t.Run("createRuntime alone", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.probe("createRuntime", "strict", "end")
		h.Run("exit", "0").Fails("run "+h.ID+": ", "the container's first process was killed by signal SIGKILL")
	})
	t.Run("poststart", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.probe("poststart", "exec", bed.Vial(), "--root", h.Root, "delete", "--force", h.ID)
		h.log("poststop", "poststop")
		h.Created("sleep")
		h.Vial("start", h.ID).OK()
		same(t, "status", h.Status(), "")
		same(t, "hooks", h.words(), "poststop")
		h.probe("poststart", "exit", "1")
		h.Created("sleep")
		want := "error running poststart hook #1: " + bed.Probe() + ": exit status 1\n" // and no word of the rest
		h.Vial("start", h.ID).Fails(want)
		same(t, "hooks", h.words(), "poststop poststop")
		h.Spec.Process.Args = []string{"/probe", "sleep"}
		h.RunSpec().Fails(want)
		same(t, "hooks", h.words(), "poststop poststop poststop")
	})
}

// TestStartAfterAFailure holds that a process that cannot be executed is not
// followed by poststart.
func TestStartAfterAFailure(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.Program(h.In("broken"), []byte("\x7fELF"))
	for _, name := range hookNames[3:] {
		h.log(name, name)
	}
	h.Spec.Process.Args = []string{"/broken"}
	if r := h.Create(); r.Status != 0 {
		t.Fatal(r.Stderr)
	}
	h.Vial("start", h.ID).Fails("exec format error")
	h.Vial("delete", h.ID).OK()
	same(t, "hooks", h.words(), "startContainer poststop")
}

func TestFeaturesOfHooks(t *testing.T) {
	t.Parallel()
	var f struct{ Hooks []string }
	b := bed.New(t)
	b.Must(json.Unmarshal([]byte(b.Vial("features").OK().Stdout), &f))
	same(t, "hooks", strings.Join(f.Hooks, " "), strings.Join(hookNames, " "))
}
