package main

import (
	"encoding/json"
	"flag"
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

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args       string
		positional []string
		bundle     string
		force      bool
		err        string
	}{
		{"id", []string{"id"}, "", false, ""},
		{"--bundle dir id", []string{"id"}, "dir", false, ""},
		{"--bundle=dir id", []string{"id"}, "dir", false, ""},
		{"-bundle dir id", []string{"id"}, "dir", false, ""},
		{"-b dir id", []string{"id"}, "dir", false, ""},
		{"-b=dir id", []string{"id"}, "dir", false, ""},
		{"-bdir id", []string{"id"}, "dir", false, ""},
		{"id -f --bundle dir", []string{"id"}, "dir", true, ""},
		{"--force=true id", []string{"id"}, "", true, ""},
		{"--force=false id", []string{"id"}, "", false, ""},
		{"id -- -x --bundle", []string{"id", "-x", "--bundle"}, "", false, ""},
		{"-- -id", []string{"-id"}, "", false, ""},
		{"id --bundle", nil, "", false, "flag needs an argument: --bundle"},
		{"id --nope", nil, "", false, "flag provided but not defined: -nope"},
		{"--bundle a --bundle b id", []string{"id"}, "b", false, ""},
	} {
		fs := newFlags("test")
		var bundle string
		var force bool
		fs.StringVar(&bundle, "bundle", "", "")
		fs.StringVar(&bundle, "b", "", "")
		fs.BoolVar(&force, "force", false, "")
		fs.BoolVar(&force, "f", false, "")
		got, err := parse(fs, strings.Fields(c.args))
		if text := errorText(err); text != c.err {
			t.Errorf("%s: %q, want %q", c.args, text, c.err)
		}
		if c.err == "" && (!slices.Equal(got, c.positional) || bundle != c.bundle || force != c.force) {
			t.Errorf("%s: %q, bundle %q, force %v", c.args, got, bundle, force)
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
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
		{nil, 0, "vial - runs OCI containers", ""},
		{[]string{"--help"}, 0, "vial - runs OCI containers", ""},
		{[]string{"help"}, 0, "vial - runs OCI containers", ""},
		{[]string{"help", "kill"}, 0, "vial kill - ", ""},
		{[]string{"kill", "--help"}, 0, "vial kill - ", ""},
		{[]string{"--version"}, 0, "vial version ", ""},
		{[]string{"-v"}, 0, "vial version ", ""},
		{[]string{"nope"}, 3, "", "No help topic for 'nope'\n"},
		{[]string{"create"}, 1, "Incorrect Usage.\n\nvial create - ", "vial: \"create\" requires exactly 1 argument(s)\n"},
		{[]string{"kill"}, 1, "Incorrect Usage.\n\n", "vial: \"kill\" requires a minimum of 1 argument(s)\n"},
		{[]string{"kill", "a", "b", "c"}, 1, "Incorrect Usage.\n\n", "vial: \"kill\" requires a maximum of 2 argument(s)\n"},
		{[]string{"create", "--nope", "a"}, 1, "vial create - ", "vial: Incorrect Usage: flag provided but not defined: -nope\n"},
		{[]string{"create", "--bundle"}, 1, "vial create - ", "vial: Incorrect Usage: flag needs an argument: --bundle\n"},
		{[]string{"--log-format", "xml", "list"}, 1, "", "vial: invalid log-format: xml\n"},
		{[]string{"--root", "/", "list"}, 1, "", "vial: Option --root argument should not be set to /\n"},
		{[]string{"--systemd-cgroup", "list"}, 1, "", "vial: --systemd-cgroup: not supported yet"},
		{[]string{"list", "--systemd-cgroup"}, 1, "", "vial: --systemd-cgroup: not supported yet"},
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
		{[]string{"--root", root, "run", "a", "b"}, 1, "", "vial: run: a command is taken with --rootfs only"},
		{[]string{"--root", root, "run", "--rootfs", "/", "a"}, 1, "", "vial: run: --rootfs needs a command"},
		{[]string{"--root", root, "create", "--console-socket", "s", "a"}, 1, "", "vial: --console-socket: not supported yet\n"},
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

// TestLog holds what Podman and containerd read: one JSON object for the error
// that ends vial, and the plain text on standard error.
func TestLog(t *testing.T) {
	root := t.TempDir()
	file := filepath.Join(root, "log")
	status, _, stderr := call("--root", root, "--log", file, "--log-format", "json", "state", "a")
	if status != 1 || stderr != "vial: state a: container does not exist\n" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var entry struct{ Level, Msg, Time string }
	if err := json.Unmarshal(text, &entry); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	if entry.Level != "error" || entry.Msg != "state a: container does not exist" || entry.Time == "" {
		t.Errorf("got %+v", entry)
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

// TestFlagsOfVerbs holds that no verb defines a flag twice, and that each has
// what its help prints.
func TestFlagsOfVerbs(t *testing.T) {
	for _, v := range verbs() {
		fs := newFlags(v.name)
		v.define(fs)
		if v.about == "" || v.example == "" {
			t.Errorf("%s: no description or example", v.name)
		}
		fs.VisitAll(func(f *flag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s: --%s has no usage text", v.name, f.Name)
			}
		})
	}
}
