package compile

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/program/vm"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// hosts are the hosts that goldens are made for.
var hosts = map[string]host.Facts{
	"v2": {Kernel: host.Version{Major: 6, Minor: 12}, Cgroup: host.V2, Unified: "/sys/fs/cgroup", LastCap: 40, Permitted: 1<<41 - 1},
	"v1": {
		Kernel: host.Version{Major: 5, Minor: 14}, Cgroup: host.V1, LastCap: 40, Permitted: 1<<41 - 1,
		Hierarchies: []host.Hierarchy{
			{Mountpoint: "/sys/fs/cgroup/cpu,cpuacct", Controllers: []string{"cpu", "cpuacct"}, Root: "/"},
			{Mountpoint: "/sys/fs/cgroup/memory", Controllers: []string{"memory"}, Root: "/"},
		},
	},
}

// input is a golden's config.json on one of hosts. The file's name says which:
// NAME.HOST.MODE.json.
func input(t testing.TB, file string) Input {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse(data)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	parts := strings.Split(filepath.Base(file), ".")
	in := Input{
		Config: cfg, Facts: hosts[parts[1]], ID: "mycont1", Bundle: "/bundle", Rootfs: "/bundle/rootfs",
		RootfsMountpoint: "/", Stdio: [3]Stdio{{Null: true}, {}, {UID: 1000}},
	}
	if strings.HasPrefix(parts[0], "systemd") {
		in.Unit = "vial-mycont1.scope"
	}
	if parts[2] == "run" {
		in.Start = StartAtOnce
	}
	if in.Facts.Cgroup == host.V1 {
		in.CgroupDirs = []host.CgroupDir{
			{Name: "cpu,cpuacct", Dir: "/sys/fs/cgroup/cpu,cpuacct/mycont1", Controllers: []string{"cpu", "cpuacct"}},
			{Name: "memory", Dir: "/sys/fs/cgroup/memory/mycont1", Controllers: []string{"memory"}},
		}
	}
	if in.Facts.Cgroup == host.V2 {
		in.CgroupDirs = []host.CgroupDir{{Dir: "/sys/fs/cgroup/mycont1"}}
	}
	if strings.HasPrefix(parts[0], "nopivot") {
		in.Root, in.HostMounts = MoveRoot, []string{"/run", "/sys", "/proc"}
	}
	if parts[0] == "notify" {
		in.NotifyDir = "/run/vial/mycont1/notify"
	}
	for i, m := range cfg.Mounts {
		if m.CopySymlink {
			in.SymlinkSources = map[int]string{i: "../elsewhere"}
		}
	}
	return in
}

func goldens(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden configs: %v", err)
	}
	return files
}

// TestGoldens compares the listing of each config, and the bytes of its
// program for every CPU, with what they were.
func TestGoldens(t *testing.T) {
	for _, file := range goldens(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			out, err := Compile(input(t, file))
			if err != nil {
				t.Fatal(err)
			}
			got := out.Program.Listing() + "\n"
			for _, cpu := range program.CPUs {
				got += fmt.Sprintf("sha256 of the program for %s: %x\n", cpu, sha256.Sum256(out.Program.Encode(cpu)))
			}
			compareGolden(t, strings.TrimSuffix(file, ".json")+".golden", got)
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	wantLines := strings.Split(string(want), "\n")
	for i, line := range strings.Split(got, "\n") {
		if i >= len(wantLines) || line != wantLines[i] {
			t.Fatalf("%s: line %d differs (go test -update rewrites it):\ngot  %s\nwant %s", file, i+1, line, strings.Join(wantLines[min(i, len(wantLines)-1):min(i+1, len(wantLines))], ""))
		}
	}
	t.Fatalf("%s: the listing ends early", file)
}

// execInput is input for a process that joins the container: its cgroup v2 is
// for who launches it. Of the config it knows what exec reads of it.
func execInput(t testing.TB, file string) Input {
	in := input(t, file)
	data, err := os.ReadFile(file)
	if err == nil {
		in.Config, err = config.ParseForExec(data)
	}
	if err == nil {
		in.Config, err = in.Config.WithProcess(in.Config.Spec.Process)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	in.Unit, in.Unattended = "", !strings.Contains(file, "default") // both ways
	if in.Facts.Cgroup == host.V2 {
		in.CgroupDirs = nil
	}
	return in
}

// TestExecGoldens is TestGoldens for a process that joins the container, with
// NAME.exec.golden, and runs its program over the fake kernel.
func TestExecGoldens(t *testing.T) {
	for _, file := range goldens(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			out, err := Exec(execInput(t, file))
			if err != nil {
				t.Fatal(err)
			}
			got := out.Program.Listing() + "\n"
			for _, cpu := range program.CPUs {
				got += fmt.Sprintf("sha256 of the program for %s: %x\n", cpu, sha256.Sum256(out.Program.Encode(cpu)))
			}
			compareGolden(t, strings.TrimSuffix(file, ".json")+".exec.golden", got)
			vm.CheckProgram(t, out.Program)
		})
	}
}

// TestHookGoldens is TestExecGoldens for the hooks that run in the container's
// namespaces, with NAME.HOOK.golden.
func TestHookGoldens(t *testing.T) {
	for _, file := range goldens(t) {
		for i, hook := range execInput(t, file).Config.Hooks.CreateContainer {
			checkHook(t, file, fmt.Sprint("createContainer", i), hook, CreateContainerHook)
		}
		for i, hook := range execInput(t, file).Config.Hooks.StartContainer {
			checkHook(t, file, fmt.Sprint("startContainer", i), hook, StartContainerHook)
		}
	}
}

func checkHook(t *testing.T, file, name string, hook config.Hook, compile func(Input) (*Output, error)) {
	t.Run(filepath.Base(file)+" "+name, func(t *testing.T) {
		in := execInput(t, file)
		in.Hook = &hook
		out, err := compile(in)
		if err != nil {
			t.Fatal(err)
		}
		compareGolden(t, strings.TrimSuffix(file, ".json")+"."+name+".golden", out.Program.Listing()+"\n")
		vm.CheckProgram(t, out.Program)
	})
}

// TestPreserve sees that descriptors which are handed on keep their numbers.
func TestPreserve(t *testing.T) {
	const file = "testdata/default.v2.run.json"
	preserved := []vm.Descriptor{{Number: 3, Kind: vm.File, Name: "first"}, {Number: 4, Kind: vm.File, Name: "second"}}
	for name, compile := range map[string]func(Input) (*Output, error){"run": Compile, "exec": Exec} {
		t.Run(name, func(t *testing.T) {
			in := input(t, file)
			in.CgroupDirs = nil
			in.Preserve = len(preserved)
			out, err := compile(in)
			if err != nil {
				t.Fatal(err)
			}
			inherited := append(vm.Inherited(out.Program), preserved...)
			if _, err := vm.Check(out.Program, vm.Options{Inherited: inherited, Kept: []int{0, 1, 2, 3, 4}}); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestGoldensEverywhere runs each golden's program over a fake kernel: clean,
// then failing at every call with every errno that matters.
func TestGoldensEverywhere(t *testing.T) {
	for _, file := range goldens(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			out, err := Compile(input(t, file))
			if err != nil {
				t.Fatal(err)
			}
			vm.CheckProgram(t, out.Program)
		})
	}
}

// FuzzCompile proves that every config that is accepted compiles to a program
// that Verify accepts, or is refused with a word.
func FuzzCompile(f *testing.F) {
	for _, file := range goldens(f) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := config.Parse(data)
		if err != nil {
			return
		}
		for _, facts := range hosts {
			for _, mode := range []StartMode{StartOnRequest, StartAtOnce} {
				out, err := Compile(Input{Config: cfg, Facts: facts, ID: "fuzz", Bundle: "/b", Rootfs: "/b/rootfs", RootfsMountpoint: "/", Start: mode})
				if err != nil {
					if strings.Contains(err.Error(), "internal error") {
						t.Fatal(err)
					}
					continue
				}
				decodes(t, out)
			}
			out, err := Exec(Input{Config: cfg, Facts: facts, ID: "fuzz"})
			if err != nil {
				t.Fatal(err)
			}
			decodes(t, out)
			in := Input{Config: cfg, Facts: facts, ID: "fuzz", Rootfs: "/b/rootfs"}
			for _, hook := range cfg.Hooks.CreateContainer {
				in.Hook = &hook
				out, err := CreateContainerHook(in)
				if err != nil {
					t.Fatal(err)
				}
				decodes(t, out)
			}
			for _, hook := range cfg.Hooks.StartContainer {
				in.Hook = &hook
				out, err := StartContainerHook(in)
				if err != nil {
					t.Fatal(err)
				}
				decodes(t, out)
			}
		}
	})
}

func decodes(t *testing.T, out *Output) {
	t.Helper()
	for _, cpu := range program.CPUs {
		if _, err := program.Decode(out.Program.Encode(cpu)); err != nil {
			t.Fatal(err)
		}
	}
}
