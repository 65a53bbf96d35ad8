package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A place is something to mount.
type place struct {
	path, fstype string
	flags        uintptr
	data         string
}

func mountAll(places []place) error {
	for _, p := range places {
		if err := os.MkdirAll(p.path, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(p.fstype, p.path, p.fstype, p.flags, p.data); err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", p.path, err)
		}
	}
	return nil
}

// first is process 1 of the initramfs.
func first() error {
	if err := mountAll([]place{{"/proc", "proc", 0, ""}, {"/dev", "devtmpfs", 0, ""}}); err != nil {
		return err
	}
	if err := loadDrivers(); err != nil {
		return err
	}
	disk := argument("vial.disk")
	if err := makeRoot(disk); err != nil {
		return err
	}
	if disk != "" {
		return handOver()
	}
	if err := minimal(); err != nil {
		return err
	}
	return runBelow()
}

func loadDrivers() error {
	files, err := filepath.Glob("/drivers/*.ko")
	if err != nil {
		return err
	}
	for _, path := range files {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// makeRoot goes from the initramfs, whose root the kernel lets nobody pivot
// (pivot_root(2)), to a disk or a tmpfs.
func makeRoot(disk string) error {
	const root = "/newroot"
	err := mountRoot(disk, root)
	if err != nil {
		return err
	}
	settings, err := os.ReadFile("/settings")
	if err != nil {
		return err
	}
	for _, dir := range []string{"/payload", "/run", "/proc", "/dev"} {
		if err := os.MkdirAll(root+dir, 0o755); err != nil {
			return err
		}
	}
	if err := mountAll([]place{{root + "/run", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=755"}}); err != nil {
		return err
	}
	if err := os.WriteFile(root+"/run/vial-test-settings", settings, 0o644); err != nil {
		return err
	}
	if err := unix.Mount("/payload", root+"/payload", "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind the payload: %w", err)
	}
	for _, dir := range []string{"/proc", "/dev"} {
		if err := unix.Mount(dir, root+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", dir, err)
		}
	}
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	return os.Chdir("/")
}

func mountRoot(disk, root string) error {
	if disk == "" {
		return mountAll([]place{{root, "tmpfs", 0, "mode=755"}})
	}
	var err error
	for range 100 { // the disk shows up a moment after its driver
		if err = unix.Mount(disk, root, "ext4", 0, ""); !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENXIO) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", disk, err)
	}
	return nil
}

// handOver becomes the system's own first program.
func handOver() error {
	return unix.Exec("/sbin/init", []string{"/sbin/init"}, []string{"TERM=linux"})
}

// minimal makes a system of nothing: what the kernel offers, mounted where
// programs look for it.
func minimal() error {
	if err := mountAll([]place{
		{"/sys", "sysfs", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"/sys/fs/cgroup", "cgroup2", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, "nsdelegate"},
		{"/dev/pts", "devpts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=620,gid=5"},
		{"/dev/shm", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"/dev/mqueue", "mqueue", unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, ""},
		{"/tmp", "tmpfs", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	}); err != nil {
		return err
	}
	for path, target := range map[string]string{"/dev/fd": "/proc/self/fd", "/dev/stdin": "fd/0", "/dev/stdout": "fd/1", "/dev/stderr": "fd/2"} {
		_ = os.Symlink(target, path)
	}
	if err := os.MkdirAll("/etc", 0o755); err != nil {
		return err
	}
	if err := os.WriteFile("/etc/passwd", []byte("root:x:0:0:root:/root:/bin/sh\n"), 0o644); err != nil {
		return err
	}
	if err := loopback(); err != nil {
		return err
	}
	return enableControllers()
}

// loopback sets the interface up, as every system does.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// enableControllers lets cgroups below the root have all controllers.
func enableControllers() error {
	const root = "/sys/fs/cgroup/"
	names, err := os.ReadFile(root + "cgroup.controllers")
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(names)) {
		if err := os.WriteFile(root+"cgroup.subtree_control", []byte("+"+name), 0o644); err != nil {
			return fmt.Errorf("enable the controller %s: %w", name, err)
		}
	}
	return nil
}

// runBelow runs the tests in a process of their own, and buries what process 1
// inherits meanwhile.
func runBelow() error {
	tests, err := os.StartProcess("/payload/bin/init", []string{"init", "run"}, &os.ProcAttr{
		Dir: "/", Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return err
	}
	for {
		pid, err := unix.Wait4(-1, nil, unix.WALL, nil)
		if err != nil && err != unix.EINTR {
			return fmt.Errorf("wait for the tests: %w", err)
		}
		if pid == tests.Pid {
			return nil
		}
	}
}

func powerOff() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}
