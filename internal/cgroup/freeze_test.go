package cgroup

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// What is frozen stands still, also when it forks all the time.
func TestFreeze(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		p := plan(t, facts, name(t), nil)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		c := enter(t, p, "spread")
		c.line(t)
		defer Thaw(p.Paths()) // or nothing in there could end
		for range 3 {
			if err := Freeze(p.Paths()); err != nil {
				t.Fatal(err)
			}
			if frozen, err := Frozen(p.Paths()); err != nil || !frozen {
				t.Errorf("Frozen: %t, %v", frozen, err)
			}
			wantStill(t, p)
			if err := Thaw(p.Paths()); err != nil {
				t.Fatal(err)
			}
			if frozen, err := Frozen(p.Paths()); err != nil || frozen {
				t.Errorf("Frozen after Thaw: %t, %v", frozen, err)
			}
		}
		if err := Kill(p.Paths(), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
	})
}

// wantStill looks whether the kernel has the cgroup for frozen already, and
// whether that is so. A process counts as frozen a moment before it leaves the
// processor (do_freezer_trap calls cgroup_enter_frozen, then schedule), so that
// it may be given one more tick: a change counts when another follows.
func wantStill(t *testing.T, p *Plan) {
	t.Helper()
	if dir, ok := p.Paths()["freezer"]; ok {
		wantFile(t, dir+"/freezer.state", "FROZEN")
	} else if text, err := readFile(p.Paths()[""] + "/cgroup.events"); err != nil || !strings.Contains(text, "frozen 1") {
		t.Errorf("cgroup.events: %q, %v", text, err)
	}
	seen := []string{cpuTime(t, p)}
	for range 2 {
		time.Sleep(20 * time.Millisecond)
		now := cpuTime(t, p)
		if now == seen[len(seen)-1] {
			return
		}
		seen = append(seen, now)
	}
	t.Errorf("it does not stand still: %q", seen)
}

// cpuTime is what every process in the cgroup has used so far.
func cpuTime(t *testing.T, p *Plan) string {
	t.Helper()
	pids, err := Pids(p.Paths())
	if err != nil || len(pids) == 0 {
		t.Fatalf("Pids: %v, %v", pids, err)
	}
	var all strings.Builder
	for _, pid := range pids {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		f := strings.Fields(rest)
		all.WriteString(strconv.Itoa(pid) + " " + f[11] + " " + f[12] + "; ") // utime, stime
	}
	return all.String()
}

func TestFreezeNothing(t *testing.T) {
	for _, c := range []struct {
		paths map[string]string
		want  error
	}{
		{map[string]string{"freezer": t.TempDir() + "/none"}, unix.ENOENT},
		{map[string]string{"": t.TempDir() + "/none"}, unix.ENOENT},
		{map[string]string{"pids": t.TempDir()}, errNoFreezer},
	} {
		if err := Freeze(c.paths); !errors.Is(err, c.want) {
			t.Errorf("Freeze %v: %v", c.paths, err)
		}
		if err := Thaw(c.paths); !errors.Is(err, c.want) {
			t.Errorf("Thaw %v: %v", c.paths, err)
		}
	}
}

// What does not come to a stand goes on again.
func TestFreezeGivesUp(t *testing.T) {
	dir := t.TempDir() // files that always say the same, as those of a cgroup that does not freeze
	for file, text := range map[string]string{"cgroup.freeze": "", "cgroup.events": "populated 1\nfrozen 0\n"} {
		if err := os.WriteFile(dir+"/"+file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := freezeUnified(dir, time.Millisecond)
	if err == nil || err.Error() != "timeout of 1ms reached waiting for the cgroup to freeze" {
		t.Error(err)
	}
	wantFile(t, dir+"/cgroup.freeze", "0")
	fifo := dir + "/freezer.state" // which says what is written to it, or nothing
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	both, err := os.OpenFile(fifo, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer both.Close()
	if err := freezeV1(dir, time.Now().Add(time.Second)); err != nil {
		t.Errorf("FROZEN at the first look: %v", err)
	}
	both.WriteString("FREEZING ")
	err = freezeV1(dir, time.Now().Add(-time.Second))
	if err == nil || !strings.HasSuffix(err.Error(), "reached waiting for the cgroup to freeze") {
		t.Error(err)
	}
	said := make([]byte, 64)
	if n, err := both.Read(said); err != nil || string(said[:n]) != "THAWED" {
		t.Errorf("it ends with %q, %v", said[:n], err)
	}
}
