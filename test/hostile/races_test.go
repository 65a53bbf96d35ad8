package hostile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// tries is how often each of the three forms of a race is run. That no try gets
// through is no proof; but a bug of this kind is found in some tens of them.
const tries = 70

// race swaps a directory and a link again and again, as another container that
// shares the volume could, until it is told to stop.
func (a *attack) race(one, other string) (stop func()) {
	done := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			err := unix.Renameat2(unix.AT_FDCWD, one, unix.AT_FDCWD, other, unix.RENAME_EXCHANGE)
			if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EBUSY) {
				a.T.Errorf("the test itself: %v", err)
				return
			}
		}
	})
	return func() { close(done); group.Wait() }
}

// repeat runs the container many times and counts how often it was made.
func (a *attack) repeat(prepare func(), check func(info string, acts []string)) {
	a.T.Helper()
	rounds, made := tries, 0
	if bed.V2() {
		rounds = tries / 4 // the same code: cgroups have no part in it
	}
	rounds = bed.Rounds(rounds)
	for range rounds {
		prepare()
		if r := a.run("ls", "/"); r != nil {
			made++
			if check != nil {
				check(r.Process.Mountinfo, last(r).Names)
			}
		}
		if a.T.Failed() {
			return
		}
	}
	a.T.Logf("%d of %d tries made a container", made, rounds)
}

// ways are where the link that is swapped in leads.
func ways(a *attack) map[string]string {
	return map[string]string{
		"absolute": a.decoy.dir,
		"relative": strings.Repeat("../", 20) + a.decoy.dir,
		"root":     "/",
	}
}

// TestRaceTargets swaps a directory on the way to mount targets for a link
// (CVE-2021-30465).
func TestRaceTargets(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"absolute", "relative", "root"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			volume := a.Path("volume")
			a.Mkdir(volume + "/t/sub")
			a.Link(ways(a)[way], volume+"/l")
			a.Bind(volume, "/v")
			a.Mount("/v/t/sub", "tmpfs", "raced", "size=64k")
			a.Bind(a.File(a.Path("given"), "given"), "/v/t/file")
			a.Bind(a.Mkdir(a.Path("givendir")), "/v/t/canary")
			stop := a.race(volume+"/t", volume+"/l")
			defer stop()
			a.repeat(func() {}, nil)
		})
	}
}

// TestRaceMkdir swaps every component in turn of a target that is missing
// (CVE-2024-45310): what is made must be made inside.
func TestRaceMkdir(t *testing.T) {
	t.Parallel()
	for _, depth := range []string{"1", "1/2", "1/2/3"} {
		t.Run(depth, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			volume := a.Path("volume")
			a.Mkdir(filepath.Join(volume, depth))
			a.Link(strings.Repeat("../", 20)+a.decoy.dir, volume+"/l")
			a.Bind(volume, "/v")
			a.Mount("/v/1/2/3/4/5", "tmpfs", "raced", "size=64k")
			a.Bind(a.File(a.Path("given"), "given"), "/v/1/2/3/made")
			stop := a.race(filepath.Join(volume, depth), volume+"/l")
			defer stop()
			a.repeat(func() {
				_ = os.RemoveAll(filepath.Join(volume, depth, "4"))
				_ = os.Remove(filepath.Join(volume, depth, "made"))
			}, nil)
		})
	}
}

// TestDanglingTargets has mounts on links that lead out of the rootfs, to where
// nothing is yet: what is made for them is made inside.
func TestDanglingTargets(t *testing.T) {
	t.Parallel()
	for way, to := range map[string]string{"absolute": "", "relative": strings.Repeat("../", 20), "by another link": "/up"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			a.Link(strings.Repeat("../", 20), a.In("up"))
			a.Link(to+a.decoy.dir+"/made/dir", a.In("dir"))
			a.Link(to+a.decoy.dir+"/made/file", a.In("file"))
			a.Mount("/dir/sub", "tmpfs", "raced", "size=64k")
			a.Bind(a.File(a.Path("given"), "given"), "/file")
			r := a.judge(a.Run("report"))
			if r == nil {
				t.Fatal("no container was made")
			}
			for _, path := range []string{"/made/dir/sub", "/made/file"} {
				if _, ok := bed.At(bed.Mounts(r.Process.Mountinfo), a.decoy.dir+path); !ok {
					t.Errorf("nothing is mounted at %s inside", path)
				}
			}
		})
	}
}

// TestRaceDangling swaps what is on the way to a dangling link, and what the link
// leads to, while vial makes what is missing there.
func TestRaceDangling(t *testing.T) {
	t.Parallel()
	for _, swapped := range []string{"t", "t/sub"} {
		for _, way := range []string{"absolute", "relative", "root"} {
			t.Run(swapped+" "+way, func(t *testing.T) {
				t.Parallel()
				a := newAttack(t)
				volume := a.Path("volume")
				a.Link("sub/made/dir", volume+"/t/dir")
				a.Link("sub/made/file", volume+"/t/file")
				a.Mkdir(volume + "/t/sub")
				sub, err := os.OpenRoot(volume + "/t/sub") // wherever it goes
				a.Must(err)
				defer sub.Close()
				a.Link(ways(a)[way], volume+"/l")
				a.Bind(volume, "/v")
				a.Mount("/v/t/dir/x", "tmpfs", "raced", "size=64k")
				a.Bind(a.File(a.Path("given"), "given"), "/v/t/file")
				stop := a.race(filepath.Join(volume, swapped), volume+"/l")
				defer stop()
				a.repeat(func() { _ = sub.RemoveAll("made") }, nil)
			})
		}
	}
}

// TestRacePaths swaps the parents of paths that are made read-only or masked: a
// container that comes to be has all of them covered, or none was there
// (CVE-2025-31133 and the read-only paths of its like).
func TestRacePaths(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"absolute", "root", "another directory"} {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			a := newAttack(t)
			volume := a.Path("volume")
			a.File(volume+"/t/masked", "secret")
			a.File(volume+"/t/maskeddir/file", "secret")
			a.Mkdir(volume + "/t/readonly")
			if target, ok := ways(a)[way]; ok {
				a.Link(target, volume+"/l")
			} else {
				a.Mkdir(volume + "/l")
			}
			a.Bind(volume, "/v")
			a.Spec.Linux.ReadonlyPaths = []string{"/v/t/readonly"}
			a.Spec.Linux.MaskedPaths = []string{"/v/t/masked", "/v/t/maskeddir"}
			stop := a.race(volume+"/t", volume+"/l")
			defer stop()
			a.repeat(func() {}, func(info string, _ []string) {
				for _, m := range bed.Mounts(info) {
					switch filepath.Base(m.Point) {
					case "readonly", "masked":
						if !m.Has("ro") {
							t.Errorf("a cover is writable: %+v", m)
						}
					}
				}
			})
		})
	}
}
