package bed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// mountTable is what is mounted in the namespace of the tests, a line each,
// without the numbers that tell nothing.
func mountTable() map[string]int {
	table := map[string]int{}
	for _, m := range Mounts(readText("/proc/self/mountinfo")) {
		table[m.Point+" "+m.Type+" "+m.Root+" "+m.Source+" "+m.Options]++
	}
	return table
}

// leaks is what all tests together have left behind.
func leaks(before map[string]int) []string {
	var found []string
	for line, n := range mountTable() {
		if n > before[line] {
			found = append(found, "mount "+line)
		}
	}
	for _, pid := range children(os.Getpid()) {
		found = append(found, "process "+describe(pid))
		end(pid)
	}
	for _, dir := range cgroupsNamed(os.Getenv(namesVariable)) {
		found = append(found, "cgroup "+dir)
	}
	return found
}

// sweep removes what the tests of a setting that did not end well have left.
func sweep(names string) string {
	var found []string
	dirs := cgroupsNamed(names)
	for _, dir := range dirs {
		for _, text := range strings.Fields(readText(dir + "/cgroup.procs")) {
			if pid, err := strconv.Atoi(text); err == nil {
				found = append(found, "process "+describe(pid))
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
	for _, dir := range dirs {
		found = append(found, "cgroup "+dir)
		until(func() bool { return unix.Rmdir(dir) == nil })
	}
	return strings.Join(found, ", ")
}

// cgroupsNamed are the cgroups whose names begin with names, in every hierarchy
// that is mounted anywhere, also where another setting has taken it away.
func cgroupsNamed(names string) []string {
	var found []string
	for _, pattern := range []string{cgroupTop + "/" + names + "*", cgroupTop + "/*/" + names + "*"} {
		dirs, _ := filepath.Glob(pattern)
		found = append(found, dirs...)
	}
	return found
}

// children are the processes whose parent is pid.
func children(pid int) []int {
	var found []int
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		for _, text := range strings.Fields(readText(task)) {
			if child, err := strconv.Atoi(text); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

func describe(pid int) string {
	command := strings.ReplaceAll(readText(fmt.Sprintf("/proc/%d/cmdline", pid)), "\x00", " ")
	status := readText(fmt.Sprintf("/proc/%d/stat", pid))
	return fmt.Sprintf("%d (%s; %s)", pid, strings.TrimSpace(command), strings.TrimSpace(status))
}

// end kills a child of this process and reaps it.
func end(pid int) {
	_ = unix.Kill(pid, unix.SIGKILL)
	reap(pid)
}

// reap takes leave of a child that has ended, or is about to.
func reap(pid int) {
	until(func() bool {
		n, err := unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
		return n == pid || err == unix.ECHILD
	})
}

// patience bounds how long anything that has to happen may take.
func patience() time.Duration { return Slowly(10 * time.Second) }

// Slowly is how long something may take here that takes so long on an ordinary
// machine.
func Slowly(d time.Duration) time.Duration {
	if factor, err := strconv.Atoi(os.Getenv("VIAL_TEST_SLOW")); err == nil {
		d *= time.Duration(factor)
	}
	return d
}

// Rounds is how many of n rounds to go here: a third of them where everything
// takes long.
func Rounds(n int) int {
	if Slowly(1) > 1 {
		return max(1, n/3)
	}
	return n
}

// until waits for something that has to happen, and tells whether it did.
func until(happened func() bool) bool {
	for end := time.Now().Add(patience()); !happened(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

func readText(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// IgnoredSignals is the mask of signals that this process ignores, as
// /proc/<pid>/status prints it. execve keeps it, so a container inherits it
// from who called vial: glibc's posix_spawn, which make uses, leaves signal 32
// ignored.
func IgnoredSignals() string {
	for line := range strings.Lines(readText("/proc/self/status")) {
		if mask, ok := strings.CutPrefix(line, "SigIgn:"); ok {
			return strings.TrimSpace(mask)
		}
	}
	return ""
}
