package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/test/host"
	"golang.org/x/sys/unix"
)

// The tests in this file make what vial does itself fail, not the program. None
// may leave anything, so none may run beside another.

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLimitIsRefused lets the kernel refuse a limit while the program is on
// its way.
func TestLimitIsRefused(t *testing.T) {
	b := newBed(t, "exit", "0")
	controllers, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if !exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") && !slices.Contains(strings.Fields(string(controllers)), "cpu") {
		t.Skip("no controller cpu here")
	}
	id := b.id()
	most := int64(100_000)
	b.spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &most}
	b.ok(b.Create(id, b.options())) // also opens what opencontainers/cgroups keeps open
	b.delete(id)
	quota := int64(1) // less than the kernel's least, 1000 (kernel/sched/core.c)
	b.spec.Linux.Resources.CPU = &specs.LinuxCPU{Quota: &quota}
	before := b.picture()
	for range 20 {
		err := b.Create(id, b.options())
		if err == nil || !strings.HasPrefix(err.Error(), "create "+id+": linux.resources.cpu.quota: ") || !strings.HasSuffix(err.Error(), "invalid argument") {
			t.Errorf("got %v", err)
		}
		b.unchanged(&before)
	}
}

func TestPidFileIsRefused(t *testing.T) {
	b := newBed(t, "exit", "0")
	id := b.id()
	b.ok(b.Create(id, b.options()))
	b.delete(id)
	before := b.picture()
	for _, file := range []string{filepath.Join(b.bundle, "missing", "pid"), b.rootfs()} {
		o := b.options()
		o.PidFile = file
		err := b.Create(id, o)
		if err == nil || !strings.HasPrefix(err.Error(), "create "+id+": runtime: say that all is set up, and wait for leave to go on: write the pid file "+file+": ") {
			t.Errorf("got %v", err)
		}
		b.unchanged(&before)
	}
}

// TestProgramIsKilled kills the program, which waits in the place of a call.
func TestProgramIsKilled(t *testing.T) {
	p := newPlanted(t, 0)
	p.compile()
	if err := p.try(-1, 0); err != nil {
		t.Fatal(err)
	}
	before := p.picture()
	last, must := p.stepAt("wait for vial start"), mustRun(p.program)
	// Once the parent has given leave to go on, the container stands.
	ready := p.stepAt("say that all is set up, and wait for leave to go on")
	for i := 0; i <= ready; i += 1 + last/40 {
		for !must[i] {
			i++
		}
		o := p.options()
		o.testOnlyPlant = func(p *program.Program) {
			wait := p.Calls[last+1]
			wait.Errno, wait.Else, wait.Zero, wait.Next = 0, 0, 0, 0
			wait.Fail, wait.Result = p.Calls[i].Fail, program.Ref{}
			p.Calls[i] = wait
		}
		done := make(chan error)
		go func() { done <- p.Create(p.id, o) }()
		killChildren(t, done, func(err error) {
			p.fails(err, "create "+p.id+": the container's first process was killed by signal SIGKILL")
		})
		if !p.unchanged(&before) {
			t.Errorf("… by a kill at call %d", i)
		}
	}
}

// killChildren kills each child that sleeps, until done.
func killChildren(t *testing.T, done <-chan error, check func(error)) {
	t.Helper()
	for {
		select {
		case err := <-done:
			check(err)
			return
		default:
		}
		pids, err := host.Children()
		if err != nil {
			t.Fatal(err)
		}
		for _, pid := range pids {
			stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if strings.Contains(string(stat), ") S ") {
				_ = unix.Kill(pid, unix.SIGKILL)
			}
		}
	}
}

// TestMemfdIsDenied runs the command in a pid namespace that denies executable
// memfds (vm.memfd_noexec, since Linux 6.3), with a state root that a program
// can be executed from, and with one that it cannot.
func TestMemfdIsDenied(t *testing.T) {
	const sysctl = "/proc/sys/vm/memfd_noexec"
	b := newBed(t, "print", "it runs")
	if !exists(sysctl) {
		t.Skip("needs " + sysctl)
	}
	b.writeSpec()
	id := b.id()
	for _, c := range []struct {
		flags uintptr
		want  answer
	}{
		{0, answer{stdout: "it runs\n"}},
		{unix.MS_NOEXEC, answer{stderr: "vial: run " + id + ": start the container's first process: permission denied\n", status: 1}},
	} {
		b.ok(unix.Mount("tmpfs", b.Root, "tmpfs", c.flags, "mode=700"))
		cmd := b.command("run", id)
		cmd.Path = "/proc/self/exe"
		cmd.Env = append(os.Environ(), memfdVariable+"="+sysctl, "VIAL_TEST_VIAL="+vialBinary)
		cmd.SysProcAttr = &unix.SysProcAttr{Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS}
		b.says(b.answer(cmd), c.want)
		left, err := os.ReadDir(b.Root)
		b.ok(err)
		if len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
		b.ok(unix.Unmount(b.Root, 0))
	}
}
