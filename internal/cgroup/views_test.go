package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
)

// TestMain makes the test binary a process to put into cgroups, too: see child.
func TestMain(m *testing.M) {
	if work, ok := os.LookupEnv("VIAL_TEST_CHILD"); ok {
		os.Exit(beChild(work))
	}
	os.Exit(m.Run())
}

// views runs f for the cgroups of this host, and, where those are not cgroup2
// alone, once more in a mount namespace in which they seem to be.
func views(t *testing.T, f func(t *testing.T, facts host.Facts)) {
	if os.Geteuid() != 0 {
		t.Skip("making cgroups needs root")
	}
	facts, err := gather.Facts()
	if err != nil {
		t.Fatal(err)
	}
	t.Run(facts.Cgroup.String(), func(t *testing.T) { f(t, facts) })
	if facts.Cgroup == host.V2 {
		return
	}
	t.Run("private v2", func(t *testing.T) {
		const script = `umount -R -l /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec "$@"`
		again := exec.Command("sh", "-c", script, "sh", os.Args[0], "-test.v", "-test.run", "^"+strings.SplitN(t.Name(), "/", 2)[0]+"$")
		again.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
		out, err := again.CombinedOutput()
		switch {
		case err != nil:
			t.Fatalf("%v\n%s", err, out)
		case !strings.Contains(string(out), "--- PASS: "+strings.SplitN(t.Name(), "/", 2)[0]+"/v2"):
			t.Skip("on cgroup2 alone: " + whySkipped(string(out)))
		}
	})
}

// whySkipped is what a test said when it skipped: the text behind the first line
// number in its output.
func whySkipped(output string) string {
	for line := range strings.Lines(output) {
		if _, after, ok := strings.Cut(line, "_test.go:"); ok {
			_, why, _ := strings.Cut(after, ": ")
			return strings.TrimSpace(why)
		}
	}
	return "no such test"
}

// needControllers skips a test that needs a cgroup2 with some controllers.
func needControllers(t *testing.T, dir string, names ...string) {
	t.Helper()
	if !hasControllers(dir, names...) {
		t.Skip("no cgroup2 with the controllers " + strings.Join(names, ", "))
	}
}

func hasControllers(dir string, names ...string) bool {
	list, err := readFile(dir + "/cgroup.controllers")
	return err == nil && all(strings.Fields(list), names)
}

// name is a cgroupsPath of this test's own.
func name(t *testing.T) string {
	return fmt.Sprintf("/vial-test-cgroup-%d-%s", os.Getpid(), strings.ToLower(strings.SplitN(t.Name(), "/", 2)[0]))
}

// plan makes a Plan and sees to it that nothing is left of it.
func plan(t *testing.T, facts host.Facts, path string, r *specs.LinuxResources) *Plan {
	t.Helper()
	p, err := NewPlan(&facts, &specs.Spec{Linux: &specs.Linux{CgroupsPath: path, Resources: r}}, "c9", Filesystem)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(Kill(p.Paths(), unix.SIGKILL), Remove(p.Paths()), p.Undo()); err != nil {
			t.Errorf("clean up: %v", err)
		}
		for _, dir := range p.Paths() {
			if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", dir, err)
			}
		}
	})
	return p
}

// A child is this test binary, in a container's cgroups, at work.
type child struct {
	*exec.Cmd
	answer *bufio.Reader
}

// enter starts a child that gets into the cgroups the way a container does, and
// then does the work. Its first line of output is its answer.
func enter(t *testing.T, p *Plan, work string) *child {
	t.Helper()
	c := &child{Cmd: exec.Command(os.Args[0])}
	c.Env = append(os.Environ(), "VIAL_TEST_CHILD="+work, "GOMAXPROCS=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if p.v2() {
		dir, err := p.Dir()
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		c.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(dir.Fd())}
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Process.Kill(); c.Wait() })
	if !p.v2() {
		if err := moveAll(p, c.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	io.WriteString(in, "go\n")
	c.answer = bufio.NewReader(out)
	return c
}

func (c *child) line(t *testing.T) string {
	t.Helper()
	s, err := c.answer.ReadString('\n')
	if err != nil {
		t.Fatalf("the child says nothing: %v", err)
	}
	return strings.TrimSpace(s)
}

// beChild waits until it may go on, does the work, answers, and stays.
func beChild(work string) int {
	bufio.NewReader(os.Stdin).ReadString('\n')
	verb, rest, _ := strings.Cut(work, " ")
	switch verb {
	case "open": // devices, for reading
		var answers []string
		for _, dev := range strings.Fields(rest) {
			f, err := os.Open(dev)
			var errno syscall.Errno
			switch {
			case err == nil:
				f.Close()
				answers = append(answers, "ok")
			case errors.As(err, &errno):
				answers = append(answers, unix.ErrnoName(errno))
			}
		}
		fmt.Println(strings.Join(answers, " "))
	case "spread": // children that come and go for ever
		for range 8 {
			go func() {
				for {
					short := exec.Command(os.Args[0]) // there need not be a sleep here
					short.Env = append(os.Environ(), "VIAL_TEST_CHILD=end")
					short.Run()
				}
			}()
		}
		fmt.Println("spreading")
	case "end":
		return 0
	case "hold": // some memory
		food := make([]byte, 32<<20)
		for i := 0; i < len(food); i += 4096 {
			food[i] = 1
		}
		fmt.Println("full")
		defer runtime.KeepAlive(food)
	case "eat": // memory
		var food [][]byte
		for {
			food = append(food, make([]byte, 1<<20))
			last := food[len(food)-1]
			for i := 0; i < len(last); i += 4096 {
				last[i] = 1
			}
		}
	default:
		fmt.Println("here")
	}
	for { // not select {}: that is a deadlock, which ends the process
		time.Sleep(time.Hour)
	}
}

// moveAll moves a whole process, of many threads, into every hierarchy.
func moveAll(p *Plan, pid int) error {
	for _, d := range p.dirs {
		if err := writeFile(d.Dir+"/cgroup.procs", strconv.Itoa(pid)); err != nil {
			return err
		}
	}
	return nil
}
