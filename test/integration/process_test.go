package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

func TestCwd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, cwd, want string }{
		{"is entered", "/there", "/there"},
		{"is made if it is missing, with its parents", "/not/yet/there", "/not/yet/there"},
		{"dots lead no higher than the root", "/../../there", "/there"},
		{"an absolute link leads to a directory in the container", "/link", "/there"},
		{"a link with dots leads no higher than the root", "/climb", "/there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Mkdir(b.In("there"))
			b.Link("/there", b.In("link"))
			b.Link("../../../../there", b.In("climb"))
			b.Spec.Process.Cwd = c.cwd
			same(t, "the working directory", b.Process().Cwd, c.want)
		})
	}
	t.Run("a file is refused", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.In("file"), "")
		b.Spec.Process.Cwd = "/file"
		b.Run("report").Fails("process.cwd: enter /file: ", "not a directory")
	})
	t.Run("that only the user may enter", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		dir := b.Mkdir(b.In("private"))
		b.Must(os.Chmod(dir, 0o700))
		b.Must(os.Chown(dir, 1000, 1000))
		b.Spec.Process.User = specs.User{UID: 1000, GID: 1000}
		b.Spec.Process.Cwd = "/private"
		same(t, "the working directory", b.Process().Cwd, "/private")
	})
	t.Run("may be a mount", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Mount("/home/here", "tmpfs", "tmpfs")
		b.Spec.Process.Cwd = "/home/here"
		r := b.Report("report", "stat", ".")
		same(t, "the working directory", r.Process.Cwd, "/home/here")
		same(t, "its filesystem", act(t, r, 0).File.Filesystem, 0x01021994)
	})
}

func TestEnv(t *testing.T) {
	t.Parallel()
	const passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n"
	for _, c := range []struct {
		name   string
		uid    uint32
		passwd string
		env    []string
		want   []string
	}{
		{"is what the config says, in order", 0, "", []string{"B=2", "A=1", "EMPTY=", "HOME=/x"}, []string{"B=2", "A=1", "EMPTY=", "HOME=/x"}},
		{"the last of a name wins", 0, "", []string{"A=1", "B=2", "A=3", "HOME=/x"}, []string{"B=2", "A=3", "HOME=/x"}},
		{"HOME is the user's in /etc/passwd", 0, passwd, []string{"A=1"}, []string{"A=1", "HOME=/root"}},
		{"HOME of another user", 1000, passwd, []string{"A=1"}, []string{"A=1", "HOME=/home/user"}},
		{"HOME of a user that is not in /etc/passwd", 1001, passwd, []string{"A=1"}, []string{"A=1", "HOME=/"}},
		{"HOME without /etc/passwd", 0, "", []string{"A=1"}, []string{"A=1", "HOME=/"}},
		{"an empty HOME is as none", 0, passwd, []string{"HOME=", "A=1"}, []string{"A=1", "HOME=/root"}},
		{"no environment at all", 0, "", nil, []string{"HOME=/"}},
		{"a value may hold anything", 0, "", []string{"A=b=c d\n\x01é", "HOME=/"}, []string{"A=b=c d\n\x01é", "HOME=/"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			if c.passwd != "" {
				b.File(b.In("etc/passwd"), c.passwd)
			}
			b.Spec.Process.Env, b.Spec.Process.User.UID = c.env, c.uid
			if got := b.Process().Env; !slices.Equal(got, c.want) {
				t.Errorf("the environment is %q, want %q", got, c.want)
			}
		})
	}
	t.Run("vial's own does not get through", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Env = append(b.Env, "SECRET=1", "LISTEN_FDS=3", "LISTEN_PID=1")
		if got := b.Process().Env; !slices.Equal(got, b.Spec.Process.Env) {
			t.Errorf("the environment is %q", got)
		}
	})
}

func TestUser(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		user specs.User
	}{
		{"root", specs.User{}},
		{"ids and groups", specs.User{UID: 1000, GID: 1001, AdditionalGids: []uint32{5, 2000, 4294967294}}},
		{"the largest ids", specs.User{UID: 4294967294, GID: 4294967294}},
		{"root with a group", specs.User{GID: 7}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Process.User = c.user
			p := b.Process()
			uid, gid := c.user.UID, c.user.GID
			same(t, "uid", p.UID, [3]uint32{uid, uid, uid})
			same(t, "gid", p.GID, [3]uint32{gid, gid, gid})
			if !slices.Equal(p.Groups, c.user.AdditionalGids) {
				t.Errorf("groups are %v, want %v", p.Groups, c.user.AdditionalGids)
			}
			same(t, "capabilities of the user", p.Capabilities.Effective, 0)
		})
	}
	t.Run("-1 is no id", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Process.User.UID = 4294967295
		b.Run("report").Fails("process.user.uid: 4294967295 is no id")
	})
}

func TestUmask(t *testing.T) {
	t.Parallel()
	mask := func(m uint32) *uint32 { return &m }
	for _, c := range []struct {
		name  string
		umask *uint32
		want  int
	}{
		{"none asked for", nil, 0o022}, {"nothing masked", mask(0), 0}, {"all masked", mask(0o777), 0o777}, {"027", mask(0o027), 0o027},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Process.User.Umask = c.umask
			b.Mkdir(b.In("made"))
			r := b.Report("report", "write", "/made/file", "x", "lstat", "/made/file")
			same(t, "the umask", r.Process.Umask, c.want)
			same(t, "the mode of a new file", act(t, r, 1).File.Mode, uint32(0o666&^c.want))
		})
	}
}

// TestRlimits looks at every limit below what the host has: raising one takes
// CAP_SYS_RESOURCE, which not every host grants.
func TestRlimits(t *testing.T) {
	t.Parallel()
	t.Run("each", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		// AS, DATA, RSS and MEMLOCK leave room for the probe.
		want := map[string][2]uint64{
			"RLIMIT_CPU": {100, 200}, "RLIMIT_FSIZE": {1 << 30, 1 << 31}, "RLIMIT_DATA": {1 << 33, 1 << 34},
			"RLIMIT_STACK": {1 << 20, 8 << 20}, "RLIMIT_CORE": {0, 0}, "RLIMIT_RSS": {1 << 30, 1 << 31},
			"RLIMIT_NPROC": {900, 1000}, "RLIMIT_NOFILE": {512, 512}, "RLIMIT_MEMLOCK": {4096, 8192},
			"RLIMIT_AS": {1 << 40, 1 << 41}, "RLIMIT_LOCKS": {10, 20}, "RLIMIT_SIGPENDING": {100, 200},
			"RLIMIT_MSGQUEUE": {4096, 8192}, "RLIMIT_NICE": {0, 0}, "RLIMIT_RTPRIO": {0, 0}, "RLIMIT_RTTIME": {1000000, 2000000},
		}
		for name, l := range want {
			b.Spec.Process.Rlimits = append(b.Spec.Process.Rlimits, specs.POSIXRlimit{Type: name, Soft: l[0], Hard: l[1]})
		}
		got := b.Process().Rlimits
		for name, l := range want {
			same(t, name, got[name], l)
		}
	})
	t.Run("soft below hard, as the host sees it", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 64, Hard: 512}}
		pid := b.Created("report")
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
		b.Must(err)
		for line := range strings.Lines(string(limits)) {
			if f := strings.Fields(line); strings.HasPrefix(line, "Max open files") {
				same(t, "the limits", f[3]+" "+f[4], "64 512")
			}
		}
	})
	t.Run("so few descriptors that the program itself must manage", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Program(b.In("true"), bed.TrueELF())
		b.Spec.Process.Args = []string{"true"}
		b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 3, Hard: 3}}
		b.RunSpec().OK()
	})
	t.Run("raising one without the privilege is an error", func(t *testing.T) {
		t.Parallel()
		if effective(t)&(1<<24) != 0 {
			bed.Skip(t, "this host grants CAP_SYS_RESOURCE")
		}
		b := bed.New(t)
		b.Spec.Process.Rlimits = []specs.POSIXRlimit{{Type: "RLIMIT_NICE", Soft: 20, Hard: 20}}
		b.Run("report").Fails("process.rlimits[0]: set RLIMIT_NICE: ", "operation not permitted")
	})
}

func TestNoNewPrivileges(t *testing.T) {
	t.Parallel()
	for _, want := range []bool{false, true} {
		t.Run(fmt.Sprint(want), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Process.NoNewPrivileges = want
			same(t, "no_new_privs", b.Process().NoNewPrivs, want)
		})
	}
}

func TestOOMScoreAdj(t *testing.T) {
	t.Parallel()
	own, err := os.ReadFile("/proc/self/oom_score_adj")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, want string }{
		{"absent: as the caller's", strings.TrimSpace(string(own))}, {"0", "0"}, {"1000", "1000"}, {"567", "567"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			var n int
			if _, err := fmt.Sscan(c.name, &n); err == nil {
				b.Spec.Process.OOMScoreAdj = &n
			}
			same(t, "oom_score_adj", b.Process().OOMScoreAdj, c.want)
		})
	}
	t.Run("is set where there is no /proc", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		n := 321
		b.Spec.Process.OOMScoreAdj = &n
		b.Unmount("/proc")
		pid := b.Created("report")
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/oom_score_adj", pid))
		b.Must(err)
		same(t, "oom_score_adj", strings.TrimSpace(string(text)), "321")
	})
}

// TestProcessState is what every process gets, whatever the config says.
func TestProcessState(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	p := b.Process()
	same(t, "pid", p.Pid, 1)
	same(t, "parent", p.Ppid, 0)
	same(t, "session", p.Session, 1)
	same(t, "a controlling terminal", p.Terminal, false)
	same(t, "securebits", p.Securebits, 0)
	for _, line := range []string{"SigBlk:\t0000000000000000", "SigIgn:\t" + bed.IgnoredSignals(), "Seccomp:\t0"} {
		if !strings.Contains(p.Status, line) {
			t.Errorf("status has no %q:\n%s", line, p.Status)
		}
	}
	if !strings.HasSuffix(p.Keyring, ";_ses."+b.ID) {
		t.Errorf("the session keyring is %q, want one of the container's own", p.Keyring)
	}
}
