package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// running is a container that sleeps, changed before it is made.
func running(t *testing.T, change func(b *bed.Bundle)) *bed.Bundle {
	t.Helper()
	b := bed.New(t)
	if change != nil {
		change(b)
	}
	b.Spec.Process.Args = []string{"/probe", "sleep"}
	b.Detached().OK()
	return b
}

// inside is what a probe sees of itself that exec has started.
func inside(b *bed.Bundle, flags ...string) *report.Process {
	b.T.Helper()
	p := b.Vial(append(append([]string{"exec"}, flags...), b.ID, "/probe", "report")...).OK().Report().Process
	if p == nil {
		b.T.Fatal("the probe reported nothing")
	}
	return p
}

// execFails sees to it that an exec fails as it has to: with status 255 and one line.
func execFails(r *bed.Result, t *testing.T, text string) {
	t.Helper()
	if r.Status != 255 || !strings.HasPrefix(r.Stderr, "vial: exec failed: ") || strings.Count(r.Stderr, "\n") != 1 || !strings.Contains(r.Stderr, text) {
		t.Errorf("status %d, %q; want 255 and one line with %q", r.Status, r.Stderr, text)
	}
}

func TestExecIsLikeTheContainer(t *testing.T) {
	t.Parallel()
	score := 500
	mask := uint32(0o027)
	b := running(t, func(b *bed.Bundle) {
		b.Capabilities("CAP_KILL", "CAP_NET_RAW")
		p := b.Spec.Process
		p.User = specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5}, Umask: &mask}
		p.Env, p.Cwd, p.NoNewPrivileges, p.OOMScoreAdj = []string{"A=1", "PATH=/"}, "/tmp", true, &score
		p.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 200, Hard: 200}}
		b.File(b.In("etc/passwd"), "user:x:1000:1000::/home/user:/bin/sh\n")
	})
	// The container is what it was made from, whatever became of the bundle.
	b.Must(os.Remove(b.Path("config.json")))
	got := inside(b)
	same(t, "uid", got.UID, [3]uint32{1000, 1000, 1000})
	same(t, "gid", got.GID, [3]uint32{1001, 1001, 1001})
	same(t, "groups", fmt.Sprint(got.Groups), "[5]")
	same(t, "env", fmt.Sprint(got.Env), "[A=1 PATH=/ HOME=/home/user]")
	same(t, "cwd", got.Cwd, "/tmp")
	same(t, "umask", got.Umask, 0o027)
	same(t, "no new privileges", got.NoNewPrivs, true)
	same(t, "oom score", got.OOMScoreAdj, "500")
	same(t, "bounding set", got.Capabilities.Bounding, uint64(1<<unix.CAP_KILL|1<<unix.CAP_NET_RAW))
	same(t, "RLIMIT_NOFILE", got.Rlimits["RLIMIT_NOFILE"], [2]uint64{200, 200})
	same(t, "parent", got.Ppid, 0)
	same(t, "session", got.Session, got.Pid)
	same(t, "hostname", got.Hostname, "bed")
	if len(got.Descriptors) != 3 {
		t.Errorf("descriptors %v", got.Descriptors)
	}
	own := b.Vial("exec", "--user", "0:0", "--cap", "CAP_SYS_PTRACE", b.ID, "/probe", "readlink", "/proc/1/ns/mnt", "readlink", "/proc/1/ns/pid", "readlink", "/proc/1/ns/cgroup", "report").OK().Report()
	for i, name := range []string{"mnt", "pid", "cgroup"} {
		same(t, name, own.Process.Namespaces[name], own.Acts[i].Text)
	}
	if !strings.Contains(own.Process.Cgroup, b.ID) {
		t.Errorf("cgroups are %s", own.Process.Cgroup)
	}
}

func TestExecFlags(t *testing.T) {
	t.Parallel()
	b := running(t, func(b *bed.Bundle) {
		b.Spec.Process.User.GID = 7
		b.Spec.Process.User.AdditionalGids = []uint32{5}
		b.Spec.Process.Env = []string{"PATH=/", "A=1", "HOME=/"}
		b.Mkdir(b.In("there"))
	})
	t.Run("user", func(t *testing.T) {
		same(t, "gid of --user 1000", inside(b, "--user", "1000").GID[0], 7)
		p := inside(b, "-u", "1000:1001", "-g", "9", "--additional-gids", "10")
		same(t, "ids", [2]uint32{p.UID[0], p.GID[0]}, [2]uint32{1000, 1001})
		same(t, "groups", fmt.Sprint(p.Groups), "[5 9 10]")
	})
	t.Run("environment", func(t *testing.T) {
		same(t, "env", fmt.Sprint(inside(b, "-e", "A=2", "--env", "B=3,4").Env), "[PATH=/ HOME=/ A=2 B=3,4]")
	})
	t.Run("cwd", func(t *testing.T) { same(t, "cwd", inside(b, "--cwd", "/there").Cwd, "/there") })
	t.Run("no-new-privs", func(t *testing.T) {
		same(t, "without", inside(b).NoNewPrivs, false)
		same(t, "with", inside(b, "--no-new-privs").NoNewPrivs, true)
		same(t, "taken back", inside(b, "--no-new-privs", "--no-new-privs=false").NoNewPrivs, false)
	})
	t.Run("cap", func(t *testing.T) {
		want := report.Capabilities{Bounding: 1 << unix.CAP_KILL, Permitted: 1 << unix.CAP_KILL, Effective: 1 << unix.CAP_KILL}
		same(t, "capabilities", inside(b, "--cap", "CAP_KILL").Capabilities, want)
	})
	t.Run("process", func(t *testing.T) {
		file := b.File(b.Path("process.json"), `{"args": ["/probe", "report"], "cwd": "/there", "user": {"uid": 3, "gid": 4}}`)
		p := b.Vial("exec", "--process", file, b.ID).OK().Report().Process
		same(t, "ids", [2]uint32{p.UID[0], p.GID[0]}, [2]uint32{3, 4})
		same(t, "env", fmt.Sprint(p.Env), "[HOME=/]")
		same(t, "groups", len(p.Groups), 0)
	})
	t.Run("process from a pipe", func(t *testing.T) {
		read, write, err := os.Pipe()
		b.Must(err)
		defer read.Close()
		_, err = write.WriteString(`{"args": ["/probe", "report"], "cwd": "/there"}`)
		b.Must(err)
		write.Close()
		piped := *b
		piped.Stdio = map[int]*os.File{0: read}
		same(t, "cwd", piped.Vial("exec", "--process", "/dev/stdin", b.ID).OK().Report().Process.Cwd, "/there")
	})
	t.Run("status", func(t *testing.T) {
		for words, want := range map[string]int{"exit 7": 7, "kill SIGKILL": 137, "kill SIGTERM": 143, "exit 0": 0} {
			r := b.Vial(append([]string{"exec", b.ID, "/probe"}, strings.Fields(words)...)...)
			same(t, words, r.Status, want)
		}
	})
	t.Run("preserve-fds", func(t *testing.T) {
		null, err := os.Open(os.DevNull)
		b.Must(err)
		defer null.Close()
		defer func() { b.Stdio = nil }()
		b.Stdio = map[int]*os.File{3: null, 4: null, 5: null}
		fds := inside(b, "--preserve-fds", "2").Descriptors
		if _, third := fds[5]; len(fds) != 5 || third {
			t.Errorf("descriptors %v", fds)
		}
		execFails(b.Vial("exec", "--preserve-fds", "4", b.ID, "/probe", "report"), t, "unable to stat preserved-fd 3 (of 4)")
	})
	t.Run("sockets for vial are not for the process", func(t *testing.T) {
		env := b.Env
		defer func() { b.Env = env }()
		b.Env = append(slices.Clone(env), "LISTEN_FDS=1")
		if p := inside(b); len(p.Descriptors) != 3 || strings.Contains(strings.Join(p.Env, " "), "LISTEN") {
			t.Errorf("environment %q, descriptors %v", p.Env, p.Descriptors)
		}
	})
	t.Run("words after the command are its own", func(t *testing.T) {
		r := b.Vial("exec", b.ID, "/probe", "print", "--user").OK()
		same(t, "printed", r.Stdout, "--user\n")
	})
	t.Run("those that are not there yet", func(t *testing.T) {
		for _, flag := range []string{"--process-label=x", "--apparmor=x"} {
			execFails(b.Vial("exec", flag, b.ID, "/probe", "report"), t, strings.TrimSuffix(flag, "=x")+": not supported yet")
		}
		b.Vial("exec", "--process-label", "", "--apparmor=", b.ID, "/probe", "exit", "0").OK()
	})
}

func TestExecFailures(t *testing.T) {
	t.Parallel()
	b := running(t, func(b *bed.Bundle) {
		b.File(b.In("plain"), "")
		b.Program(b.In("broken"), []byte("\x7fELF"))
		b.Mkdir(b.In("dir"))
	})
	pid := b.Path("failed.pid")
	for _, c := range []struct {
		want  string
		words []string
	}{
		{`exec: "nope": executable file not found in $PATH`, []string{b.ID, "nope"}},
		{`exec: "/nope": no such file or directory`, []string{b.ID, "/nope"}},
		{`exec: "/plain": permission denied`, []string{b.ID, "/plain"}},
		{`exec: "/dir": is a directory`, []string{b.ID, "/dir"}},
		{`exec /broken: exec format error`, []string{b.ID, "/broken"}},
		{"process.cwd: enter /nodir: openat2: no such file or directory", []string{"--cwd", "/nodir", b.ID, "/probe"}},
		{"process.cwd: enter /plain: openat2: not a directory", []string{"--cwd", "/plain", b.ID, "/probe"}},
		{"exec args cannot be empty", []string{b.ID}},
		{"bad uid", []string{"--user", "x", b.ID, "/probe"}}, {"bad uid", []string{"--user", ":5", b.ID, "/probe"}},
		{"bad uid", []string{"--user", "4294967295", b.ID, "/probe"}}, {"bad gid", []string{"--user", "1:", b.ID, "/probe"}},
		{"additional-gids must be a positive number -1", []string{"-g", "-1", b.ID, "/probe"}},
		{"no such capability", []string{"--cap", "CAP_NONE", b.ID, "/probe"}},
		{"container does not exist", []string{b.ID + "x", "/probe"}},
		{"bad sub cgroup path", []string{"--cgroup", "../" + b.ID + "x", b.ID, "/probe"}},
		{"cgroup: open ", []string{"--cgroup", "missing", b.ID, "/probe"}},
		{"process.args: must not be empty", []string{"--process", b.File(b.Path("p.json"), `{"cwd": "/"}`), b.ID}},
	} {
		execFails(b.Vial(append([]string{"exec", "--pid-file", pid}, c.words...)...), t, c.want)
		if _, err := os.Lstat(pid); err == nil {
			t.Errorf("%v: a pid file is left", c.words)
			_ = os.Remove(pid)
		}
	}
	b.Vial("kill", b.ID, "KILL").OK()
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	execFails(b.Vial("exec", b.ID, "/probe", "report"), t, "cannot exec in a stopped container")
}

func TestExecStates(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("sleep")
	same(t, "hostname in a created container", inside(b).Hostname, "bed")
	same(t, "its status then", b.Status(), "created")
}

func TestExecDetached(t *testing.T) {
	t.Parallel()
	b := running(t, nil)
	file := b.Path("exec.pid")
	b.Vial("exec", "--detach", "--pid-file", file, b.ID, "/probe", "sleep").OK()
	text, err := os.ReadFile(file)
	b.Must(err)
	pid, err := strconv.Atoi(string(text))
	b.Must(err)
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	b.Must(err)
	// This process is the nearest subreaper.
	if fields := strings.Fields(string(stat)); len(fields) < 4 || fields[3] != strconv.Itoa(os.Getpid()) {
		t.Errorf("its parent is not the caller's subreaper: %s", stat)
	}
	b.Must(unix.Kill(pid, unix.SIGKILL))
	// Until it is reaped, the first process of its pid namespace cannot end.
	_, err = unix.Wait4(pid, nil, unix.WALL, nil)
	b.Must(err)
}

func TestExecForwardsSignals(t *testing.T) {
	t.Parallel()
	b := running(t, nil)
	p := b.Launch("exec", b.ID, "/probe", "signal-wait")
	b.Until("the process waits", func() bool { return strings.Contains(p.Output(), "ready") })
	p.Signal(unix.SIGUSR2)
	if r := p.Wait(); r.Status != 0 || !strings.Contains(r.Stdout, "SIGUSR2") {
		t.Errorf("status %d, %q %q", r.Status, r.Stdout, r.Stderr)
	}
}

// TestExecNamespaces joins containers that have some namespaces of their own.
func TestExecNamespaces(t *testing.T) {
	t.Parallel()
	for _, more := range [][]specs.LinuxNamespaceType{
		{}, {specs.PIDNamespace}, {specs.NetworkNamespace}, {specs.IPCNamespace, specs.UTSNamespace}, {specs.CgroupNamespace, specs.PIDNamespace},
	} {
		t.Run(fmt.Sprint(more), func(t *testing.T) {
			t.Parallel()
			b := running(t, func(b *bed.Bundle) {
				b.Namespaces(append(slices.Clone(more), specs.MountNamespace)...)
				b.Unmount("/sys", "/dev/mqueue")
				if !slices.Contains(more, specs.UTSNamespace) {
					b.Spec.Hostname = ""
				}
			})
			text, err := os.ReadFile(b.Path("pid"))
			b.Must(err)
			for name, got := range inside(b).Namespaces {
				want, err := os.Readlink("/proc/" + string(text) + "/ns/" + name)
				b.Must(err)
				same(t, name, got, want)
			}
		})
	}
}

func TestManyExecs(t *testing.T) {
	t.Parallel()
	b := running(t, nil)
	var processes []*bed.Process
	for i := range 24 {
		processes = append(processes, b.Launch("exec", b.ID, "/probe", "exit", strconv.Itoa(i)))
	}
	for i, p := range processes {
		same(t, "status", p.Wait().Status, i)
	}
}

// TestExecWhileItDies starts processes in a container that is killed meanwhile:
// each runs and is killed, or does not come to run.
func TestExecWhileItDies(t *testing.T) {
	t.Parallel()
	for range 5 {
		b := running(t, nil)
		var processes []*bed.Process
		for range 6 {
			processes = append(processes, b.Launch("exec", b.ID, "/probe", "sleep"))
		}
		b.Vial("delete", "--force", b.ID).OK()
		for _, p := range processes {
			r := p.Wait()
			switch {
			case r.Status == 137 && r.Stderr == "":
			case r.Status == 255 && (strings.Contains(r.Stderr, "cannot exec in a stopped container") || strings.Contains(r.Stderr, "container does not exist")):
			default:
				t.Errorf("status %d, %q", r.Status, r.Stderr)
			}
		}
	}
}

// TestPidfdSocket receives what run, create and exec send.
func TestPidfdSocket(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	socket := b.Listen(b.Path(strings.Repeat("long", 20), "socket"))
	path := socket.Path
	received := func() (string, int) {
		text, f := socket.Receive()
		info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", f.Fd()))
		b.Must(err)
		pid := -1
		for line := range strings.Lines(string(info)) {
			if value, ok := strings.CutPrefix(line, "Pid:"); ok {
				pid, err = strconv.Atoi(strings.TrimSpace(value))
				b.Must(err)
			}
		}
		return text, pid
	}
	b.Spec.Process.Args = []string{"/probe", "sleep"}
	b.File(b.Path("config.json"), "")
	first := b.Created("sleep")
	b.Vial("start", b.ID).OK()
	b.Vial("exec", "--pidfd-socket", path, "--pid-file", b.Path("exec.pid"), b.ID, "/probe", "exit", "0").OK()
	what, _ := received()
	same(t, "what exec sends", what, "setns")
	b.Must(unix.Kill(first, unix.SIGKILL))
	b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
	b.Vial("delete", b.ID).OK()
	b.Vial("create", "--bundle", b.Dir, "--pidfd-socket", path, "--pid-file", b.Path("pid"), b.ID).OK()
	b.Adopt(b.Path("pid"))
	what, pid := received()
	same(t, "what create sends", what, "standard")
	text, err := os.ReadFile(b.Path("pid"))
	b.Must(err)
	same(t, "the pidfd's process", strconv.Itoa(pid), string(text))
}

func TestPreservedDescriptors(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	null, err := os.Open(os.DevNull)
	b.Must(err)
	defer null.Close()
	b.Stdio = map[int]*os.File{3: null, 4: null, 5: null}
	b.Spec.Process.Args = []string{"/probe", "report"}
	b.Env = append(b.Env, "LISTEN_FDS=1")
	b.File(b.Path("config.json"), "")
	b.Listing()
	r := b.Vial("run", "--bundle", b.Dir, "--preserve-fds", "1", b.ID).OK().Report().Process
	if _, third := r.Descriptors[5]; len(r.Descriptors) != 5 || third {
		t.Errorf("descriptors %v", r.Descriptors)
	}
	if !slices.Contains(r.Env, "LISTEN_FDS=1") || !slices.Contains(r.Env, "LISTEN_PID=1") {
		t.Errorf("environment %q", r.Env)
	}
	b.Vial("run", "--bundle", b.Dir, "--preserve-fds", "3", b.ID).Fails("unable to stat preserved-fd 3 (of 4)")
}

// TestExecCgroup starts a process in a cgroup below the container's.
func TestExecCgroup(t *testing.T) {
	t.Parallel()
	b := running(t, nil)
	b.Must(os.Mkdir(b.Cgroup("pids")+"/below", 0o755))
	flag := "pids:below"
	if bed.V2() {
		flag = "below"
	}
	if got := inside(b, "--cgroup", flag).Cgroup; !strings.Contains(got, b.ID+"/below\n") {
		t.Errorf("the process is in %s", got)
	}
	execFails(b.Vial("exec", "--cgroup", "pids:below", "--cgroup", "x", b.ID, "/probe"), t, "missing <controller>: prefix")
}
