package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// tmpfs mounts a state root for the container, and is how to take it away.
func (f *fault) tmpfs(flags uintptr, options string) (unmount func()) {
	f.T.Helper()
	f.Mkdir(f.Root)
	f.Must(unix.Mount("tmpfs", f.Root, "tmpfs", flags, "mode=700"+options))
	return func() { f.Must(unix.Unmount(f.Root, 0)) }
}

// emptied is asBefore for a state root that is a mount of the test's own.
func (f *fault) emptied(unmount func(), when string) {
	f.T.Helper()
	left, err := os.ReadDir(f.Root)
	if err != nil || len(left) > 0 {
		f.T.Errorf("%s leaves %v, %v", when, left, err)
	}
	unmount()
	f.asBefore(when)
}

// stateRootFull gives the state root ever more inodes, and blocks, until they
// are enough.
func stateRootFull(f *fault) {
	f.first()
	for _, limit := range []string{"nr_inodes", "nr_blocks"} {
		for n := 1; ; n++ {
			when := fmt.Sprintf("a create with %s=%d", limit, n)
			unmount := f.tmpfs(0, fmt.Sprintf(",%s=%d", limit, n))
			r := f.Create("sleep")
			if r.Status == 0 {
				f.Vial("delete", f.ID).OK()
			} else {
				r.Fails("create "+f.ID+": ", "no space left on device")
			}
			f.emptied(unmount, when)
			if r.Status == 0 {
				break
			}
			if n > 20 {
				f.T.Fatalf("%s: %s", when, r.Stderr)
			}
		}
	}
}

func stateRootReadOnly(f *fault) {
	f.first()
	unmount := f.tmpfs(unix.MS_RDONLY, "")
	r := f.Create("sleep")
	r.Fails(fmt.Sprintf("create %s: mkdir %s/%s: read-only file system", f.ID, f.Root, f.ID))
	f.emptied(unmount, "a create")
}

// stateRootTurnsReadOnly when the container is there: it ends, and what cannot
// be removed is removed when it can.
func stateRootTurnsReadOnly(f *fault) {
	f.first()
	unmount := f.tmpfs(0, "")
	f.Created("sleep")
	f.Vial("start", f.ID).OK()
	f.Must(unix.Mount("", f.Root, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for range 2 {
		f.Vial("delete", "--force", f.ID).Fails("delete "+f.ID+": ", "read-only file system")
	}
	if pids := holders(f.Dir); len(pids) > 0 {
		f.T.Errorf("these live on: %v", pids)
	}
	f.Must(unix.Mount("", f.Root, "", unix.MS_REMOUNT, ""))
	f.Vial("delete", f.ID).OK()
	f.emptied(unmount, "a delete")
}

// rootfsRemoved between create and start, in all ways in which it can go.
func rootfsRemoved(f *fault) {
	f.first()
	for name, remove := range map[string]func() error{
		"its files": func() error { return os.RemoveAll(f.Rootfs) },
		"moved":     func() error { return os.Rename(f.Rootfs, f.Path("elsewhere")) },
	} {
		f.Created("exit", "0")
		f.Must(remove())
		r := f.Vial("start", f.ID)
		if name == "moved" { // the container has it nevertheless
			r.OK()
		} else {
			r.Fails(fmt.Sprintf(`start %s: process.args[0]: exec /probe: no such file or directory`, f.ID))
		}
		f.Until("it has stopped", func() bool { return f.Status() == "stopped" })
		f.Vial("delete", f.ID).OK()
		f.asBefore("a start, the rootfs gone: " + name)
		f.fails(f.Create(), "a create without a rootfs", "root.path: invalid rootfs: "+f.Rootfs+" does not exist")
		f.Must(os.RemoveAll(f.Path("elsewhere")))
		f.rootfs()
	}
}

// rootfs makes the rootfs anew.
func (f *fault) rootfs() {
	f.T.Helper()
	f.Must(os.Mkdir(f.Rootfs, 0o755))
	f.Must(os.Link(filepath.Join(f.by.b.Rootfs, "probe"), f.In("probe")))
}

// record is a file of the container's state directory.
func (f *fault) record(name string) string { return filepath.Join(f.Root, f.ID, name) }

// damages are what can become of a record.
func damages() map[string]func(path, text string) error {
	put := func(change func(text string) string) func(path, text string) error {
		return func(path, text string) error { return os.WriteFile(path, []byte(change(text)), 0o600) }
	}
	return map[string]func(path, text string) error{
		"empty":      put(func(string) string { return "" }),
		"cut off":    put(func(s string) string { return s[:len(s)/2] }),
		"zeroes":     put(func(s string) string { return strings.Repeat("\x00", len(s)) }),
		"garbage":    put(func(s string) string { return strings.ToUpper(s) }),
		"no pid":     put(func(s string) string { return strings.Replace(s, `"pid":`, `"pit":`, 1) }),
		"went on":    put(func(s string) string { return s + s }),
		"gone":       func(path, _ string) error { return os.Remove(path) },
		"a fifo":     func(path, _ string) error { return replace(path, unix.Mkfifo(path+".new", 0o600)) },
		"a dead end": func(path, _ string) error { return replace(path, os.Symlink("nowhere", path+".new")) },
	}
}

func replace(path string, err error) error {
	if err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// recordDamaged: every command says so in one line, nothing is signalled or
// removed, and delete --force ends the process and removes all there is.
func recordDamaged(f *fault) {
	f.first()
	for name, damage := range damages() {
		for _, start := range []bool{false, true} {
			pid := f.Created("sleep")
			if start {
				f.Vial("start", f.ID).OK()
			}
			f.Must(damage(f.record("state.json"), text(f.record("state.json"))))
			says := "state.json of container " + f.ID + " is damaged: "
			missing := "container does not exist"
			for _, words := range [][]string{{"state"}, {"start"}, {"kill", "KILL"}, {"exec", "/probe", "report"}, {"delete"}} {
				want := says
				if name == "gone" && (words[0] == "state" || words[0] == "exec") {
					want = missing
				}
				r := f.Vial(append([]string{words[0], f.ID}, words[1:]...)...)
				if words[0] == "exec" {
					r.Status -= 254 // an exec that fails has status 255
				}
				r.Fails(words[0]+" "+f.ID+": ", want)
			}
			f.Create().Fails("create "+f.ID+": container with given ID already exists: ", says)
			if r := f.Vial("list"); name != "gone" && (r.Status != 0 || !strings.Contains(r.Stderr, says)) {
				f.T.Errorf("list: status %d, %s%s", r.Status, r.Stderr, r.Stdout)
			}
			if !lives(pid) {
				f.T.Errorf("record %s: its process was ended", name)
			}
			f.Vial("delete", "--force", f.ID).OK()
			f.asBefore(fmt.Sprintf("a record that is %s, start %v", name, start))
		}
	}
}

// everyRecordDamaged leaves nothing from which the container's process could be
// known, as does a damaged record of a container without cgroups: vial removes
// the directory and says that it knows no more.
func everyRecordDamaged(f *fault) {
	f.first()
	for _, global := range [][]string{nil, {"--cgroup-manager", "disabled"}} {
		f.Global = global
		pid := f.Created("sleep")
		files := []string{f.record("state.json")}
		if global == nil {
			firsts, err := filepath.Glob(f.record(".state.json.*"))
			f.Must(err)
			files = append(files, firsts...)
		}
		for _, file := range files {
			f.Must(os.WriteFile(file, []byte("{"), 0o600))
		}
		r := f.Vial("delete", "--force", f.ID)
		says := "vial: warning: the record of container " + f.ID + " does not tell of any cgroups: if it has a process or cgroups, they stay\n"
		if r.Status != 0 || r.Stderr != says {
			f.T.Errorf("delete --force: status %d: %s", r.Status, r.Stderr)
		}
		if !lives(pid) {
			f.T.Errorf("process %d is gone", pid)
		}
		f.Must(unix.Kill(pid, unix.SIGKILL))
		f.Until("it has ended", func() bool { return !lives(pid) })
		f.Until("its cgroups can be removed", func() bool { return removeCgroups(f.ID) })
		f.asBefore("a delete of what cannot be known")
	}
}

// removeCgroups removes the cgroups of a container by hand.
func removeCgroups(id string) bool {
	done := true
	for _, pattern := range []string{"/sys/fs/cgroup/" + id, "/sys/fs/cgroup/*/" + id} {
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			done = unix.Rmdir(dir) == nil && done
		}
	}
	return done
}

// lives tells whether a process has not ended.
func lives(pid int) bool {
	stat := text(fmt.Sprintf("/proc/%d/stat", pid))
	end := strings.LastIndexByte(stat, ')')
	return end > 0 && !strings.HasPrefix(stat[end:], ") Z") && !strings.HasPrefix(stat[end:], ") X")
}

// fifoRemoved takes away what start needs. What can still be told is told, and
// delete --force removes all there is.
func fifoRemoved(f *fault) {
	f.first()
	for _, names := range [][]string{{"start"}, {"result"}, {"start", "result"}, {"start", "result", "config.json"}} {
		f.Created("sleep")
		for _, name := range names {
			f.Must(os.Remove(f.record(name)))
		}
		f.Vial("start", f.ID).Fails("start " + f.ID + ": ")
		if s := f.Status(); s != "created" && s != "running" {
			f.T.Errorf("without %v it is %q", names, s)
		}
		f.Vial("delete", "--force", f.ID).OK()
		f.asBefore(fmt.Sprintf("a start without %v", names))
	}
}

// fifoReplaced puts something else in the place of a fifo, which nothing is
// written into and which holds nobody up.
func fifoReplaced(f *fault) {
	f.first()
	victim := f.File(f.Path("victim"), "untouched")
	for name, put := range map[string]func(path string) error{
		"a file":         func(path string) error { return os.WriteFile(path, []byte("x"), 0o600) },
		"a directory":    func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":         func(path string) error { return os.Symlink(victim, path) },
		"another's fifo": func(path string) error { return unix.Mkfifo(path, 0o600) },
	} {
		for _, fifo := range []string{"start", "result"} {
			f.Created("sleep")
			f.Must(os.Remove(f.record(fifo)))
			f.Must(put(f.record(fifo)))
			if name != "another's fifo" || fifo == "start" {
				f.Vial("start", f.ID).Fails("start " + f.ID + ": ")
			}
			f.Vial("delete", "--force", f.ID).OK()
			f.asBefore(fmt.Sprintf("a start with %s for the fifo %s", name, fifo))
		}
	}
	if got := text(victim); got != "untouched" {
		f.T.Errorf("what the link leads to is %q", got)
	}
}
