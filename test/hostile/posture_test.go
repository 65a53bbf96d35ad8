package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

// A posture is all that the host can see of a process, as lines of NAME VALUE.
type posture map[string]string

// statusLines are those of /proc/PID/status that say what a process may do.
var statusLines = []string{
	"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb",
	"NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "Umask", "TracerPid",
}

// look takes the posture of one thread.
func (a *attack) look(pid, thread int) posture {
	a.T.Helper()
	p := posture{}
	dir := fmt.Sprintf("/proc/%d/task/%d/", pid, thread)
	for line := range strings.Lines(a.text(dir + "status")) {
		name, value, _ := strings.Cut(line, ":")
		if slices.Contains(statusLines, name) {
			p[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		own, err := os.Readlink("/proc/self/ns/" + name)
		a.Must(err)
		theirs, err := os.Readlink(dir + "ns/" + name)
		a.Must(err)
		p["namespace "+name] = map[bool]string{true: "the host's", false: "its own"}[own == theirs]
	}
	for _, name := range []string{"oom_score_adj", "personality", "uid_map", "gid_map", "setgroups"} {
		p[name] = strings.Join(strings.Fields(a.text(dir+name)), " ")
	}
	for _, name := range []string{"exe", "cwd", "root"} {
		target, err := os.Readlink(dir + name)
		a.Must(err)
		p[name] = target
	}
	for line := range strings.Lines(a.text(dir + "limits")) {
		if f := strings.Fields(strings.TrimPrefix(line, "Max ")); strings.HasPrefix(line, "Max open files") {
			p["NOFILE"] = f[2] + " " + f[3]
		}
	}
	p["descriptors"] = a.openFiles(pid)
	return p
}

func (a *attack) text(path string) string {
	a.T.Helper()
	text, err := os.ReadFile(path)
	a.Must(err)
	return string(text)
}

func (a *attack) openFiles(pid int) string {
	a.T.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	a.Must(err)
	var all []string
	for _, link := range links {
		target, err := os.Readlink(link)
		a.Must(err)
		target = strings.NewReplacer(a.Root+"/"+a.ID, "STATE", a.Dir, "BUNDLE").Replace(target)
		if strings.HasPrefix(target, "BUNDLE/out.") || strings.HasPrefix(target, "BUNDLE/err.") {
			target = target[:len("BUNDLE/out")]
		}
		all = append(all, filepath.Base(link)+" "+target)
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// compare fails for every line that differs, and for every one that nobody asked for.
func (p posture) compare(t *testing.T, when string, want posture) {
	t.Helper()
	for name, value := range p {
		if expected, asked := want[name]; !asked || expected != value {
			t.Errorf("%s: %s is %q, want %q", when, name, value, expected)
		}
	}
	for name := range want {
		if _, there := p[name]; !there {
			t.Errorf("%s: there is no %s", when, name)
		}
	}
}

// plain is what a container from package bed has to look like.
func (a *attack) plain() posture {
	none := "0000000000000000"
	all := strings.Join(strings.Fields(a.text("/proc/self/uid_map")), " ")
	limit := ""
	for line := range strings.Lines(a.text("/proc/self/limits")) {
		if f := strings.Fields(strings.TrimPrefix(line, "Max ")); strings.HasPrefix(line, "Max open files") {
			limit = f[2] + " " + f[3]
		}
	}
	return posture{
		"Uid": "0 0 0 0", "Gid": "0 0 0 0", "Groups": "",
		"CapInh": none, "CapPrm": none, "CapEff": none, "CapBnd": none, "CapAmb": none,
		"NoNewPrivs": "0", "Seccomp": "0", "SigBlk": none, "SigIgn": bed.IgnoredSignals(), "Umask": "0022", "TracerPid": "0",
		"namespace cgroup": "the host's", "namespace ipc": "its own", "namespace mnt": "its own", "namespace net": "its own",
		"namespace pid": "its own", "namespace time": "the host's", "namespace user": "the host's", "namespace uts": "its own",
		"oom_score_adj": strings.TrimSpace(a.text("/proc/self/oom_score_adj")),
		"personality":   "00000000", "uid_map": all, "gid_map": all, "setgroups": "allow",
		"exe": "/probe", "cwd": "/", "root": "/", "NOFILE": limit,
		"descriptors": "0 /dev/null, 1 BUNDLE/out, 2 BUNDLE/err",
	}
}

// TestPosture looks at the whole of a container from the host, after create and
// after start: what config.json asks for, and nothing else.
func TestPosture(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		shape func(s *specs.Spec)
		want  posture // where it differs from a plain one
	}{
		{"plain", func(*specs.Spec) {}, nil},
		{"rich", rich, posture{
			"Uid": "1000 1000 1000 1000", "Gid": "1001 1001 1001 1001", "Groups": "5 6",
			"CapInh": "0000000000000420", "CapPrm": "0000000000000020", "CapEff": "0000000000000020", "CapBnd": "0000000020000420", "CapAmb": "0000000000000020",
			"NoNewPrivs": "1", "Umask": "0027", "oom_score_adj": "500", "cwd": "/home", "namespace cgroup": "its own", "NOFILE": "512 512",
		}},
		{"no namespaces but mount", func(s *specs.Spec) {
			s.Hostname, s.Linux.Namespaces = "", []specs.LinuxNamespace{{Type: specs.MountNamespace}}
		}, posture{"namespace ipc": "the host's", "namespace net": "the host's", "namespace pid": "the host's", "namespace uts": "the host's"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.leak()
			a.Mkdir(a.In("home"))
			c.shape(a.Spec)
			want := a.plain()
			for name, value := range c.want {
				want[name] = value
			}
			pid := a.Created("print", "up", "sleep")
			a.waiting(t, pid, want)
			a.Stdio = nil
			a.Vial("start", a.ID).OK()
			a.Until("the probe is up", func() bool { return strings.Contains(a.Output(), "up") })
			a.running(t, pid, want)
			a.decoy.unchanged()
		})
	}
}

func rich(s *specs.Spec) {
	umask, adj := uint32(0o027), 500
	s.Process.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 6}, Umask: &umask}
	s.Process.Cwd, s.Process.NoNewPrivileges, s.Process.OOMScoreAdj = "/home", true, &adj
	s.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 512, Hard: 512}}
	s.Process.Capabilities = &specs.LinuxCapabilities{
		Bounding:    []string{"CAP_KILL", "CAP_NET_BIND_SERVICE", "CAP_AUDIT_WRITE"},
		Inheritable: []string{"CAP_KILL", "CAP_NET_BIND_SERVICE"}, Permitted: []string{"CAP_KILL"},
		Effective: []string{"CAP_KILL"}, Ambient: []string{"CAP_KILL"},
	}
	s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: specs.CgroupNamespace})
}

// waiting looks at the process between create and start. It holds two fifos
// more, it is one thread, and it is the runtime's image still.
func (a *attack) waiting(t *testing.T, pid int, want posture) {
	t.Helper()
	if threads := a.threads(pid); len(threads) != 1 {
		t.Errorf("the waiting process has %d threads", len(threads))
	}
	a.sealed(pid)
	got := a.look(pid, pid)
	delete(got, "exe")
	fds := strings.Split(got["descriptors"], ", ")
	kept := slices.DeleteFunc(fds, func(fd string) bool {
		return strings.HasSuffix(fd, " STATE/start") || strings.HasSuffix(fd, " STATE/result")
	})
	got["descriptors"] = strings.Join(kept, ", ")
	expected := posture{}
	for name, value := range want {
		if name != "exe" {
			expected[name] = value
		}
	}
	got.compare(t, "after create", expected)
}

// running looks at every thread of the user's process, and at where it is.
func (a *attack) running(t *testing.T, pid int, want posture) {
	t.Helper()
	for _, thread := range a.threads(pid) {
		got := a.look(pid, thread)
		// Go blocks signals in a thread while it starts another one.
		got["SigBlk"] = want["SigBlk"]
		got.compare(t, "after start", want)
	}
	a.onlyOwnMounts(a.text(fmt.Sprintf("/proc/%d/mountinfo", pid)))
	for line := range strings.Lines(a.text(fmt.Sprintf("/proc/%d/cgroup", pid))) {
		if bed.V2() && !strings.HasPrefix(line, "0::") {
			continue
		}
		if !strings.Contains(line, a.ID) && !strings.HasPrefix(line, "0::") {
			t.Errorf("it is in another cgroup: %s", line)
		}
	}
}

func (a *attack) threads(pid int) []int {
	a.T.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	a.Must(err)
	var all []int
	for _, task := range tasks {
		thread, err := strconv.Atoi(task.Name())
		a.Must(err)
		all = append(all, thread)
	}
	return all
}
