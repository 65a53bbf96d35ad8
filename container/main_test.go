package container

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/test/host"
	"golang.org/x/sys/unix"
)

// worldVariable says which view of the host the test binary is in. It starts
// in none, enters one and executes itself: a mount namespace of its own, where
// no other program's mounts come and go, and for "v2" nothing but cgroup2.
const worldVariable = "VIAL_TEST_WORLD"

const (
	enterV2   = "enter v2"
	worldHost = "host"
	worldV2   = "v2"
)

// What TestMain makes for all tests, unless the variables name it: the command,
// and a static program for a rootfs.
var (
	vialBinary  = os.Getenv("VIAL_TEST_VIAL")
	probeBinary = os.Getenv("VIAL_TEST_PROBE")
)

// memfdVariable has the test binary become the command where a sysctl denies
// executable memfds. It is in a pid namespace of its own already.
const memfdVariable = "VIAL_TEST_MEMFD"

func withoutMemfd(sysctl string) error {
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return err
	}
	if err := os.WriteFile(sysctl, []byte("2"), 0); err != nil {
		return err
	}
	return unix.Exec(vialBinary, os.Args, []string{"PATH=/usr/bin:/bin"})
}

func TestMain(m *testing.M) {
	if sysctl := os.Getenv(memfdVariable); sysctl != "" {
		must(withoutMemfd(sysctl))
	}
	if os.Geteuid() != 0 {
		skipExamples()
		os.Exit(m.Run()) // the tests that need root skip
	}
	world := os.Getenv(worldVariable)
	if world != worldHost && world != worldV2 {
		must(enter(world))
	}
	// A process that loses its parent becomes a child of this one, and so is seen.
	must(unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	os.Exit(run(m))
}

// skipExamples is for want of a way to skip that an example itself has.
func skipExamples() {
	flag.Parse()
	skip := flag.Lookup("test.skip").Value
	fmt.Fprintln(os.Stderr, "the examples need root: skipped")
	pattern := "^Example"
	if given := skip.String(); given != "" {
		pattern = given + "|" + pattern
	}
	must(skip.Set(pattern))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "test setup:", err)
		os.Exit(1)
	}
}

// enter goes into a world and executes the test binary again.
func enter(world string) error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make all mounts private: %w", err)
	}
	next := worldHost
	if world == enterV2 {
		next = worldV2
		if err := unix.Unmount("/sys/fs/cgroup", unix.MNT_DETACH); err != nil {
			return fmt.Errorf("umount /sys/fs/cgroup: %w", err)
		}
		if err := unix.Mount("none", "/sys/fs/cgroup", "cgroup2", 0, ""); err != nil {
			return fmt.Errorf("mount cgroup2: %w", err)
		}
	}
	if err := os.Setenv(worldVariable, next); err != nil {
		return err
	}
	return unix.Exec("/proc/self/exe", os.Args, os.Environ())
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "vial-test-")
	must(err)
	defer os.Remove(dir)
	// A tmpfs that only this mount namespace has: nothing of it can stay, and
	// the record's fsync costs nothing.
	must(unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
	defer unix.Unmount(dir, unix.MNT_DETACH)
	must(os.Setenv("TMPDIR", dir)) // t.TempDir looks there
	vialBinary, err = provide(dir, "vial", vialBinary, "../cmd/vial")
	must(err)
	probeBinary, err = provide(dir, "probe", probeBinary, "../test/probe")
	must(err)
	must(os.Setenv("VIAL_TEST_PROBE", probeBinary)) // the examples look there
	status := m.Run()
	if left := leftovers(); len(left) > 0 {
		fmt.Fprintf(os.Stderr, "the tests left behind:\n%s\n", strings.Join(left, "\n"))
		status = 1
	}
	return status
}

// provide puts a program into dir, where beds can link to it: a copy of given,
// or built from source.
func provide(dir, name, given, source string) (string, error) {
	program := filepath.Join(dir, name)
	if given != "" {
		text, err := os.ReadFile(given)
		if err != nil {
			return "", err
		}
		return program, os.WriteFile(program, text, 0o755)
	}
	cmd := exec.Command("go", "build", "-o", program, source)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return program, cmd.Run()
}

// prefix begins the ids of this test binary's containers, so that a picture of
// the host shows no one else's.
var prefix = "vialtest" + strconv.Itoa(os.Getpid()) + "-"

// leftovers are the cgroups and processes that tests have left. It ends them.
// A process that has ended already was some container's, made by the command.
func leftovers() []string {
	picture, err := host.View{CgroupPrefix: prefix}.Take()
	must(err)
	var found, cgroups []string
	for _, line := range picture {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "process":
			if !strings.HasSuffix(line, ", ended") {
				found = append(found, line)
			}
		case "cgroup":
			found = append(found, line)
			dir, _, _ := strings.Cut(rest, " ")
			cgroups = append(cgroups, dir)
		}
	}
	children, err := host.Children()
	must(err)
	for _, pid := range children {
		_ = unix.Kill(pid, unix.SIGKILL)
		_, _ = unix.Wait4(pid, nil, unix.WALL, nil)
	}
	slices.Reverse(cgroups) // those below others first
	for _, dir := range cgroups {
		_ = cgroup.Remove(map[string]string{"": dir})
	}
	return found
}
