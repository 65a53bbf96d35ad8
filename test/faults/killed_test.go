package faults

import (
	"os"
	ossignal "os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// slow is how many times fewer rounds there are where everything takes longer.
func slow() int { return int(bed.Slowly(1)) }

// kills lets several vials be killed beside each other, each again and again.
func kills(f *fault, k bed.Kills) map[string]int {
	f.first()
	k.Rounds = max(1, k.Rounds/slow())
	const beside = 4
	bundles := []*fault{f}
	for range beside - 1 {
		bundles = append(bundles, &fault{Bundle: f.Beside(), by: f.by})
	}
	all := make(chan map[string]int, beside)
	k.Rounds = (k.Rounds + beside - 1) / beside
	for _, b := range bundles {
		go func() { all <- b.Killed(k) }()
	}
	found := map[string]int{}
	for range bundles {
		for left, n := range <-all {
			found[left] += n
		}
	}
	for _, b := range bundles {
		b.asBefore("all kills")
	}
	f.T.Logf("what was left: %v", found)
	return found
}

func killedCreate(f *fault) {
	found := kills(f, bed.Kills{Verb: "create", Signal: unix.SIGKILL, Rounds: 500})
	if found["leftovers"] == 0 && slow() == 1 {
		f.T.Error("no kill came at the right moment")
	}
}

func killedDelete(f *fault) {
	kills(f, bed.Kills{Verb: "delete", Signal: unix.SIGKILL, Rounds: 100})
}

// terminatedCreate: a create that is asked to end takes back what it has made.
func terminatedCreate(f *fault) {
	kills(f, bed.Kills{Verb: "create", Signal: unix.SIGTERM, Rounds: 200})
}

// interruptedHook ends vial while it waits for a hook that hangs, at each moment
// that has hooks, and expects of it what a hook that fails leads to.
func interruptedHook(f *fault) {
	f.first()
	file := f.Path("began")
	hang := []specs.Hook{{Path: bed.Probe(), Args: []string{"probe", "hook", file, "x", "sleep"}}}
	for name, c := range map[string]struct {
		hooks specs.Hooks
		words []string
	}{
		"createRuntime":                   {specs.Hooks{CreateRuntime: hang}, []string{"create"}},
		"createContainer":                 {specs.Hooks{CreateContainer: hang}, []string{"create"}},
		"createRuntime of run":            {specs.Hooks{CreateRuntime: hang}, []string{"run"}},
		"createRuntime of a detached run": {specs.Hooks{CreateRuntime: hang}, []string{"run", "--detach"}},
		"poststart of a detached run":     {specs.Hooks{Poststart: hang}, []string{"run", "--detach"}},
	} {
		for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP} {
			if ossignal.Ignored(signal) {
				continue // by whoever runs the tests, as a shell's background job is told to: so vial does too
			}
			f.Spec.Hooks = &c.hooks
			f.Listing() // which writes config.json
			_ = os.Remove(file)
			p := f.Launch(append(c.words, "--bundle", f.Dir, f.ID)...)
			f.Until("the hook runs", func() bool { _, err := os.Stat(file); return err == nil })
			p.Signal(signal)
			r := p.Wait()
			f.fails(r, name+" and "+unix.SignalName(signal), " "+f.ID+": ", "interrupted by "+unix.SignalName(signal))
			if r.Took > bed.Slowly(20*time.Second) {
				f.T.Errorf("it took %v", r.Took)
			}
		}
	}
}

// ignoredHangup comes to a vial that has it ignored, as nohup(1) does: neither it
// nor the container's process is to notice.
func ignoredHangup(f *fault) {
	f.first()
	f.Spec.Process.Args = []string{"/probe", "sleep"}
	f.Through = "ignored=HUP"
	p := f.Start()
	f.Through = ""
	f.Until("it runs", func() bool { return f.Status() == "running" })
	pid := strings.TrimSpace(f.Vial("ps", "--format", "json", f.ID).OK().Stdout)
	status := text("/proc/" + strings.Trim(pid, "[]") + "/status")
	_, mask, _ := strings.Cut(status, "SigIgn:\t")
	mask, _, _ = strings.Cut(mask, "\n")
	if ignored, err := strconv.ParseUint(mask, 16, 64); err != nil || ignored&1 == 0 {
		f.T.Errorf("process %s does not ignore SIGHUP: %s", pid, status)
	}
	p.Signal(unix.SIGHUP)
	f.Vial("kill", f.ID, "KILL").OK()
	if r := p.Wait(); r.Status != 128+int(unix.SIGKILL) {
		f.T.Errorf("status %d: %s", r.Status, r.Stderr)
	}
	f.asBefore("a hang-up")
}

// earlySignal is one that comes before there is a process for it, and does not
// ask vial to end: the process gets it once it is there. It has no pid namespace
// of its own, where the kernel would keep it from a signal that it does not
// expect; what it ends with is that signal, or Go's word for it.
func earlySignal(f *fault) {
	f.first()
	began, leave := f.Path("began"), f.Path("leave")
	f.Namespaces(specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace)
	f.Spec.Process.Args = []string{"/probe", "sleep"}
	f.Spec.Hooks = &specs.Hooks{CreateRuntime: []specs.Hook{{
		Path: bed.Probe(), Args: []string{"probe", "hook", began, "x", "spy", leave},
	}}}
	p := f.Start()
	f.Until("the hook runs", func() bool { _, err := os.Stat(began); return err == nil })
	p.Signal(unix.SIGQUIT)
	f.File(leave, "")
	if r := p.Wait(); r.Status != 2 && r.Status != 128+int(unix.SIGQUIT) {
		f.T.Errorf("status %d: %s", r.Status, r.Stderr)
	}
	f.asBefore("a signal that came early")
}
