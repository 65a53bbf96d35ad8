package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A fate is what becomes of a flag that runc or crun has.
type fate uint8

const (
	works   fate = iota
	inert        // accepted without effect, for callers that give it to every runtime; its help says so
	refused      // refused by name: "--flag: not supported"
	absent       // the whole command is not there, and is refused by name or is unknown
)

// An entry of the contract is one flag of a command, with all its names.
type entry struct {
	verb  string // empty: global
	flags string // as they are typed, the value behind them
	fate  fate
}

// contract is every flag of every command of runc 1.5 and crun 1.29, and of
// vial's own. A flag that vial defines and that is not here fails the test, and
// one that is here and does not do what its fate says.
func contract() []entry {
	return slices.Concat(globalContract(), createContract("create"), createContract("run"), []entry{
		{"create", "--no-subreaper", inert},
		{"compile", "--no-subreaper", inert},
		{"run", "--no-subreaper", works},
		{"run", "--detach -d", works},
		{"run", "--keep", works},
		{"run", "--rootfs /", works}, // vial's own
		{"start", "", works},
		{"state", "", works},
		{"pause", "", works},
		{"resume", "", works},
		{"delete", "--force -f", works},
		{"delete", "--regex -r", refused},
		{"kill", "--all -a", works},
		{"kill", "--regex -r", refused},
		{"list", "--format -f json", works},
		{"list", "--quiet -q", works},
		{"ps", "--format -f json", works},
		{"events", "--interval 1s", works},
		{"events", "--stats", works},
		{"spec", "--bundle -b .", works},
		{"spec", "--file -f FILE", works},
		{"spec", "--rootless", refused},
		{"features", "", works},
		{"mounts", "", absent},
		// vial's own
		{"compile", "--for run", works},
		{"help", "--man", works},
		{"help", "--man-to .", works},
		{"completion", "", works},
	}, createContract("compile"), execContract(), updateContract(), criuContract())
}

func globalContract() []entry {
	return []entry{
		{"", "--debug", works},
		{"", "--log log", works},
		{"", "--log-format json", works},
		{"", "--log-level warning", works},
		{"", "--root .", works},
		{"", "--systemd-cgroup", works},
		{"", "--cgroup-manager cgroupfs", works},
		{"", "--cgroup-manager systemd", works},
		{"", "--cgroup-manager disabled", works},
		{"", "--rootless true", inert},
		{"", "--version -v -V", works},
		{"", "--help -h -? --usage", works},
		{"", "--criu /criu", inert},
	}
}

func createContract(verb string) []entry {
	return []entry{
		{verb, "--bundle -b .", works},
		{verb, "--config -f FILE", works},
		{verb, "--console-socket PATH", works},
		{verb, "--pidfd-socket PATH", works},
		{verb, "--pid-file FILE", works},
		{verb, "--no-pivot", works},
		{verb, "--no-new-keyring", works},
		{verb, "--preserve-fds 0", works},
	}
}

func execContract() []entry {
	return []entry{
		{"exec", "--console-socket PATH", works},
		{"exec", "--pidfd-socket PATH", works},
		{"exec", "--cwd /", works},
		{"exec", "--env -e A=B", works},
		{"exec", "--tty -t", works},
		{"exec", "--user -u 0:0", works},
		{"exec", "--additional-gids -g 5", works},
		{"exec", "--process -p FILE", works},
		{"exec", "--detach -d", works},
		{"exec", "--pid-file FILE", works},
		{"exec", "--process-label LABEL", refused},
		{"exec", "--apparmor PROFILE", refused},
		{"exec", "--no-new-privs", works},
		{"exec", "--cap -c CAP_KILL", works},
		{"exec", "--preserve-fds 0", works},
		{"exec", "--cgroup /", works},
		{"exec", "--ignore-paused", works},
	}
}

func updateContract() []entry {
	all := []entry{
		{"update", "--resources -r FILE", works},
		{"update", "--kernel-memory 1", inert},
		{"update", "--kernel-memory-tcp 1", inert},
		{"update", "--l3-cache-schema L3", refused},
		{"update", "--mem-bw-schema MB", refused},
	}
	for _, name := range []string{
		"blkio-weight", "cpu-period", "cpu-quota", "cpu-burst", "cpu-share", "cpu-rt-period", "cpu-rt-runtime",
		"cpuset-cpus", "cpuset-mems", "cpu-idle", "memory", "memory-reservation", "memory-swap", "pids-limit",
	} {
		all = append(all, entry{"update", "--" + name + " 1", works})
	}
	return all
}

// criuContract are checkpoint and restore. That checkpoint --help fails tells
// Podman that there is none.
func criuContract() []entry {
	var all []entry
	for _, flags := range []string{
		"--image-path DIR", "--work-path DIR", "--tcp-established", "--ext-unix-sk", "--shell-job", "--file-locks",
		"--tcp-skip-in-flight", "--link-remap", "--lazy-pages", "--auto-dedup", "--empty-ns network",
		"--manage-cgroups-mode soft", "--network-lock skip", "--help",
	} {
		all = append(all, entry{"checkpoint", flags, absent}, entry{"restore", flags, absent})
	}
	for _, flags := range []string{"--parent-path DIR", "--leave-running", "--pre-dump", "--status-fd 1", "--page-server HOST"} {
		all = append(all, entry{"checkpoint", flags, absent})
	}
	for _, flags := range []string{
		"--tcp-close", "--lsm-profile PROFILE", "--lsm-mount-context CONTEXT", "--bundle -b DIR", "--detach -d", "--pid-file FILE",
		"--console-socket PATH", "--no-pivot", "--no-subreaper", "-no-subreaper",
	} {
		all = append(all, entry{"restore", flags, absent})
	}
	return all
}

// names are the ways to type the flag, and the value that goes with each.
func (e entry) names() (names, value []string) {
	for _, word := range strings.Fields(e.flags) {
		if strings.HasPrefix(word, "-") {
			names = append(names, word)
		} else {
			value = []string{word}
		}
	}
	return names, value
}

// line is a command line with the flag, that fails early if it can.
func (e entry) line(name string, value []string) []string {
	verb, rest := e.verb, []string(nil)
	if verb == "" {
		verb = "list"
	}
	switch verb {
	case "exec":
		rest = []string{"nobody", "true"}
	case "run":
		rest = []string{"--bundle", "nowhere", "nobody"}
		if name == "--rootfs" {
			rest = append(rest, "true")
		}
	case "create", "compile":
		rest = []string{"--bundle", "nowhere", "nobody"}
	case "list", "features", "spec", "help":
	default:
		rest = []string{"nobody"}
	}
	return slices.Concat([]string{verb, name}, value, rest)
}

func TestContract(t *testing.T) {
	for _, e := range contract() {
		names, value := e.names()
		for _, name := range names {
			for _, args := range e.forms(name, value) {
				t.Run(strings.Join(args, " "), func(t *testing.T) {
					t.Chdir(t.TempDir())
					e.check(t, name, args)
				})
			}
		}
	}
}

// forms are the command lines to try: with a value behind, and attached.
func (e entry) forms(name string, value []string) [][]string {
	forms := [][]string{e.line(name, value)}
	if len(value) > 0 {
		forms = append(forms, e.line(name+"="+value[0], nil))
	}
	if len(value) > 0 && len(name) == 2 {
		forms = append(forms, e.line(name+value[0], nil))
	}
	if len(value) > 0 || !strings.HasPrefix(name, "--") {
		return forms
	}
	return append(forms, e.line(name[1:], nil))
}

func (e entry) check(t *testing.T, name string, args []string) {
	status, _, stderr := call(append([]string{"--root", t.TempDir()}, args...)...)
	unknown := strings.Contains(stderr, "not defined") || strings.Contains(stderr, "No help topic")
	switch e.fate {
	case works, inert:
		if unknown || strings.Contains(stderr, "not supported") || strings.Contains(stderr, "Incorrect Usage") {
			t.Errorf("it should work: %s", stderr)
		}
	case refused:
		if status == 0 || !strings.Contains(stderr, name) || !strings.Contains(stderr, ": not supported") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("it should be refused by name: status %d, %q", status, stderr)
		}
	case absent:
		if status == 0 || !unknown && !strings.Contains(stderr, e.verb+": not supported") {
			t.Errorf("it is there: say so in contract(): status %d, %q", status, stderr)
		}
	}
}

// TestContractIsWhole: what vial defines is in the contract, and what is said
// to have no effect says so itself.
func TestContractIsWhole(t *testing.T) {
	known := map[string]fate{}
	for _, e := range contract() {
		names, _ := e.names()
		known[e.verb] = e.fate
		for _, name := range names {
			known[e.verb+" "+strings.TrimLeft(name, "-")] = e.fate
		}
	}
	look := func(verb string, fs *flag.FlagSet) {
		shown := 0
		for _, o := range optionsOf(fs) {
			shown += len(o.names)
		}
		fs.VisitAll(func(*flag.Flag) { shown-- })
		if shown != 0 {
			t.Errorf("%s: a flag of one letter has not the usage text of a long one, by which help puts them together", verb)
		}
		if _, ok := known[verb]; !ok {
			t.Errorf("%s: not in contract()", verb)
		}
		fs.VisitAll(func(f *flag.Flag) {
			what := fmt.Sprintf("%s %s", verb, dashed(f.Name))
			fate, ok := known[verb+" "+f.Name]
			if !ok || fate == absent {
				t.Errorf("%s: not in contract()", what)
			}
			if fate == inert && !strings.Contains(f.Usage, "without effect") {
				t.Errorf("%s: nothing says that it has no effect", what)
			}
			if f.Usage == "" {
				t.Errorf("%s: no usage text", what)
			}
		})
	}
	g := newGlobal()
	look("", globalFlags(&g))
	for _, v := range verbs() {
		if v.about == "" || v.example == "" || !strings.Contains(v.example, "vial "+v.name) {
			t.Errorf("%s: no description, or no example", v.name)
		}
		fs := newFlags(v.name)
		v.define(fs)
		look(v.name, fs)
	}
}
