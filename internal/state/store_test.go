package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// store is a store in a root that does not exist yet, under a hostile umask.
func store(t *testing.T) Store {
	t.Helper()
	old := unix.Umask(0o077)
	t.Cleanup(func() { unix.Umask(old) })
	return Open(filepath.Join(t.TempDir(), "run", "vial"))
}

// must makes a whole container.
func must(t *testing.T, s Store, id string) *Dir {
	t.Helper()
	d, err := s.Create(id)
	if err != nil {
		t.Fatal(err)
	}
	r := sample()
	if err := d.Write(r); err != nil {
		t.Fatal(err)
	}
	return d
}

func wantMode(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if st.Mode() != mode {
		t.Errorf("%s has mode %v, want %v", path, st.Mode(), mode)
	}
}

func TestLife(t *testing.T) {
	s := store(t)
	if _, err := s.Load("c1"); err != ErrNotExist {
		t.Errorf("Load without a root: %v", err)
	}
	if _, err := s.Peek("c1"); err != ErrNotExist {
		t.Errorf("Peek without a root: %v", err)
	}
	if _, err := s.List(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List without a root: %v", err)
	}
	d := must(t, s, "c1")
	wantMode(t, s.root, fs.ModeDir|0o700)
	wantMode(t, s.root+"/c1", fs.ModeDir|0o711)
	wantMode(t, s.root+"/c1/state.json", 0o600)
	if _, err := s.Create("c1"); err != ErrExist {
		t.Errorf("Create while it is locked: %v", err)
	}
	if r, err := s.Peek("c1"); err != nil || r.ID != "c1" || r.Pid != 4711 {
		t.Errorf("Peek while it is locked: %+v, %v", r, err)
	}
	d.Close()
	if _, err := s.Create("c1"); err != ErrExist {
		t.Errorf("Create: %v", err)
	}
	d, err := s.Load("c1")
	if err != nil {
		t.Fatal(err)
	}
	if d.Record.ID != "c1" || d.Stale || d.Path != s.root+"/c1" {
		t.Errorf("loaded %+v", d)
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if _, err := s.Load("c1"); err != ErrNotExist {
		t.Errorf("Load after Remove: %v", err)
	}
	if left, _ := os.ReadDir(s.root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRootIsRefused(t *testing.T) {
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	os.Mkdir(open, 0o700)
	os.Chmod(open, 0o1777)
	file := filepath.Join(dir, "file")
	os.WriteFile(file, nil, 0o600)
	foreign := filepath.Join(dir, "foreign")
	os.Mkdir(foreign, 0o700)
	cases := map[string]string{open: "everyone can write to it", file: "not a directory"}
	if os.Geteuid() == 0 {
		os.Chown(foreign, 12345, -1)
		cases[foreign] = "it belongs to uid 12345, not to 0"
	} else {
		t.Log("the case of a foreign root needs root")
	}
	for root, want := range cases {
		s := Open(root)
		_, create := s.Create("c1")
		_, load := s.Load("c1")
		_, peek := s.Peek("c1")
		_, list := s.List()
		for name, err := range map[string]error{"Create": create, "Load": load, "Peek": peek, "List": list} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %s", name, err, want)
			}
		}
	}
}

func TestManyCreatesOneWinner(t *testing.T) {
	s := store(t)
	for round := range 20 {
		var won atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for range 50 {
			wg.Go(func() {
				<-start
				d, err := s.Create("same")
				if err != nil {
					if !errors.Is(err, ErrExist) {
						t.Error(err)
					}
					return
				}
				won.Add(1)
				if err := d.Write(sample()); err != nil {
					t.Error(err)
				}
				d.Close()
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("round %d: %d winners", round, won.Load())
		}
		d, err := s.Load("same")
		if err != nil {
			t.Fatalf("round %d: the winner's record: %v", round, err)
		}
		if err := d.Remove(); err != nil {
			t.Fatal(err)
		}
		d.Close()
	}
}

// Creates and deletes of one id race; nobody may ever hold a directory that the
// id does not name, and no two hold it at a time.
func TestCreateAgainstRemove(t *testing.T) {
	s := store(t)
	var holders atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 300 {
				d, err := s.Create("same")
				if err != nil {
					if d, err = s.LoadAny("same"); err != nil {
						if !errors.Is(err, ErrNotExist) {
							t.Error(err)
						}
						continue
					}
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d holders", n)
				}
				if err := d.Write(sample()); err != nil {
					t.Error(err)
				}
				if r, err := s.Peek("same"); err != nil || r.ID != "same" {
					t.Errorf("the holder's record: %v", err)
				}
				holders.Add(-1) // with its last entry the id is free again
				if err := errors.Join(d.Remove(), d.Close()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if left, _ := os.ReadDir(s.root); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func TestLoadWaitsForTheLock(t *testing.T) {
	s := store(t)
	d := must(t, s, "c1")
	loaded := make(chan error)
	go func() {
		d, err := s.Load("c1")
		if err == nil {
			d.Close()
		}
		loaded <- err
	}()
	select {
	case err := <-loaded:
		t.Fatalf("Load did not wait: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := d.Remove(); err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := <-loaded; err != ErrNotExist {
		t.Errorf("Load of what was removed meanwhile: %v", err)
	}
}

func TestStale(t *testing.T) {
	early := sample()
	early.Phase, early.Pid, early.StartTime = PhaseCreating, 0, 0
	early.ID = "c1"
	for _, c := range []struct {
		name string
		text []byte // of state.json; nil for none
	}{
		{"killed before the record", nil},
		{"killed after the first record", encode(&early)},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := store(t)
			leftovers := func() {
				if err := os.MkdirAll(s.root+"/c1", 0o700); err != nil {
					t.Fatal(err)
				}
				unix.Mkfifo(s.root+"/c1/start", 0o600)
				os.WriteFile(s.root+"/c1/"+tempName, []byte("half"), 0o600)
				if c.text != nil {
					os.WriteFile(s.root+"/c1/state.json", c.text, 0o600)
				}
			}
			leftovers()
			if _, err := s.Load("c1"); err != ErrNotExist {
				t.Errorf("Load: %v", err)
			}
			d, err := s.Create("c1")
			if err != nil {
				t.Fatal(err)
			}
			if !d.Stale || (d.Record.Cgroup.Paths["memory"] == "") != (c.text == nil) {
				t.Errorf("Create gave %+v", d)
			}
			if err := d.Clear(); err != nil {
				t.Fatal(err)
			}
			if d.Stale || d.Has("start") || d.Has("state.json") {
				t.Errorf("after Clear: %+v", d)
			}
			if err := d.Write(sample()); err != nil {
				t.Fatal(err)
			}
			wantMode(t, s.root+"/c1", fs.ModeDir|0o711)
			d.Remove()
			d.Close()

			leftovers()
			if d, err = s.LoadAny("c1"); err != nil || !d.Stale {
				t.Fatalf("LoadAny: %+v, %v", d, err)
			}
			if err := d.Remove(); err != nil {
				t.Fatal(err)
			}
			d.Close()
			if left, _ := os.ReadDir(s.root); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func TestDamagedRecord(t *testing.T) {
	other := sample()
	other.ID = "other"
	for name, c := range map[string]struct {
		put  func(path string) error
		want string
	}{
		"empty":   {func(p string) error { return os.WriteFile(p, nil, 0o600) }, "it ends too early at byte 0"},
		"foreign": {func(p string) error { return os.WriteFile(p, encode(&other), 0o600) }, `it is of container "other"`},
		"a gigabyte": {func(p string) error {
			return errors.Join(os.WriteFile(p, nil, 0o600), os.Truncate(p, 1<<30))
		}, "it is longer than 1048576 bytes"},
		"a fifo":      {func(p string) error { return unix.Mkfifo(p, 0o600) }, "it is no regular file"},
		"a directory": {func(p string) error { return os.Mkdir(p, 0o700) }, "it is no regular file"},
		"a link":      {func(p string) error { return os.Symlink("/etc/passwd", p) }, "too many levels of symbolic links"},
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t)
			os.MkdirAll(s.root+"/c1", 0o700)
			if err := c.put(s.root + "/c1/state.json"); err != nil {
				t.Fatal(err)
			}
			want := "state.json of container c1 is damaged: " + c.want + "; delete --force removes it"
			if _, err := s.Load("c1"); err == nil || err.Error() != want {
				t.Errorf("Load: %v\nwant  %s", err, want)
			}
			if _, err := s.Peek("c1"); err == nil || err.Error() != want {
				t.Errorf("Peek: %v\nwant  %s", err, want)
			}
			if _, err := s.Create("c1"); !errors.Is(err, ErrExist) || !strings.HasSuffix(err.Error(), want) {
				t.Errorf("Create: %v", err)
			}
			list, err := s.List()
			if err != nil || len(list) != 1 || list[0].ID != "c1" || list[0].Err == nil {
				t.Errorf("List: %+v, %v", list, err)
			}
			d, err := s.LoadAny("c1")
			if err != nil || d.Damage == nil || d.Damage.Error() != want {
				t.Fatalf("LoadAny: %+v, %v", d, err)
			}
			if name == "a directory" { // no create of ours leaves one
				os.Remove(s.root + "/c1/state.json")
			}
			if err := d.Remove(); err != nil {
				t.Error(err)
			}
			d.Close()
			if left, _ := os.ReadDir(s.root); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// TestFirstRecord: whoever removes a whole container whose record is damaged or
// gone finds its cgroups in the first one, and nobody takes the container for
// what a killed create has left.
func TestFirstRecord(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"empty":   func(p string) error { return os.Truncate(p, 0) },
		"cut off": func(p string) error { return os.Truncate(p, 100) },
		"gone":    os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			s := store(t)
			d := must(t, s, "c1")
			early, whole := sample(), sample()
			early.Phase, early.Pid, early.StartTime = PhaseCreating, 0, 0
			for _, err := range []error{d.Write(early), proposed(d, whole), d.Confirm(), d.Close(), spoil(s.root + "/c1/state.json")} {
				if err != nil {
					t.Fatal(err)
				}
			}
			d, err := s.LoadAny("c1")
			if err != nil || d.Damage == nil || d.Stale || d.Record.Phase != PhaseCreating || d.Record.Cgroup.Paths["memory"] == "" {
				t.Fatalf("LoadAny: %+v, %v", d, err)
			}
			d.Close()
			if _, err := s.Create("c1"); !errors.Is(err, ErrExist) || !strings.Contains(err.Error(), "damaged") {
				t.Errorf("Create: %v", err)
			}
			if d, err = s.LoadAny("c1"); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(d.Remove(), d.Close()); err != nil {
				t.Error(err)
			}
			if left, _ := os.ReadDir(s.root); len(left) != 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

// Whatever lies in the root, the containers beside it are listed.
func TestListWithJunk(t *testing.T) {
	s := store(t)
	for _, id := range []string{"b", "a", "c"} {
		must(t, s, id).Close()
	}
	os.WriteFile(s.root+"/file", nil, 0o600)
	os.Symlink("a", s.root+"/link")
	os.Mkdir(s.root+"/empty", 0o700)
	os.Mkdir(s.root+"/not an id", 0o700)
	os.Mkdir(s.root+"/.hidden", 0o700)
	unix.Mkfifo(s.root+"/fifo", 0o600)
	list, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		if e.Err != nil || e.Record.ID != e.ID || int(e.UID) != os.Geteuid() {
			t.Errorf("%+v", e)
		}
		got = append(got, e.ID)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, id := range []string{"file", "link", "fifo"} {
		if _, err := s.Create(id); !errors.Is(err, ErrExist) {
			t.Errorf("Create(%s): %v", id, err)
		}
		if _, err := s.Load(id); err == nil {
			t.Errorf("Load(%s) works", id)
		}
		if _, err := s.Peek(id); err == nil {
			t.Errorf("Peek(%s) works", id)
		}
	}
}

func BenchmarkCreateWriteRemove(b *testing.B) {
	s := Open(filepath.Join(benchDir(b), "root"))
	r := sample()
	for b.Loop() {
		d, err := s.Create("bench")
		if err != nil {
			b.Fatal(err)
		}
		if err := errors.Join(d.Write(r), d.Write(r), d.Remove(), d.Close()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPeek(b *testing.B) {
	s := Open(filepath.Join(benchDir(b), "root"))
	d, err := s.Create("bench")
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	if err := d.Write(sample()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Peek("bench"); err != nil {
			b.Fatal(err)
		}
	}
}

// benchDir is on tmpfs, as /run is, where there is one.
func benchDir(b *testing.B) string {
	dir, err := os.MkdirTemp("/dev/shm", "vial-bench-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// TestProposed is about a create that is killed when its record is ready and
// its process has no leave yet: what counts is whether the process lives.
func TestProposed(t *testing.T) {
	bootID, err := BootID()
	if err != nil {
		t.Fatal(err)
	}
	start, err := StartTime(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		start   uint64
		confirm bool
		want    error // of Load
	}{
		{"its process is dead", start + 1, false, ErrNotExist},
		{"its process lives", start, false, nil},
		{"confirmed, and its process is dead", start + 1, true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := store(t)
			d, err := s.Create("c1")
			if err != nil {
				t.Fatal(err)
			}
			early, whole := sample(), sample()
			early.Phase, early.Pid, early.StartTime = PhaseCreating, 0, 0
			whole.Pid, whole.StartTime, whole.BootID = os.Getpid(), c.start, bootID
			if err := d.Write(early); err != nil {
				t.Fatal(err)
			}
			if err := proposed(d, whole); err != nil {
				t.Fatal(err)
			}
			if c.confirm {
				if err := d.Confirm(); err != nil {
					t.Fatal(err)
				}
			}
			d.Close()
			d, err = s.Load("c1")
			if err != c.want {
				t.Fatalf("Load: %v, want %v", err, c.want)
			}
			if err == nil {
				d.Close()
			}
			d, err = s.Create("c1")
			if (err == nil) != (c.want == ErrNotExist) {
				t.Fatalf("Create: %v", err)
			}
			if err == nil {
				if !d.Stale || d.Record.Cgroup.Paths["memory"] == "" {
					t.Errorf("Create gave %+v", d)
				}
				d.Close()
			}
		})
	}
}

func proposed(d *Dir, r Record) error {
	if err := d.Prepare(r); err != nil {
		return err
	}
	return d.Propose()
}
