package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/test/host"
	"golang.org/x/sys/unix"
)

// The tests in this file make what vial does itself fail, not the program. None
// may leave anything, so none may run beside another.

func TestStateRootIsFull(t *testing.T) {
	b := newBed(t, "exit", "0")
	id := b.id()
	b.ok(b.Create(id, b.options())) // makes the mount points in the rootfs
	b.delete(id)
	for _, limit := range []string{"nr_inodes", "nr_blocks"} {
		for n := 1; ; n++ {
			b.ok(unix.Mount("tmpfs", b.Root, "tmpfs", 0, fmt.Sprintf("mode=700,%s=%d", limit, n)))
			before := b.picture()
			err := b.Create(id, b.options())
			if err == nil {
				b.delete(id)
			} else if !strings.HasSuffix(err.Error(), "no space left on device") {
				t.Errorf("%s=%d: %v", limit, n, err)
			}
			b.unchanged(&before)
			b.ok(unix.Unmount(b.Root, 0))
			if err == nil && n > 1 {
				break
			}
			if n > 20 {
				t.Fatalf("%s=%d: %v", limit, n, err)
			}
		}
	}
}

func TestStateRootIsReadOnly(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.ok(unix.Mount("tmpfs", b.Root, "tmpfs", unix.MS_RDONLY, "mode=700"))
	before := b.picture()
	id := b.id()
	b.fails(b.Create(id, b.options()), fmt.Sprintf("create %s: mkdir %s/%s: read-only file system", id, b.Root, id))
	b.unchanged(&before)
	b.ok(unix.Unmount(b.Root, 0))
}

// TestCgroupIsRefused lets the cgroup of one hierarchy fail after others stand.
func TestCgroupIsRefused(t *testing.T) {
	b := newBed(t, "exit", "0")
	file := "memory.limit_in_bytes"
	if os.Getenv(worldVariable) == worldV2 || !exists("/sys/fs/cgroup/memory") {
		file = "cgroup.procs"
	}
	b.spec.Linux.CgroupsPath = "/" + prefix + "refused/" + file + "/below"
	before := b.picture()
	id := b.id()
	err := b.Create(id, b.options())
	if err == nil || !strings.HasPrefix(err.Error(), "create "+id+": linux.cgroupsPath: ") || !strings.HasSuffix(err.Error(), "not a directory") {
		t.Errorf("got %v", err)
	}
	b.unchanged(&before)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// TestLimitIsRefused lets the kernel refuse a limit while the program is on
// its way.
func TestLimitIsRefused(t *testing.T) {
	b := newBed(t, "exit", "0")
	if !exists("/sys/fs/cgroup/cpu/cpu.cfs_quota_us") {
		t.Skip("needs the cpu controller of cgroup v1 at /sys/fs/cgroup/cpu")
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

func TestRootfsIsRemovedBeforeStart(t *testing.T) {
	b := newBed(t, "exit", "0")
	before := b.picture()
	id := b.created()
	b.ok(os.RemoveAll(b.rootfs()))
	b.fails(b.Start(id), fmt.Sprintf(`start %s: process.args[0]: exec: "/probe": no such file or directory`, id))
	b.delete(id)
	b.ok(os.Mkdir(b.rootfs(), 0o755))
	b.ok(os.Link(probeBinary, b.rootfs()+"/probe"))
	b.unchanged(&before)
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
	for i := 0; i < last; i += 1 + last/40 {
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

// TestFewDescriptors runs the command with ever more descriptors, until they
// are enough.
func TestFewDescriptors(t *testing.T) {
	b := newBed(t, "exit", "0")
	b.spec.Process.Rlimits = nil // to raise the limit again takes a privilege
	b.writeSpec()
	id := b.id()
	b.says(b.vial("create", id), answer{})
	b.says(b.vial("delete", id), answer{})
	b.buryAll()
	for _, command := range []string{"create", "run"} {
		before := b.picture()
		enough := 0
		for n := 3; n <= 64 && enough < 3; n++ {
			cmd := b.command()
			cmd.Path = "/bin/sh"
			cmd.Args = append([]string{"sh", "-c", fmt.Sprintf(`ulimit -n %d; exec "$0" "$@"`, n), vialBinary}, append(cmd.Args[1:], command, "--pid-file", "pid", id)...)
			got := b.answer(cmd)
			if got.status == 0 {
				enough++
				b.ok(os.Remove(b.bundle + "/pid"))
				if command == "create" {
					b.says(b.vial("delete", id), answer{})
				}
			} else if enough > 0 {
				t.Errorf("%s with %d descriptors: %+v, though fewer have been enough", command, n, got)
			}
			if got.status != 0 && (got.status != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.HasSuffix(got.stderr, "too many open files\n")) {
				t.Errorf("%s with %d descriptors: %+v", command, n, got)
			}
			b.buryAll()
			if !b.unchanged(&before) {
				t.Errorf("… by %s with %d descriptors: %+v", command, n, got)
			}
		}
		if enough == 0 {
			t.Errorf("%s: 64 descriptors are not enough", command)
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
		cmd.Path = "/bin/sh"
		script := `mount -t proc proc /proc && echo 2 >` + sysctl + ` && "$0" "$@"`
		cmd.Args = append([]string{"sh", "-c", script, vialBinary}, cmd.Args[1:]...)
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
