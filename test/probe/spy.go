package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// spyAct tries to look into every other process, over and over, and reports
// what it saw of one that was not the user's yet: its executable tells, once it
// can be seen at all. The number of processes that it tried is the text.
func spyAct(_ *probe, r *report.Act, a []string) error {
	seen := map[string]bool{}
	tried := map[string]bool{}
	for unix.Access(a[0], unix.F_OK) != nil {
		entries, err := os.ReadDir("/proc")
		if err != nil {
			return err
		}
		for _, e := range entries {
			pid, err := strconv.Atoi(e.Name())
			if err != nil || pid == 1 || pid == os.Getpid() {
				continue
			}
			tried[e.Name()] = true
			for _, what := range spyOn("/proc/" + e.Name()) {
				seen[what] = true
			}
		}
	}
	for what := range seen {
		r.Names = append(r.Names, what)
	}
	r.Text = strconv.Itoa(len(tried))
	return nil
}

func spyOn(dir string) (found []string) {
	for _, name := range []string{"exe", "root", "cwd", "fd/0", "fd/3", "fd/4", "fd/5", "mem", "environ", "maps"} {
		fd, err := unix.Open(dir+"/"+name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		unix.Close(fd)
		if exe, err := os.Readlink(dir + "/exe"); err == nil && exe != "/probe" && !strings.HasSuffix(exe, "(deleted)/probe") {
			found = append(found, name+" of "+exe)
		}
	}
	return found
}
