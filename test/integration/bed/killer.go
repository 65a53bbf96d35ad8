package bed

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Kills say how vial is ended in the middle of a command, again and again.
type Kills struct {
	Verb   string // create, or delete
	Signal unix.Signal
	Rounds int
	Global []string // options of create
}

// Killed ends vial at random moments. What runs on may only be the process of a
// container that was complete by then. What is left must not keep the id from
// being used, and a delete by force has to remove it, which needs the state
// directory; SIGTERM must not leave a half container at all. The result tells how often what
// was left. All of it happens below a process of its own, which the orphans fall to.
func (b *Bundle) Killed(k Kills) map[string]int {
	b.T.Helper()
	b.write()
	text, err := json.Marshal(k)
	b.Must(err)
	cmd := exec.Command(os.Args[0], b.Root, b.Dir, b.ID)
	cmd.Env = append(os.Environ(), killerVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	found := map[string]int{}
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil {
		b.T.Errorf("%+v: %v: %s", k, err, out)
	}
	return found
}

// A killer is that process.
type killer struct {
	Kills
	root, bundle, id string
	found            map[string]int
}

func kill(text string) int {
	k := killer{root: os.Args[1], bundle: os.Args[2], id: os.Args[3], found: map[string]int{}}
	err := json.Unmarshal([]byte(text), &k.Kills)
	if err == nil {
		err = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
	}
	if err == nil {
		err = k.run()
	}
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(k.found)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func (k *killer) run() error {
	var times []time.Duration
	for range 5 {
		for _, verb := range []string{"create", "delete"} {
			begin := time.Now()
			if err := k.do(verb); err != nil {
				return err
			}
			if verb == k.Verb {
				times = append(times, time.Since(begin))
			}
		}
		if !until(noChildren) {
			return errors.New("a delete leaves a process")
		}
	}
	slices.Sort(times)
	most := times[len(times)/2] * 5 / 4
	for range k.Rounds {
		delay := rand.N(most)
		if err := k.round(delay); err != nil {
			return fmt.Errorf("%s, %s after %v of at most %v: %w", k.Verb, unix.SignalName(k.Signal), delay, most, err)
		}
	}
	return nil
}

// do does a command to its end. What it says goes into a file: the container's
// process would keep a pipe open.
func (k *killer) do(verb string) error {
	said, err := os.Create(filepath.Join(k.bundle, "said"))
	if err != nil {
		return err
	}
	defer said.Close()
	cmd := k.command(verb)
	cmd.Stderr = said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", verb, err, readText(said.Name()))
	}
	return nil
}

func (k *killer) command(verb string) *exec.Cmd {
	words := []string{"--root", k.root, verb}
	if verb == "create" {
		words = append(append(words, k.Global...), "--bundle", k.bundle)
	} else {
		words = append(words, "--force")
	}
	return exec.Command(Vial(), append(words, k.id)...)
}

func (k *killer) round(delay time.Duration) error {
	if k.Verb == "delete" {
		if err := k.do("create"); err != nil {
			return err
		}
	}
	vial := k.command(k.Verb)
	if err := vial.Start(); err != nil {
		return err
	}
	time.Sleep(delay)
	_ = vial.Process.Signal(k.Signal)
	_ = vial.Wait()
	if !until(onlyWaiting) {
		return fmt.Errorf("these live on: %v", describeAll(children(os.Getpid())))
	}
	left, err := k.left()
	if err != nil {
		return err
	}
	k.found[left]++
	if left == "leftovers" && k.Verb == "create" {
		if k.Signal != unix.SIGKILL {
			return fmt.Errorf("half a container is left, vial ended with %v", vial.ProcessState)
		}
		if k.found[left]%2 == 0 {
			if err := k.do("create"); err != nil {
				return fmt.Errorf("over leftovers: %w", err)
			}
		}
	}
	if err := k.do("delete"); err != nil {
		return err
	}
	if !until(noChildren) {
		return fmt.Errorf("these live on after delete --force: %v", describeAll(children(os.Getpid())))
	}
	if left, err = k.left(); err == nil && left != "nothing" {
		err = fmt.Errorf("after delete --force there is something left")
	}
	return err
}

// left tells what there is of the container.
func (k *killer) left() (string, error) {
	if len(children(os.Getpid())) > 0 {
		return "whole", nil
	}
	if _, err := os.Lstat(filepath.Join(k.root, k.id)); err == nil {
		return "leftovers", nil
	}
	for _, dir := range cgroupsNamed(k.id) {
		if filepath.Base(dir) == k.id {
			return "", fmt.Errorf("a cgroup is left, and nothing that knows of it: %s", dir)
		}
	}
	for _, m := range Mounts(readText("/proc/self/mountinfo")) {
		if under(m.Point, k.bundle) {
			return "", fmt.Errorf("a mount is left: %+v", m)
		}
	}
	return "nothing", nil
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
func onlyWaiting() bool {
	if noChildren() {
		return true
	}
	return !slices.ContainsFunc(children(os.Getpid()), func(pid int) bool { return !waits(pid) })
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
