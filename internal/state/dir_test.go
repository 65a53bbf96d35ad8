package state

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestWriteReplaces(t *testing.T) {
	s := store(t)
	d := must(t, s, "c1")
	defer d.Close()
	r := sample()
	r.Pid = 99
	os.WriteFile(d.Path+"/"+tempName, []byte("left by a kill"), 0o600)
	if err := d.Write(r); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Peek("c1"); err != nil || got.Pid != 99 {
		t.Errorf("%+v, %v", got, err)
	}
	os.Remove(d.Path + "/" + tempName)
	os.Symlink("/nonexistent/target", d.Path+"/"+tempName)
	if err := d.Write(r); err != nil {
		t.Errorf("with a link under the temporary name: %v", err)
	}
	if d.Has(tempName) {
		t.Error("the temporary name is left")
	}
	r.Annotations = map[string]string{"long": strings.Repeat("x", maxRecord)}
	if err := d.Write(r); err == nil || !strings.Contains(err.Error(), "shorten the annotations") {
		t.Errorf("a record that could not be read back: %v", err)
	}
	if got, err := s.Peek("c1"); err != nil || got.Pid != 99 {
		t.Errorf("a failed write has harmed the old record: %+v, %v", got, err)
	}
}

// tmpfs mounts a tmpfs of the given options, in this test's thread of life.
func tmpfs(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("mounting a tmpfs needs root")
	}
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("mount a tmpfs: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(dir, unix.MNT_DETACH) })
	os.Chmod(dir, 0o700)
	return dir
}

func TestFullDisk(t *testing.T) {
	s := Open(tmpfs(t, "size=8k"))
	d, err := s.Create("c1")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	small := sample()
	if err := d.Write(small); err != nil {
		t.Fatal(err)
	}
	large := sample()
	large.Annotations = map[string]string{"a": strings.Repeat("x", 20000)}
	err = d.Write(large)
	if !errors.Is(err, unix.ENOSPC) || err.Error() != d.Path+"/state.json: write: no space left on device" {
		t.Errorf("%v", err)
	}
	if _, err := s.Peek("c1"); err != nil {
		t.Errorf("the old record: %v", err)
	}
	if d.Has(tempName) {
		t.Error("the temporary file is left")
	}
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
}

func TestNoInodes(t *testing.T) {
	s := Open(tmpfs(t, "nr_inodes=2"))
	d, err := s.Create("c1")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Write(sample()); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Write: %v", err)
	}
	if _, err := d.Fifo("start"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Fifo: %v", err)
	}
	if _, err := s.Create("c2"); !errors.Is(err, unix.ENOSPC) {
		t.Errorf("Create: %v", err)
	}
	if err := errors.Join(d.Remove(), d.Close()); err != nil {
		t.Error(err)
	}
}

func TestFifo(t *testing.T) {
	s := store(t)
	d := must(t, s, "c1")
	defer d.Close()
	f, err := d.Fifo("start")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantMode(t, d.Path+"/start", os.ModeNamedPipe|0o600)
	if _, err := d.Fifo("start"); !errors.Is(err, unix.EEXIST) {
		t.Errorf("twice: %v", err)
	}
	w, err := d.OpenFifo("start", unix.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	unix.Write(w, []byte{7})
	unix.Close(w)
	b := make([]byte, 2)
	if n, err := f.Read(b); n != 1 || b[0] != 7 {
		t.Errorf("read %v, %v", b[:n], err)
	}
	if flags, _ := unix.FcntlInt(f.Fd(), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Error("the fifo survives execve")
	}
	os.WriteFile(d.Path+"/file", nil, 0o600)
	os.Symlink("start", d.Path+"/link")
	for name, want := range map[string]string{
		"file": "it is no fifo", "link": "too many levels of symbolic links", "none": "no such file or directory",
	} {
		if _, err := d.OpenFifo(name, unix.O_RDWR); err == nil || err.Error() != "open fifo "+d.Path+"/"+name+": "+want {
			t.Errorf("OpenFifo(%s): %v", name, err)
		}
	}
	other, err := s.OpenFifo("c1", "start", unix.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	unix.Close(other)
	for _, bad := range [][2]string{{"c1", "file"}, {"c1", "link"}, {"c1", "none"}, {"c2", "start"}, {"..", "start"}} {
		if _, err := s.OpenFifo(bad[0], bad[1], unix.O_RDWR); err == nil {
			t.Errorf("OpenFifo(%q) without the lock works", bad)
		}
	}
	if !d.Has("start") || d.Unlink("start") != nil || d.Has("start") || d.Unlink("start") != nil {
		t.Error("Unlink is wrong")
	}
}

func TestRemoveATree(t *testing.T) {
	s := store(t)
	outside := t.TempDir()
	os.WriteFile(outside+"/precious", nil, 0o600)
	d := must(t, s, "c1")
	defer d.Close()
	deep := d.Path + "/notify/a/b/c"
	os.MkdirAll(deep, 0o755)
	os.WriteFile(deep+"/f", nil, 0)
	os.Symlink(outside, d.Path+"/link")
	os.Symlink(outside, deep+"/link")
	for i := range 500 { // more than one getdents
		os.WriteFile(d.Path+"/notify/"+strings.Repeat("x", 100)+itoa(i), nil, 0o600)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(outside + "/precious"); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestRemoveCrossesNoMount(t *testing.T) {
	mounted := tmpfs(t, "size=64k")
	os.WriteFile(mounted+"/precious", nil, 0o600)
	s := store(t)
	d := must(t, s, "c1")
	defer d.Close()
	os.Mkdir(d.Path+"/notify", 0o755)
	if err := unix.Mount(mounted, d.Path+"/notify", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer unix.Unmount(d.Path+"/notify", unix.MNT_DETACH)
	err := d.Remove()
	if err == nil || !strings.Contains(err.Error(), "notify: something is mounted there; unmount it first") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(mounted + "/precious"); err != nil {
		t.Error(err)
	}
	unix.Unmount(d.Path+"/notify", unix.MNT_DETACH)
	if err := d.Remove(); err != nil {
		t.Error(err)
	}
}

// A vial that is killed gives up its lock at once, and its directory blocks
// nobody: the child below holds the lock when it is killed.
func TestKilledHolder(t *testing.T) {
	if root := os.Getenv("VIAL_TEST_HOLD"); root != "" {
		if _, err := Open(root).Create("c1"); err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString("held\n")
		time.Sleep(time.Minute)
	}
	s := store(t)
	child := exec.Command(os.Args[0], "-test.run=^TestKilledHolder$")
	child.Env = append(os.Environ(), "VIAL_TEST_HOLD="+s.root)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	out.Read(make([]byte, 5))
	if _, err := s.Create("c1"); err != ErrExist {
		t.Errorf("while it is held: %v", err)
	}
	child.Process.Kill()
	child.Wait()
	d, err := s.Create("c1")
	if err != nil || !d.Stale {
		t.Fatalf("after the kill: %+v, %v", d, err)
	}
	d.Close()
}

func BenchmarkWrite(b *testing.B) {
	d, err := Open(filepath.Join(benchDir(b), "root")).Create("bench")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	r := sample()
	for b.Loop() {
		if err := d.Write(r); err != nil {
			b.Fatal(err)
		}
	}
}

func TestKeepAnew(t *testing.T) {
	s := store(t)
	d := must(t, s, "c1")
	defer d.Close()
	wants := func(want string) {
		t.Helper()
		if text, err := s.Kept("c1", "file", 100); err != nil || string(text) != want {
			t.Errorf("%q, %v; want %q", text, err, want)
		}
		if d.Has(".file.new") {
			t.Error("the temporary name is left")
		}
	}
	if err := d.Keep("file", []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := d.Keep("file", []byte("other")); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second Keep: %v", err)
	}
	os.Symlink("/nonexistent/target", d.Path+"/.file.new")
	if err := d.KeepAnew("file", []byte("new")); err != nil {
		t.Error(err)
	}
	wants("new")
	os.Mkdir(d.Path+"/.file.new", 0o700) // nothing can be put there
	if err := d.KeepAnew("file", []byte("newer")); err == nil {
		t.Error("KeepAnew works over a directory")
	}
	os.Remove(d.Path + "/.file.new")
	wants("new")
}

// TestUnsynced: a record that the disk does not confirm does not count.
func TestUnsynced(t *testing.T) {
	s := store(t)
	d := must(t, s, "c1")
	defer d.Close()
	changed := sample()
	changed.Bundle = "/changed"
	errs := make(chan error)
	go func() {
		runtime.LockOSThread() // and never free it: the thread ends with its filter
		if err := denyFsync(); err != nil {
			errs <- err
			return
		}
		errs <- d.Write(changed)
	}()
	err := <-errs
	if !errors.Is(err, unix.EIO) || err.Error() != d.Path+"/state.json: fsync: input/output error" {
		t.Errorf("Write: %v", err)
	}
	if r, err := s.Peek("c1"); err != nil || r.Bundle == "/changed" {
		t.Errorf("the record is %+v, %v", r, err)
	}
	if d.Has(tempName) {
		t.Error("the temporary file is left")
	}
}

// denyFsync has the kernel refuse fsync(2) to this thread.
func denyFsync() error {
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.SYS_FSYNC},
		{Code: unix.BPF_RET, K: 0x00050000 | uint32(unix.EIO)}, // SECCOMP_RET_ERRNO
		{Code: unix.BPF_RET, K: 0x7fff0000},                    // SECCOMP_RET_ALLOW
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
