package gather

import (
	"bytes"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/host"
)

// hierarchies finds the v1 hierarchies in the text of /proc/self/mountinfo, and
// the place of a cgroup2 beside them.
//
// A hierarchy can be mounted many times (a container's bind mounts are such
// mounts too): the first one that has a controller is taken, but one below
// /sys/fs/cgroup is taken before any other. A cgroup2 elsewhere is somebody's
// private mount, so it does not make the host a hybrid.
func hierarchies(info []byte) (list []host.Hierarchy, unified string) {
	for len(info) > 0 {
		var line []byte
		line, info, _ = bytes.Cut(info, []byte("\n"))
		m, ok := parseMount(line)
		if !ok {
			continue
		}
		below := strings.HasPrefix(m.Mountpoint, cgroupRoot+"/")
		if m.v2 {
			if unified == "" && below {
				unified = m.Mountpoint
			}
			continue
		}
		same := func(h host.Hierarchy) bool { return slices.Equal(h.Controllers, m.Controllers) }
		switch i := slices.IndexFunc(list, same); {
		case i < 0:
			list = append(list, m.Hierarchy)
		case below && !strings.HasPrefix(list[i].Mountpoint, cgroupRoot+"/"):
			list[i] = m.Hierarchy
		}
	}
	return list, unified
}

type mount struct {
	host.Hierarchy
	v2 bool
}

// parseMount takes from a line of mountinfo what a cgroup mount is about; false
// for any other mount. The line, by proc_pid_mountinfo(5):
//
//	36 35 98:0 /root /mountpoint rw,noatime optional… - type source super,options
func parseMount(line []byte) (m mount, ok bool) {
	before, after, ok := bytes.Cut(line, []byte(" - cgroup"))
	if !ok {
		return m, false
	}
	fields := bytes.Fields(before)
	tail := bytes.Fields(after)
	if len(fields) < 6 || len(tail) == 0 {
		return m, false
	}
	m.Root, m.Mountpoint = unescape(fields[3]), unescape(fields[4])
	switch {
	case bytes.HasPrefix(after, []byte("2 ")):
		m.v2 = true
		return m, true
	case !bytes.HasPrefix(after, []byte(" ")):
		return m, false
	}
	for option := range strings.SplitSeq(string(tail[len(tail)-1]), ",") {
		if isController(option) {
			m.Controllers = append(m.Controllers, option)
		}
	}
	return m, len(m.Controllers) > 0
}

// isController tells a controller from the other options of a v1 mount (xattr,
// release_agent=…, a security module's). The list is final: new controllers
// exist in cgroup2 only.
func isController(option string) bool {
	switch option {
	case "cpuset", "cpu", "cpuacct", "blkio", "memory", "devices", "freezer",
		"net_cls", "perf_event", "net_prio", "hugetlb", "pids", "rdma", "misc":
		return true
	}
	return strings.HasPrefix(option, "name=")
}

// unescape undoes the octal escapes of a path in mountinfo.
func unescape(b []byte) string {
	if bytes.IndexByte(b, '\\') < 0 {
		return string(b)
	}
	var out []byte
	for i := 0; i < len(b); i++ {
		if b[i] == '\\' && i+3 < len(b) && isOctal(b[i+1:i+4]) {
			out = append(out, (b[i+1]-'0')<<6|(b[i+2]-'0')<<3|(b[i+3]-'0'))
			i += 3
			continue
		}
		out = append(out, b[i])
	}
	return string(out)
}

func isOctal(b []byte) bool {
	for _, c := range b {
		if c < '0' || c > '7' {
			return false
		}
	}
	return b[0] <= '3'
}
