package bed

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// A Bundle is a container to be: a rootfs that holds the probe and nothing
// else, a Spec that a test may change, and an id.
type Bundle struct {
	T      testing.TB
	Dir    string // all that the test makes goes in here
	Rootfs string
	Root   string // vial's state directory
	ID     string
	Spec   *specs.Spec

	// Stdio are vial's descriptors from 0 on; nil is closed. Those that are
	// not given are /dev/null, and files for 1 and 2.
	Stdio map[int]*os.File
	// Env is vial's own environment.
	Env    []string
	Global []string // options before the verb
	// Umask is vial's own, in octal; empty for the usual one.
	Umask string
	// Through is text that makes the test binary, in vial's place, spoil the
	// world for itself and then become vial: see Through. It is empty for none.
	Through string
	// Attributes are those of vial's process, such as a terminal of its own.
	Attributes *syscall.SysProcAttr

	calls   int
	created int // the call that made the container: its output goes on there
	pids    []int
	mounted []string // by the test itself
}

var bundles atomic.Int64

// New makes a bundle. When the test is over the container is deleted by force,
// and whatever is left of it then fails the test.
func New(t *testing.T) *Bundle {
	t.Helper()
	return newBundle(t)
}

func newBundle(t testing.TB) *Bundle {
	t.Helper()
	id := fmt.Sprintf("%s%d", os.Getenv(namesVariable), bundles.Add(1))
	b := &Bundle{T: t, ID: id, Dir: filepath.Join(os.Getenv(dirVariable), id), Env: []string{"PATH=/usr/bin:/bin"}}
	b.Rootfs, b.Root = filepath.Join(b.Dir, "rootfs"), filepath.Join(b.Dir, "state")
	b.Spec = Spec(id)
	t.Cleanup(b.clean)
	for _, dir := range []string{b.Dir, b.Rootfs} {
		b.Must(os.Mkdir(dir, 0o755))
	}
	b.Must(os.Link(Probe(), filepath.Join(b.Rootfs, "probe")))
	return b
}

// Beside makes a second bundle in the same test.
func (b *Bundle) Beside() *Bundle { return newBundle(b.T) }

// Probe is the probe's file, and Vial is vial's.
func Probe() string { return filepath.Join(os.Getenv(dirVariable), "probe") }

// Vial is the program under test.
func Vial() string { return filepath.Join(os.Getenv(dirVariable), "vial") }

// Must ends the test on an error of the test's own doing.
func (b *Bundle) Must(err error) {
	b.T.Helper()
	if err != nil {
		b.T.Fatal("the test itself: ", err)
	}
}

// Path is a path in the bundle, on the host.
func (b *Bundle) Path(parts ...string) string {
	return filepath.Join(append([]string{b.Dir}, parts...)...)
}

// In is the host's path of one in the rootfs.
func (b *Bundle) In(path string) string { return b.Rootfs + "/" + path }

// Mkdir makes a directory, and those above it, at a path on the host.
func (b *Bundle) Mkdir(path string) string {
	b.T.Helper()
	b.Must(os.MkdirAll(path, 0o755))
	return path
}

// File makes a file, and the directories above it, at a path on the host.
func (b *Bundle) File(path, text string) string {
	b.T.Helper()
	b.Mkdir(filepath.Dir(path))
	b.Must(os.WriteFile(path, []byte(text), 0o644))
	return path
}

// Program makes a file that can be executed at a path on the host. Meanwhile no
// process is started: until its own execve it would hold the file open for writing,
// and nobody could execute that (ETXTBSY).
func (b *Bundle) Program(path string, text []byte) string {
	b.T.Helper()
	b.Mkdir(filepath.Dir(path))
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	b.Must(os.WriteFile(path, text, 0o755))
	return path
}

// Link makes a symbolic link at a path on the host.
func (b *Bundle) Link(target, path string) string {
	b.T.Helper()
	b.Mkdir(filepath.Dir(path))
	b.Must(os.Symlink(target, path))
	return path
}

// Tmpfs mounts a tmpfs on a directory of the host that it makes.
func (b *Bundle) Tmpfs(path string) string {
	b.T.Helper()
	b.Mkdir(path)
	b.Must(unix.Mount("tmpfs", path, "tmpfs", 0, ""))
	b.mounted = append(b.mounted, path)
	b.T.Cleanup(func() { _ = unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) })
	return path
}

// write writes config.json.
func (b *Bundle) write() {
	b.T.Helper()
	text, err := json.MarshalIndent(b.Spec, "", "\t")
	b.Must(err)
	b.Must(os.WriteFile(b.Path("config.json"), text, 0o644))
}

// clean deletes the container and looks for what is left of it.
func (b *Bundle) clean() {
	b.T.Helper()
	b.Stdio, b.Env, b.Global, b.Attributes, b.Umask, b.Through = nil, []string{"PATH=/usr/bin:/bin"}, nil, nil, "", ""
	if r := b.Vial("delete", "--force", b.ID); r.Status != 0 {
		b.T.Errorf("cleaning up: delete --force: status %d: %s", r.Status, r.Stderr)
	}
	for _, pid := range b.pids {
		reap(pid)
	}
	b.NothingLeft()
	if err := os.RemoveAll(b.Dir); err != nil {
		b.T.Errorf("cleaning up: %v", err)
	}
}

// NothingLeft fails the test for anything that is left of the container on the
// host: state, cgroup, mounts.
func (b *Bundle) NothingLeft() {
	b.T.Helper()
	if _, err := os.Lstat(filepath.Join(b.Root, b.ID)); err == nil {
		b.T.Errorf("the state directory is left: %s", filepath.Join(b.Root, b.ID))
	}
	for _, dir := range cgroupsNamed(b.ID) {
		if filepath.Base(dir) == b.ID {
			b.T.Errorf("a cgroup is left: %s", dir)
		}
	}
	for _, m := range Mounts(readText("/proc/self/mountinfo")) {
		if (under(m.Point, b.Rootfs) || under(m.Point, b.Root)) && !slices.Contains(b.mounted, m.Point) {
			b.T.Errorf("a mount is left: %+v", m)
		}
	}
}

func under(path, dir string) bool {
	return path == dir || len(path) > len(dir) && path[:len(dir)] == dir && path[len(dir)] == '/'
}

// Fifo makes a fifo at a path on the host.
func (b *Bundle) Fifo(path string) string {
	b.T.Helper()
	b.Mkdir(filepath.Dir(path))
	b.Must(unix.Mkfifo(path, 0o666))
	return path
}

// Skip ends a test that this setting cannot run. The reason is in the summary.
func Skip(t *testing.T, reason string) { t.Helper(); t.Skip(reason) }
