package launch

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vial-run/vial/internal/image"
	"golang.org/x/sys/unix"
)

// TestNamespaces: who is started on the thread has what the thread has made, and
// nobody else has.
func TestNamespaces(t *testing.T) {
	defer wantNoStranger(t)
	if os.Geteuid() != 0 {
		t.Skip("namespaces need privileges")
	}
	const own = unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWPID
	p := born(t, own)
	img, err := image.Build(p)
	if err != nil {
		t.Fatal(err)
	}
	n := elsewhere(own)
	defer n.Leave()
	c, err := StartIn(n, Plan{Program: p, Image: img, TmpDir: t.TempDir(), Stdio: [3]int{0, 1, 2}, Inherits: func(fd int) []int { return []int{fd} }})()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Release()
	if err := c.Serve(p, func(Question) ([]byte, error) {
		for _, kind := range []string{"net", "ipc", "mnt", "uts", "pid"} {
			ours, _ := os.Readlink("/proc/self/ns/" + kind)
			its, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", c.Pid, kind))
			if err != nil || its == ours {
				t.Errorf("its %s namespace is %s: %v", kind, its, err)
			}
		}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// elsewhere is MakeNamespaces, again if that got the main thread, which makes none.
func elsewhere(own uint64) *Namespaces {
	for {
		n, got := MakeNamespaces(own), uint64(0)
		if err := n.use(func(made uint64) error { got = made; return nil })(); err != nil || got == own&ahead {
			return n
		}
		n.Leave()
	}
}

// TestNamespacesUnused: a thread that nothing is started on goes all the same.
func TestNamespacesUnused(t *testing.T) {
	if os.Geteuid() == 0 {
		elsewhere(unix.CLONE_NEWNET).Leave()
	}
	wantNoStranger(t)
	for _, own := range []uint64{unix.CLONE_NEWIPC, unix.CLONE_NEWNET | unix.CLONE_NEWUSER, unix.CLONE_NEWNET | unix.CLONE_NEWTIME} {
		n := MakeNamespaces(own)
		if n != nil {
			t.Errorf("%x: something was made ahead", own)
		}
		var made uint64 = 1
		if err := n.use(func(m uint64) error { made = m; return unix.EIO })(); err != unix.EIO || made != 0 {
			t.Errorf("%x: %v, with %x made", own, err, made)
		}
		n.Leave()
	}
}

// wantNoStranger waits until all threads are in the same network namespace.
func wantNoStranger(t *testing.T) {
	t.Helper()
	var seen map[string]int
	for range 500 {
		seen = map[string]int{}
		tasks, _ := filepath.Glob("/proc/self/task/*/ns/net")
		for _, task := range tasks {
			if ns, err := os.Readlink(task); err == nil {
				seen[ns]++
			}
		}
		if len(seen) == 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("there is still a thread elsewhere: %v", seen)
}
