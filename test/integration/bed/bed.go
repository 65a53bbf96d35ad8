// Package bed is what the tests that drive the real vial stand on: it makes
// bundles, runs vial on them, and sees to it that nothing is left behind.
//
// What comes in: a TestMain that hands itself over (Main), and tests that ask
// for a bundle (New), change its Spec and run it. What goes out: what vial said
// and what the probe inside saw (Result).
//
//	go test ──▶ Main ──▶ the test binary again, once for each setting,
//	                     in a mount namespace of its own:
//	              host   the host's cgroups as they are
//	              v2     nothing but a cgroup2 at /sys/fs/cgroup
//
// In that namespace every mount is shared, as systemd has it, so that a mount
// that escapes from a container shows up; and the test binary is a subreaper,
// so that a process that escapes does too. Both are looked for after each test
// and once more at the end, with cgroups and state directories. The outer process
// then removes whatever a test that was killed has left.
//
// The package knows nothing of what vial is made of: it calls the command and
// reads what the kernel shows. These variables tell it where things are:
//
//	VIAL_TEST_VIAL      the vial to test; built if it is not set
//	VIAL_TEST_PROBE     the probe; built if it is not set
//	VIAL_TEST_SETTINGS  the settings to run, separated by commas
//	VIAL_TEST_SLOW      how many times longer everything may take; what tries many
//	                    things then tries a third of them
//	VIAL_TEST_TMP       where to make bundles; better a tmpfs
//	VIAL_TEST_PLACE     what a report calls the setting "host", if it is another
//	                    host than the one that the report is read on
package bed

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"golang.org/x/sys/unix"
)

// Variables with which the outer process tells the inner one what it is.
const (
	settingVariable = "VIAL_TEST_SETTING"
	dirVariable     = "VIAL_TEST_DIR"
	namesVariable   = "VIAL_TEST_NAMES"
	killerVariable  = "VIAL_TEST_KILLS"
	umaskVariable   = "VIAL_TEST_UMASK"
	throughVariable = "VIAL_TEST_THROUGH"
)

// Main is what TestMain has to call. It does not return.
func Main(m *testing.M) {
	if delay := os.Getenv(killerVariable); delay != "" {
		os.Exit(kill(delay))
	}
	if mask := os.Getenv(umaskVariable); mask != "" {
		os.Exit(masked(mask))
	}
	flag.Parse()
	if list := flag.Lookup("test.list"); list != nil && list.Value.String() != "" {
		os.Exit(m.Run())
	}
	if setting := os.Getenv(settingVariable); setting != "" {
		os.Exit(inside(m, setting))
	}
	status, err := outside()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bed:", err)
		status = 1
	}
	os.Exit(status)
}

// outside runs the test binary once for each setting.
func outside() (status int, err error) {
	if os.Geteuid() != 0 {
		announce(settings()[0].name, "rootless: containers need root as long as vial has no user namespaces")
		return 0, nil
	}
	dir, err := os.MkdirTemp(scratch(), "vial-test-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return 1, err
	}
	for _, program := range []struct{ name, variable, source string }{
		{"vial", "VIAL_TEST_VIAL", "github.com/vial-run/vial/cmd/vial"},
		{"probe", "VIAL_TEST_PROBE", "github.com/vial-run/vial/test/probe"},
	} {
		if err := provide(filepath.Join(dir, program.name), os.Getenv(program.variable), program.source); err != nil {
			return 1, err
		}
	}
	for _, s := range chosen() {
		if s.unfit != nil {
			if reason := s.unfit(); reason != "" {
				announce(s.name, reason)
				continue
			}
		}
		if !s.run(dir) {
			status = 1
		}
	}
	return status, nil
}

// scratch is a tmpfs where there is one: on a disk each create waits for it.
func scratch() string {
	if dir := os.Getenv("VIAL_TEST_TMP"); dir != "" {
		return dir
	}
	for _, dir := range []string{"/dev/shm", "/run"} {
		var fs unix.Statfs_t
		if unix.Statfs(dir, &fs) == nil && fs.Type == unix.TMPFS_MAGIC && fs.Flags&unix.ST_NOEXEC == 0 {
			return dir
		}
	}
	return os.TempDir()
}

// provide puts a program at path: a copy, or built from source.
func provide(path, ready, source string) error {
	if ready != "" {
		text, err := os.ReadFile(ready)
		if err != nil {
			return err
		}
		return os.WriteFile(path, text, 0o755)
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+runtime.GOARCH)
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build %s: %w", source, err)
	}
	return nil
}

// announce tells test/report what setting the tests that follow run in, or why
// they cannot.
func announce(name, unfit string) {
	if place := os.Getenv("VIAL_TEST_PLACE"); place != "" {
		name = place
	}
	if unfit != "" {
		name += ": " + unfit
	}
	fmt.Println("=== SETTING " + name)
}

// namePrefix begins the names of everything that a run of the tests makes
// outside its own directory: containers' ids and their cgroups.
func namePrefix(setting string) string {
	return "vial-test-" + strconv.Itoa(os.Getpid()) + "-" + setting + "-"
}
