package bed

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// A setting is a kind of host that every test has to pass on.
type setting struct {
	name  string
	unfit func() string // why this host cannot be it, or ""
	make  func() error  // turns the mount namespace into it
}

func settings() []setting {
	return []setting{
		{"host", nil, func() error { return nil }},
		{"v2", sameAsHost, pureV2},
	}
}

func chosen() []setting {
	names := os.Getenv("VIAL_TEST_SETTINGS")
	if names == "" {
		return settings()
	}
	var some []setting
	for _, s := range settings() {
		if strings.Contains(","+names+",", ","+s.name+",") {
			some = append(some, s)
		}
	}
	return some
}

const cgroupTop = "/sys/fs/cgroup"

// V2 tells whether this setting has cgroup2 only.
func V2() bool {
	var fs unix.Statfs_t
	return unix.Statfs(cgroupTop, &fs) == nil && fs.Type == unix.CGROUP2_SUPER_MAGIC
}

func sameAsHost() string {
	if V2() {
		return "this host has nothing but cgroup2, so that host is the same setting"
	}
	return ""
}

// pureV2 replaces the host's hierarchies. The controllers stay with them: what
// needs one is skipped here.
func pureV2() error {
	for {
		err := unix.Unmount(cgroupTop, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW)
		if errors.Is(err, unix.EINVAL) {
			break
		}
		if err != nil {
			return fmt.Errorf("unmount %s: %w", cgroupTop, err)
		}
	}
	if err := unix.Mount("cgroup2", cgroupTop, "cgroup2", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount cgroup2 on %s: %w", cgroupTop, err)
	}
	return nil
}

// run runs the test binary in the setting.
func (s setting) run(dir string) bool {
	names := namePrefix(s.name)
	inner := exec.Command(os.Args[0], arguments()...)
	inner.Env = append(os.Environ(), settingVariable+"="+s.name, dirVariable+"="+dir, namesVariable+"="+names)
	inner.Stdin, inner.Stdout, inner.Stderr = os.Stdin, os.Stdout, os.Stderr
	// Go makes all mounts of the new namespace private.
	inner.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	err := inner.Run()
	if swept := sweep(names); swept != "" {
		fmt.Fprintf(os.Stderr, "bed: setting %s left behind: %s\n", s.name, swept)
		return false
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "bed: setting %s: %v\n", s.name, err)
	}
	return err == nil
}

// arguments are the test binary's own, but for the file in which testing notes
// what a result depends on: it cannot know of vial, so that go test must not
// take a result from its cache.
func arguments() []string {
	var kept []string
	for _, a := range os.Args[1:] {
		if !strings.HasPrefix(a, "-test.testlogfile=") {
			kept = append(kept, a)
		}
	}
	return kept
}

// inside runs the tests.
func inside(m *testing.M, name string) int {
	for _, s := range settings() {
		if s.name != name {
			continue
		}
		if err := s.prepare(); err != nil {
			fmt.Fprintf(os.Stderr, "bed: setting %s: %v\n", name, err)
			return 1
		}
	}
	announce(name, "")
	before := mountTable()
	status := m.Run()
	for _, leak := range leaks(before) {
		fmt.Fprintf(os.Stderr, "bed: setting %s: left behind: %s\n", name, leak)
		status = 1
	}
	return status
}

func (s setting) prepare() error {
	if err := s.make(); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("share all mounts: %w", err)
	}
	unix.Umask(0o022)
	// Go has raised its own soft limit and would give children the former one,
	// which a test cannot know; a limit that was set goes to them as it is.
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return err
	}
	return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
}
