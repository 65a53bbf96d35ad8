package faults

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

func limitDescriptors(value string) error {
	n, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		return err
	}
	return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: n, Max: n})
}

// outOfDescriptors gives vial ever more descriptors, until they are enough.
func outOfDescriptors(f *fault) {
	f.first()
	f.Spec.Process.Args = []string{"/probe", "exit", "0"}
	for _, verb := range []string{"create", "run"} {
		enough := 0
		for n := 3; n <= 64 && enough < 3; n++ {
			f.Through = "descriptors=" + strconv.Itoa(n)
			var r *bed.Result
			if verb == "create" {
				r = f.Create()
			} else {
				r = f.RunSpec()
			}
			f.Through = ""
			when := verb + " with " + strconv.Itoa(n) + " descriptors"
			switch {
			case r.Status == 0:
				enough++
				f.Vial("delete", "--force", f.ID).OK()
				continue
			case enough > 0:
				f.T.Errorf("%s: %s, though fewer have been enough", when, r.Stderr)
			case !strings.HasSuffix(r.Stderr, "too many open files\n"):
				f.T.Errorf("%s: %s", when, r.Stderr)
			}
			f.fails(r, when)
		}
		if enough == 0 {
			f.T.Errorf("%s: 64 descriptors are not enough", verb)
		}
	}
	for n := 3; n < 16; n++ { // of a container that is there
		f.Created("sleep")
		for _, verb := range []string{"state", "start", "list", "kill", "delete --force"} {
			f.Through = "descriptors=" + strconv.Itoa(n)
			words := append(strings.Fields(verb), f.ID)
			if verb == "list" {
				words = words[:1]
			}
			if r := f.Vial(words...); r.Status != 0 {
				r.Fails(words[0], "too many open files")
			}
			f.Through = ""
		}
		f.Vial("delete", "--force", f.ID).OK()
		f.asBefore("commands with " + strconv.Itoa(n) + " descriptors")
	}
}

// outOfProcesses lets vial create where ever more processes are allowed. Go ends
// a program that wants a thread and gets none, which is like a kill; when there
// are threads enough, vial says what it could not do.
func outOfProcesses(f *fault) {
	top := "/sys/fs/cgroup"
	if !bed.V2() {
		top += "/pids"
	}
	group := filepath.Join(top, f.ID+"-pids")
	if err := os.Mkdir(group, 0o755); err != nil {
		f.T.Skip("this setting has no controller pids")
	}
	defer func() { f.Until("the cgroup is removed", func() bool { return unix.Rmdir(group) == nil }) }()
	if bed.V2() {
		_ = os.WriteFile(top+"/cgroup.subtree_control", []byte("+pids"), 0)
	}
	if _, err := os.Stat(group + "/pids.max"); err != nil {
		f.T.Skip("this setting has no controller pids")
	}
	f.first()
	enough := false
	for n := 2; n <= 40 && !enough; n++ {
		f.Must(os.WriteFile(group+"/pids.max", []byte(strconv.Itoa(n)), 0))
		f.Through = "cgroup=" + group
		r := f.Create("sleep")
		f.Through = ""
		when := "create with " + strconv.Itoa(n) + " processes allowed"
		switch {
		case r.Status == 0:
			enough = true
			f.Vial("delete", "--force", f.ID).OK()
			f.asBefore(when)
		case strings.Contains(r.Stderr, "failed to create new OS thread"):
			f.Vial("delete", "--force", f.ID).OK()
			f.asBefore(when)
		default:
			f.fails(r, when, "resource temporarily unavailable")
		}
		f.Until("nobody is left in the cgroup", func() bool { return text(group+"/cgroup.procs") == "" })
	}
	if !enough {
		f.T.Error("40 processes are not enough")
	}
}

// memoryTooSmall gives the container ever more memory, until it is enough.
func memoryTooSmall(f *fault) {
	if _, err := os.Stat(filepath.Dir(f.Cgroup("memory")) + "/memory.stat"); err != nil {
		f.T.Skip("this setting has no controller memory")
	}
	f.first()
	f.Program(f.In("true"), bed.TrueELF())
	f.Spec.Process.Args = []string{"/true"}
	memory := &specs.LinuxMemory{}
	f.Resources().Memory = memory
	for limit := int64(4096); ; limit *= 2 {
		memory.Limit = &limit
		r := f.RunSpec()
		when := "a run with " + strconv.FormatInt(limit, 10) + " bytes"
		if r.Status == 0 {
			f.asBefore(when)
			return
		}
		if limit > 64<<20 {
			f.T.Fatalf("%s: %s", when, r.Stderr)
		}
		if r.Status == 128+int(unix.SIGKILL) { // its process ran, and was killed
			f.asBefore(when)
			continue
		}
		f.fails(r, when, "run "+f.ID+": ", "memory")
	}
}
