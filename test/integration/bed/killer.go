package bed

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Killed creates the container with a vial that is killed after a delay. Every
// process that it leaves behind has to end by itself, but for that of a container
// which was complete by then; and a delete by force has to remove the rest. All
// of it happens below a process of its own, which the orphans fall to.
func (b *Bundle) Killed(delay time.Duration) {
	b.T.Helper()
	killer := exec.Command(os.Args[0], b.Root, b.Dir, b.ID)
	killer.Env = append(os.Environ(), killerVariable+"="+delay.String())
	if out, err := killer.CombinedOutput(); err != nil {
		b.T.Errorf("vial killed after %v: %v: %s", delay, err, out)
	}
}

// kill is that process.
func kill(after string) int {
	delay, err := time.ParseDuration(after)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err == nil {
		err = killVial(delay)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func killVial(delay time.Duration) error {
	root, bundle, id := os.Args[1], os.Args[2], os.Args[3]
	vial := exec.Command(Vial(), "--root", root, "create", "--bundle", bundle, id)
	if err := vial.Start(); err != nil {
		return err
	}
	time.Sleep(delay)
	if err := vial.Process.Kill(); err != nil {
		return err
	}
	if !until(func() bool { return onlyWaiting(vial.Process.Pid) }) {
		return fmt.Errorf("these live on: %v", describeAll(children(os.Getpid())))
	}
	if out, err := exec.Command(Vial(), "--root", root, "delete", "--force", id).CombinedOutput(); err != nil {
		return fmt.Errorf("delete --force: %w: %s", err, out)
	}
	if !until(noChildren) {
		return fmt.Errorf("these live on after delete --force: %v", describeAll(children(os.Getpid())))
	}
	return nil
}

// noChildren reaps whoever has ended, and tells whether nobody is left.
func noChildren() bool {
	for {
		pid, err := unix.Wait4(-1, nil, unix.WNOHANG|unix.WALL, nil)
		if err == unix.ECHILD {
			return true
		}
		if pid <= 0 {
			return false
		}
	}
}

// onlyWaiting tells whether nobody is left but the process of a container that
// is complete.
func onlyWaiting(vial int) bool {
	if noChildren() {
		return true
	}
	for _, pid := range children(os.Getpid()) {
		if pid == vial || !waits(pid) {
			return false
		}
	}
	return true
}

// waits tells whether a process waits for start: it holds the fifo, and has
// closed the channel to its vial.
func waits(pid int) bool {
	links, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	fifo := false
	for _, link := range links {
		target, _ := os.Readlink(link)
		if strings.HasPrefix(target, "socket:") {
			return false
		}
		fifo = fifo || strings.HasSuffix(target, "/start")
	}
	return fifo
}

func describeAll(pids []int) []string {
	var all []string
	for _, pid := range pids {
		all = append(all, describe(pid))
	}
	return all
}
