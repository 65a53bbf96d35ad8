package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const payload = "/payload"

// scratch is where tests make bundles: a tmpfs that takes nothing away from its
// files, as /run and /dev/shm do.
const scratch = "/scratch"

// runTests runs every package of the plan in every setting of the machine, and
// prints to the second serial port.
func runTests(settings string) error {
	port, err := openPort("/dev/ttyS1")
	if err != nil {
		return err
	}
	defer port.Close()
	if err := mountAll([]place{{scratch, "tmpfs", 0, "mode=1777"}}); err != nil {
		return err
	}
	names, err := os.ReadFile(settings)
	if err != nil {
		return err
	}
	plan, err := os.ReadFile(filepath.Join(payload, "plan"))
	if err != nil {
		return err
	}
	for setting := range strings.FieldsSeq(string(names)) {
		for pkg := range strings.FieldsSeq(string(plan)) {
			fmt.Printf("init: %s %s\n", setting, pkg)
			fmt.Fprintf(port, "\n##vial begin %s %s\n", setting, pkg)
			since := time.Now()
			status := runSuite(setting, pkg, port)
			fmt.Fprintf(port, "\n##vial end %d %.1f\n", status, time.Since(since).Seconds())
		}
	}
	_, err = fmt.Fprint(port, "##vial done\n")
	return err
}

// openPort opens a serial port that prints what it is given and no more.
func openPort(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	t, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err == nil {
		t.Oflag &^= unix.OPOST
		err = unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, t)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return f, nil
}

// runSuite is the exit status of a package's tests.
func runSuite(setting, pkg string, port io.Writer) int {
	dir := filepath.Join(payload, pkg)
	if _, err := os.Stat(dir); err != nil {
		fmt.Fprintln(port, err)
		return 1
	}
	flags, err := os.ReadFile(filepath.Join(payload, "flags"))
	if err != nil {
		fmt.Fprintln(port, err)
		return 1
	}
	words := []string{filepath.Join(dir, "test"), "-test.v=test2json"}
	words = append(words, strings.Split(strings.TrimSpace(string(flags)), "\n")...)
	env := []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TMPDIR=/tmp",
		"VIAL_TEST_VIAL=" + payload + "/bin/vial", "VIAL_TEST_PROBE=" + payload + "/bin/probe",
		"VIAL_TEST_TMP=" + scratch, "VIAL_TEST_SETTINGS=host", "VIAL_TEST_PLACE=" + setting, "VIAL_TEST_SLOW=10",
	}
	if setting == "user" {
		words, env = asUser(words, env)
	}
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = dir, env, port, port
	err = cmd.Run()
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		return max(ended.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(port, err)
		return 1
	}
	return 0
}

// asUser has the user's own systemd run a command, in a cgroup that is the
// user's: what runuser alone starts would stay in root's.
func asUser(words, env []string) (newWords, newEnv []string) {
	const runtime = "/run/user/1000"
	inner := []string{
		"runuser", "-u", "tester", "--", "env", "XDG_RUNTIME_DIR=" + runtime, "DBUS_SESSION_BUS_ADDRESS=unix:path=" + runtime + "/bus",
		"systemd-run", "--user", "--quiet", "--pipe", "--wait", "--collect", "--same-dir", "--property=Delegate=yes",
	}
	for _, variable := range env {
		if !strings.HasPrefix(variable, "HOME=") {
			inner = append(inner, "--setenv="+variable)
		}
	}
	return append(inner, words...), []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}
}
