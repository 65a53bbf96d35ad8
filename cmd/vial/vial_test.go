package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// call runs vial in this process.
func call(args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	status = vial(args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestParseSignal(t *testing.T) {
	for text, want := range map[string]unix.Signal{
		"": 15, "0": 0, "9": 9, "KILL": 9, "SIGKILL": 9, "kill": 9, "sigterm": 15,
		"RTMIN": 34, "RTMIN+3": 37, "SIGRTMAX": 64, "RTMAX-1": 63, "64": 64,
	} {
		if got, err := parseSignal(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"NOPE", "-1", "65", "RTMIN-1", "RTMAX+1", "RTMIN+31", "SIG", "9x", "RTMINx"} {
		if got, err := parseSignal(text); err == nil || !strings.Contains(err.Error(), "unknown signal") {
			t.Errorf("%q: %d, %v; want unknown signal", text, got, err)
		}
	}
}

func TestStatuses(t *testing.T) {
	root := t.TempDir()
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string // what each begins with
	}{
		{nil, 0, "NAME:\n   vial - runs OCI containers", ""},
		{[]string{"--help"}, 0, "NAME:\n   vial - runs OCI containers", ""},
		{[]string{"help"}, 0, "NAME:\n   vial - runs OCI containers", ""},
		{[]string{"help", "kill"}, 0, "NAME:\n   vial kill - ", ""},
		{[]string{"kill", "--help"}, 0, "NAME:\n   vial kill - ", ""},
		{[]string{"--version"}, 0, "vial version ", ""},
		{[]string{"-v"}, 0, "vial version ", ""},
		{[]string{"help", "--help"}, 0, "NAME:\n   vial help - ", ""},
		{[]string{"h", "kill"}, 0, "NAME:\n   vial kill - ", ""},
		{[]string{"kill", "-?"}, 0, "NAME:\n   vial kill - ", ""},
		{[]string{"--usage"}, 0, "NAME:\n   vial - runs OCI containers", ""},
		{[]string{"-V"}, 0, "vial version ", ""},
		{[]string{"list", "--version"}, 0, "vial version ", ""},
		{[]string{"nope"}, 3, "", "vial: No help topic for 'nope'\n"},
		{[]string{"nope", "--help"}, 3, "", "vial: No help topic for 'nope'\n"},
		{[]string{"help", "nope"}, 3, "", "vial: No help topic for 'nope'\n"},
		{[]string{"checkpoint", "--help"}, 1, "", "vial: checkpoint: not supported yet"},
		{[]string{"help", "restore"}, 1, "", "vial: restore: not supported yet"},
		{[]string{"--nope", "list"}, 1, "NAME:\n   vial - runs OCI containers", "vial: Incorrect Usage: flag provided but not defined: -nope\n"},
		{[]string{"--root"}, 1, "NAME:\n   vial - runs OCI containers", "vial: Incorrect Usage: flag needs an argument: --root\n"},
		{[]string{"create", "--no", "a"}, 1, "NAME:\n   vial create - ", "vial: Incorrect Usage: flag is ambiguous: --no could be --no-new-keyring or --no-pivot or --no-subreaper\n"},
		{[]string{"create", "--preserve-fds", "x", "a"}, 1, "NAME:\n   vial create - ", "vial: Incorrect Usage: invalid value \"x\" for flag --preserve-fds: parse error\n"},
		{[]string{"create"}, 1, "Incorrect Usage.\n\nNAME:\n   vial create - ", "vial: \"create\" requires exactly 1 argument(s)\n"},
		{[]string{"kill"}, 1, "Incorrect Usage.\n\n", "vial: \"kill\" requires a minimum of 1 argument(s)\n"},
		{[]string{"kill", "a", "b", "c"}, 1, "Incorrect Usage.\n\n", "vial: \"kill\" requires a maximum of 2 argument(s)\n"},
		{[]string{"create", "--nope", "a"}, 1, "NAME:\n   vial create - ", "vial: Incorrect Usage: flag provided but not defined: -nope\n"},
		{[]string{"create", "--bundle"}, 1, "NAME:\n   vial create - ", "vial: Incorrect Usage: flag needs an argument: --bundle\n"},
		{[]string{"--log-format", "xml", "list"}, 1, "", "vial: invalid log-format: xml\n"},
		{[]string{"--root", "/", "list"}, 1, "", "vial: Option --root argument should not be set to /\n"},
		{[]string{"--cgroup-manager", "x", "list"}, 1, "", "vial: invalid --cgroup-manager: x: want cgroupfs, systemd or disabled\n"},
		{[]string{"list", "--systemd-cgroup", "--cgroup-manager", "disabled"}, 1, "", "vial: --systemd-cgroup and --cgroup-manager disabled exclude each other\n"},
		{[]string{"--root", root, "list"}, 0, "ID          PID         STATUS      BUNDLE      CREATED     OWNER\n", ""},
		{[]string{"--root", root, "list", "--format", "json"}, 0, "null\n", ""},
		{[]string{"--root", root, "list", "-q"}, 0, "", ""},
		{[]string{"--root", root, "list", "-f", "xml"}, 1, "", "vial: list: invalid format option: xml\n"},
		{[]string{"--root", root + "/nope", "list"}, 1, "", "vial: list: stat "},
		{[]string{"--root", root, "state", "a"}, 1, "", "vial: state a: container does not exist\n"},
		{[]string{"--root", root, "start", "a/b"}, 1, "", "vial: start \"a/b\": invalid container ID format"},
		{[]string{"--root", root, "kill", "a", "NOPE"}, 1, "", "vial: kill: unknown signal \"NOPE\"\n"},
		{[]string{"--root", root, "delete", "a"}, 1, "", "vial: delete a: container does not exist\n"},
		{[]string{"--root", root, "delete", "--force", "a"}, 0, "", ""},
		{[]string{"--root", root, "pause", "a"}, 1, "", "vial: pause a: container does not exist\n"},
		{[]string{"--root", root, "resume", "a"}, 1, "", "vial: resume a: container does not exist\n"},
		{[]string{"--root", root, "ps", "a"}, 1, "", "vial: ps a: container does not exist\n"},
		{[]string{"--root", root, "ps", "--format", "json", "a"}, 1, "", "vial: ps a: container does not exist\n"},
		{[]string{"--root", root, "ps", "-f", "xml", "a"}, 1, "", "vial: ps: invalid format option: xml\n"},
		{[]string{"--root", root, "events", "a"}, 1, "", "vial: events a: container does not exist\n"},
		{[]string{"--root", root, "events", "--stats", "a"}, 1, "", "vial: events a: container does not exist\n"},
		{[]string{"--root", root, "events", "--interval", "0", "a"}, 1, "", "vial: events: duration interval must be greater than 0\n"},
		{[]string{"--root", root, "events", "--interval", "-1s", "a"}, 1, "", "vial: events: duration interval must be greater than 0\n"},
		{[]string{"--root", root, "update", "a"}, 1, "", "vial: update a: container does not exist\n"},
		{[]string{"--root", root, "update", "--memory", "1x", "a"}, 1, "", "vial: update: invalid value for memory: \"1x\" is no size such as 512m\n"},
		{[]string{"--root", root, "update", "--cpu-quota", "x", "a"}, 1, "", "vial: update: invalid value for cpu-quota: "},
		{[]string{"--root", root, "update", "--cpu-share", "-1", "a"}, 1, "", "vial: update: invalid value for cpu-share: "},
		{[]string{"--root", root, "update", "--blkio-weight", "70000", "a"}, 1, "", "vial: update: invalid value for blkio-weight: "},
		{[]string{"--root", root, "update", "--pids-limit", "many", "a"}, 1, "", "vial: update: invalid value for pids-limit: "},
		{[]string{"--root", root, "update", "--l3-cache-schema", "L3:0=f", "a"}, 1, "", "vial: update: --l3-cache-schema: not supported yet: Intel RDT\n"},
		{[]string{"--root", root, "update", "-r", root + "/none", "a"}, 1, "", "vial: update: open " + root + "/none: no such file or directory\n"},
		{[]string{"--root", root, "run", "a", "b"}, 1, "", "vial: run: a command is taken with --rootfs only"},
		{[]string{"--root", root, "run", "--rootfs", "/", "a"}, 1, "", "vial: run: --rootfs needs a command"},
	} {
		status, stdout, stderr := call(c.args...)
		if status != c.status || !strings.HasPrefix(stdout, c.stdout) || !strings.HasPrefix(stderr, c.stderr) ||
			c.stdout == "" && stdout != "" || c.stderr == "" && stderr != "" {
			t.Errorf("vial %q: status %d, want %d\nstdout %q\nstderr %q", c.args, status, c.status, stdout, stderr)
		}
	}
}

// TestVersion holds what Docker and containerd parse: one line with the word
// version, and it is the first.
func TestVersion(t *testing.T) {
	_, stdout, _ := call("--version")
	lines := strings.Split(stdout, "\n")
	if strings.Count(stdout, "version") != 1 || !strings.HasPrefix(lines[0], "vial version ") || !strings.HasPrefix(lines[1], "commit: ") {
		t.Errorf("got %q", stdout)
	}
}

func TestSpec(t *testing.T) {
	dir := t.TempDir()
	if status, _, stderr := call("spec", "--bundle", dir, "--", "/printme", "-x"); status != 0 {
		t.Fatal(stderr)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Hostname string
		Process  struct {
			Terminal bool
			Args     []string
		}
	}
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	if spec.Hostname != "runc" || spec.Process.Terminal || !slices.Equal(spec.Process.Args, []string{"/printme", "-x"}) {
		t.Errorf("got %+v", spec)
	}
	status, _, stderr := call("spec", "--bundle", dir)
	if status != 1 || !strings.HasSuffix(stderr, "exists. Remove it first\n") {
		t.Errorf("a second time: status %d, %q", status, stderr)
	}
}

// TestListenFDs: descriptors are for vial if LISTEN_PID says so, or says nothing.
func TestListenFDs(t *testing.T) {
	for _, c := range []struct {
		fds, pid string
		want     int
	}{
		{"", "", 0}, {"2", "", 2}, {"2", "77", 2}, {"2", "78", 0}, {"2", "x", 0}, {"", "77", 0}, {"-1", "", 0}, {"x", "77", 0},
	} {
		env := map[string]string{"LISTEN_FDS": c.fds, "LISTEN_PID": c.pid}
		if got := listenFDs(func(name string) string { return env[name] }, 77); got != c.want {
			t.Errorf("LISTEN_FDS=%s LISTEN_PID=%s: %d, want %d", c.fds, c.pid, got, c.want)
		}
	}
}
