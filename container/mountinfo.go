package container

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/compile"
	"golang.org/x/sys/unix"
)

// A hostMount is one line of mountinfo (proc_pid_mountinfo(5)).
type hostMount struct {
	id, parent string
	point      string // where it is mounted
}

// hostMounts finds what the program has to know of the host's mounts, if
// anything: to read them takes longer than to make a mount.
func (p *prepared) hostMounts(in *compile.Input) error {
	shared := p.config.RootPropagation&unix.MS_SHARED != 0
	if !shared && in.Root != MoveRoot {
		return nil
	}
	if in.Root == MoveRoot && p.config.RootPropagation&unix.MS_PRIVATE != 0 {
		return errors.New("linux.rootfsPropagation: rootfsPropagation of [r]private is not safe without pivot_root: leave out --no-pivot")
	}
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	mounts, err := parseMountinfo(string(text))
	if err != nil {
		return fmt.Errorf("/proc/self/mountinfo: %w", err)
	}
	if shared {
		in.RootfsMountpoint = mountpointOf(mounts, p.rootfs)
	}
	if in.Root == MoveRoot {
		in.HostMounts = onRoot(mounts)
	}
	return nil
}

func parseMountinfo(text string) ([]hostMount, error) {
	var mounts []hostMount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 6 {
			return nil, fmt.Errorf("a line has %d fields: %q", len(fields), line)
		}
		mounts = append(mounts, hostMount{id: fields[0], parent: fields[1], point: unescape(fields[4])})
	}
	return mounts, nil
}

// unescape undoes what the kernel does to a space, a tab, a newline, a backslash
// and a # (fs/proc_namespace.c, mangle).
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`, `\043`, "#").Replace(text)
}

// mountpointOf is where the mount that holds path is mounted.
func mountpointOf(mounts []hostMount, path string) string {
	best := "/"
	for _, m := range mounts {
		if (path == m.point || strings.HasPrefix(path, m.point+"/")) && len(m.point) > len(best) {
			best = m.point
		}
	}
	return best
}

// onRoot are the mounts that stand on the one at "/", the last first: a later
// one may hide an earlier one.
func onRoot(mounts []hostMount) []string {
	root := ""
	for _, m := range mounts {
		if m.point == "/" {
			root = m.id
		}
	}
	var points []string
	for _, m := range slices.Backward(mounts) {
		if m.parent == root && m.point != "/" {
			points = append(points, m.point)
		}
	}
	return points
}
