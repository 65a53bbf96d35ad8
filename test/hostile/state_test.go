package hostile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// TestStatePermissions: who is not root gets no way to the state of a container,
// whatever the caller's umask (CVE-2021-41103, 2020-15257, 2024-25621).
func TestStatePermissions(t *testing.T) {
	t.Parallel()
	for _, umask := range []string{"000", "022", "077", "777"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			statePermissions(t, umask)
		})
	}
}

func statePermissions(t *testing.T, umask string) {
	a := newAttack(t)
	a.Umask = umask
	before := abstractSockets(t)
	a.Created("sleep")
	dir := filepath.Join(a.Root, a.ID)
	a.Must(filepath.WalkDir(a.Root, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		a.Must(unix.Lstat(path, &st))
		limit := map[string]uint32{a.Root: 0o711, dir: 0o711}[path]
		if limit == 0 {
			limit = 0o600
		}
		if st.Mode&0o777&^limit != 0 || st.Uid != 0 || st.Gid != 0 {
			t.Errorf("%s has mode %o and owner %d:%d", path, st.Mode&0o777, st.Uid, st.Gid)
		}
		return nil
	}))
	for name := range abstractSockets(t) {
		if !before[name] && strings.Contains(name, "vial") {
			t.Errorf("an abstract socket: %s", name)
		}
	}
	for _, file := range []string{"start", "result"} {
		if err := asUser(filepath.Join(dir, file)); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a user opens %s: %v", file, err)
		}
	}
	if info, err := os.Stat(a.Path("pid")); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the pid file: %v, %v", info, err)
	}
	var st unix.Stat_t
	a.Must(unix.Stat(a.In("proc"), &st))
	if st.Mode&0o777 != 0o755 {
		t.Errorf("a directory that was made in the rootfs has mode %o", st.Mode&0o777)
	}
	a.Umask = ""
	a.Vial("start", a.ID).OK()
}

func abstractSockets(t *testing.T) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 7 && strings.HasPrefix(f[7], "@") {
			all[f[7]] = true
		}
	}
	return all
}

// asUser opens a file for writing as a user without any privilege.
func asUser(path string) error {
	p, err := os.StartProcess("/proc/self/exe", []string{"none"}, &os.ProcAttr{
		Files: []*os.File{nil, nil, nil}, Env: []string{"VIAL_TEST_OPEN=" + path},
		Sys: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1000, Gid: 1000}},
	})
	if err != nil {
		return err
	}
	state, err := p.Wait()
	if err != nil {
		return err
	}
	if state.ExitCode() != 0 {
		return syscall.Errno(state.ExitCode())
	}
	return nil
}

// TestStateRoot: a root that somebody else may write to is no place for states.
func TestStateRoot(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(a *attack){
		"world-writable": func(a *attack) { a.Must(os.Chmod(a.Mkdir(a.Root), 0o777)) },
		"another user's": func(a *attack) { a.Must(os.Chown(a.Mkdir(a.Root), 1000, 1000)) },
		"a file":         func(a *attack) { a.File(a.Root, "") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			spoil(a)
			a.refused("run " + a.ID + ": ")
			a.Root = a.Path("other")
		})
	}
	for _, o := range objects() {
		if strings.Contains(o.name, "mount") {
			continue
		}
		t.Run("in the place of a container: "+o.name, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Must(os.Mkdir(a.Root, 0o700))
			a.File(a.Path("outside"), "outside")
			o.put(a, filepath.Join(a.Root, a.ID))
			for _, words := range [][]string{{"state", a.ID}, {"start", a.ID}, {"kill", a.ID}, {"delete", a.ID}, {"list"}, {"delete", "--force", a.ID}} {
				if r := a.Vial(words...); strings.Contains(r.Stderr, "panic") || r.Status > 1 {
					t.Errorf("%q: status %d, %s", words, r.Status, r.Stderr)
				}
				a.decoy.unchanged()
			}
			if text, _ := os.ReadFile(a.Path("outside")); string(text) != "outside" {
				t.Errorf("the file outside is %q", text)
			}
			a.Root = a.Path("other") // what was put there stays for RemoveAll
		})
	}
}

// TestTeardown replaces what a running container has by links and mounts, then
// deletes it (CVE-2020-2024, 2026-1386).
func TestTeardown(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"links in the rootfs", "a link for the rootfs", "a link for the bundle's config", "mounts in the state directory", "links in the state directory"} {
		for _, gentle := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, gentle %v", how, gentle), func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				a.Bind(a.Mkdir(a.Path("given")), "/mnt/x")
				a.Created("sleep")
				a.Vial("start", a.ID).OK()
				undo := a.replace(how)
				if gentle {
					a.Vial("kill", a.ID, "KILL").OK()
					a.Until("the container has stopped", func() bool { return a.Status() != "running" })
					a.Vial("delete", a.ID)
				}
				a.Vial("delete", "--force", a.ID)
				a.decoy.unchanged()
				undo()
				a.Vial("delete", "--force", a.ID).OK()
				a.decoy.unchanged()
			})
		}
	}
}

func (a *attack) replace(how string) (undo func()) {
	a.T.Helper()
	state := filepath.Join(a.Root, a.ID)
	nothing := func() {}
	switch how {
	case "links in the rootfs":
		for _, name := range []string{"proc", "dev", "sys", "mnt"} {
			a.Must(os.RemoveAll(a.In(name)))
			a.Link(a.decoy.dir, a.In(name))
		}
	case "a link for the rootfs":
		a.Must(os.Rename(a.Rootfs, a.Path("moved")))
		a.Link(a.decoy.dir, a.Rootfs)
		return func() { a.Must(os.Remove(a.Rootfs)); a.Must(os.Rename(a.Path("moved"), a.Rootfs)) }
	case "a link for the bundle's config":
		a.Must(os.Remove(a.Path("config.json")))
		a.Link(a.decoy.path("file"), a.Path("config.json"))
	case "mounts in the state directory":
		a.Must(os.Mkdir(state+"/sub", 0o700))
		a.Must(unix.Mount(a.decoy.dir, state+"/sub", "", unix.MS_BIND, ""))
		return func() { a.Must(unix.Unmount(state+"/sub", unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)) }
	case "links in the state directory":
		a.Link(a.decoy.dir, state+"/link")
		a.Link(a.decoy.path("fifo"), state+"/link2")
	}
	return nothing
}

// TestRecordDamaged: a record that is not what vial wrote is a word, not a
// reason to signal or remove anything that is not the container's.
func TestRecordDamaged(t *testing.T) {
	t.Parallel()
	victim, err := os.StartProcess(bed.Probe(), []string{"probe", "sleep"}, &os.ProcAttr{Files: []*os.File{nil, nil, nil}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = victim.Kill(); _, _ = victim.Wait() })
	for name, spoil := range map[string]func(text string) string{
		"empty":     func(string) string { return "" },
		"cut off":   func(text string) string { return text[:len(text)/2] },
		"no JSON":   func(string) string { return strings.Repeat("\x00\xff", 100) },
		"a list":    func(string) string { return "[]" },
		"other pid": func(text string) string { return otherPid(text, victim.Pid) },
		"huge":      func(text string) string { return text + strings.Repeat(" ", 64<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			a.Created("sleep")
			file := filepath.Join(a.Root, a.ID, "state.json")
			text := a.text(file)
			a.Must(os.WriteFile(file, []byte(spoil(text)), 0o600))
			last := []string{"delete", a.ID}
			if name == "other pid" {
				last = []string{"delete", "--force", a.ID}
			}
			for _, words := range [][]string{{"state", a.ID}, {"list"}, {"start", a.ID}, {"kill", a.ID, "KILL"}, last} {
				if r := a.Vial(words...); strings.Contains(r.Stderr, "panic") || r.Status > 1 {
					t.Errorf("%q: status %d, %.200s", words, r.Status, r.Stderr)
				}
			}
			if err := victim.Signal(unix.Signal(0)); err != nil {
				t.Error("a process that is not the container's was killed")
			}
			a.decoy.unchanged()
			// What cannot be read is left alone without --force; whole again, it can be deleted.
			if name != "other pid" {
				a.Must(os.WriteFile(file, []byte(text), 0o600))
			}
		})
	}
}

func otherPid(text string, pid int) string {
	start := strings.Index(text, `"pid":`)
	if start < 0 {
		return text
	}
	end := start + strings.IndexAny(text[start:], ",}")
	return text[:start] + fmt.Sprintf(`"pid":%d`, pid) + text[end:]
}
