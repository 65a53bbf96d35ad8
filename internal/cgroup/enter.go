package cgroup

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Tasks opens the files with which a process of one thread can move itself into
// the v1 hierarchies, by writing "0" to each. The kernel need not stop anything
// for that (cgroup_procs_write_start, since Linux 5.5). The caller closes them.
// To move it from outside, through cgroup.procs, waits for the system's lock on
// thread groups, and the first such move in a while for a grace period of RCU
// on top, some milliseconds. The cgroup2 of a hybrid host is not among them:
// see Dir.
func (p *Plan) Tasks() ([]*os.File, error) {
	var files []*os.File
	for _, d := range p.dirs {
		if len(d.Controllers) == 0 {
			continue
		}
		name := d.Dir + "/tasks"
		fd, err := openAt(unix.AT_FDCWD, name, unix.O_WRONLY)
		if err != nil {
			var errs []error
			for _, f := range files {
				errs = append(errs, f.Close())
			}
			return nil, errors.Join(fmt.Errorf("%s: %w", pathField, errorAt("open", name, err)), errors.Join(errs...))
		}
		files = append(files, os.NewFile(uintptr(fd), name))
	}
	return files, nil
}
