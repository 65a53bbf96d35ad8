package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// spoilMounts takes a mount namespace for this process, and there makes what is
// mounted at and below a directory read-only, or unmounts it.
func spoilMounts(how, dir string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return err
	}
	if how == "unmounted" {
		return unix.Unmount(dir, unix.MNT_DETACH)
	}
	return unix.MountSetattr(unix.AT_FDCWD, dir, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY})
}

// cgroupsReadOnly: as in a container that runs vial without a right to cgroups.
func cgroupsReadOnly(f *fault) {
	f.first()
	f.Through = "readonly=/sys/fs/cgroup"
	for _, verb := range []string{"create", "run"} {
		r := f.Vial(verb, "--bundle", f.Dir, f.ID)
		f.fails(r, verb, verb+" "+f.ID+": linux.cgroupsPath: mkdir /sys/fs/cgroup", "read-only file system")
	}
	f.Through = ""
	f.Created("sleep")
	f.Through = "readonly=/sys/fs/cgroup"
	f.Vial("delete", "--force", f.ID).Fails("delete "+f.ID+": ", "read-only file system")
	f.Through = ""
	f.Vial("delete", "--force", f.ID).OK()
	f.asBefore("a delete that could not remove the cgroup")
}

func noCgroups(f *fault) {
	f.first()
	f.Through = "unmounted=/sys/fs/cgroup"
	f.fails(f.Create(), "a create", "create "+f.ID+": no cgroup filesystem is mounted below /sys/fs/cgroup: mount cgroup2 there")
	f.Through = ""
}

// cgroupRefused lets the cgroup of one hierarchy fail after others stand: a
// file has its name, or it may have no descendants.
func cgroupRefused(f *fault) {
	f.first()
	file := "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Dir(f.Cgroup("memory")) + "/" + file); err != nil {
		file = "cgroup.procs"
	}
	f.Spec.Linux.CgroupsPath = fmt.Sprintf("/%s/%s/below", f.ID, file)
	f.fails(f.Create(), "a create", "create "+f.ID+": linux.cgroupsPath: ", "not a directory")

	if !bed.V2() {
		return
	}
	parent := "/sys/fs/cgroup/" + f.ID + "-full"
	f.Must(os.Mkdir(parent, 0o755))
	defer func() { f.Must(unix.Rmdir(parent)) }()
	f.Must(os.WriteFile(parent+"/cgroup.max.descendants", []byte("0"), 0))
	f.Spec.Linux.CgroupsPath = strings.TrimPrefix(parent, "/sys/fs/cgroup") + "/below"
	f.fails(f.Create(), "a create", "create "+f.ID+": linux.cgroupsPath: mkdir "+parent+"/below: resource temporarily unavailable")
}
