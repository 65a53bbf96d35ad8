package cgroup

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/host"
)

const pathField = "linux.cgroupsPath"

// place decides the directories for linux.cgroupsPath. An absolute one counts
// from the root of each hierarchy. A relative one counts from vial's own
// cgroup, and the id stands for an empty one; on cgroup2 it counts from the
// parent of that, because a cgroup that has processes of its own cannot give
// controllers to one below it ("no internal processes", cgroups(7)).
func place(facts *host.Facts, text, id string, own func() (map[string]string, error)) ([]dir, error) {
	if strings.Count(text, ":") == 2 && !strings.Contains(text, "/") {
		return nil, fmt.Errorf("%s: %q is a path for systemd: use --systemd-cgroup, or a path such as /%s", pathField, text, id)
	}
	inner, absolute := path.Clean("/"+text), strings.HasPrefix(text, "/")
	if text == "" || !absolute && inner == "/" {
		inner = "/" + id
	}
	if inner == "/" {
		return nil, fmt.Errorf("%s: %q is the root of the hierarchy, which belongs to the host", pathField, text)
	}
	var from map[string]string
	if !absolute {
		var err error
		if from, err = own(); err != nil {
			return nil, err
		}
	}
	var list []dir
	for _, h := range facts.Hierarchies {
		base := ""
		if !absolute {
			base = below(h.Root, from[h.Controllers[0]])
		}
		list = append(list, dir{
			CgroupDir: host.CgroupDir{
				Name:        path.Base(h.Mountpoint),
				Dir:         path.Join(h.Mountpoint, base, inner),
				Controllers: h.Controllers,
			},
			root: h.Mountpoint,
		})
	}
	if facts.Unified != "" {
		d := dir{root: facts.Unified}
		if facts.Cgroup == host.V2 {
			d.Dir = path.Join(d.root, path.Dir(below("/", from[""])), inner)
		} else {
			// Beside v1 hierarchies cgroup2 has no limits to set, and where vial
			// is in it says nothing.
			d.Name, d.Dir = path.Base(d.root), path.Join(d.root, inner)
		}
		list = append(list, d)
	}
	if len(list) == 0 {
		return nil, errors.New("no cgroup filesystem is mounted below /sys/fs/cgroup: mount cgroup2 there")
	}
	return list, nil
}

// below is where a hierarchy's mount shows the cgroup own. The mount shows the
// hierarchy from the cgroup root down, so in a container it is only a part; a
// cgroup that lies outside counts as the top of what is there.
func below(root, own string) string {
	if root == "/" {
		root = ""
	}
	rest, ok := strings.CutPrefix(own, root)
	if !ok || rest != "" && rest[0] != '/' || slices.Contains(strings.Split(rest, "/"), "..") {
		return "/"
	}
	return path.Clean("/" + rest)
}

// ownCgroups tells where vial itself is: for each controller, and "" for cgroup2.
func ownCgroups() (map[string]string, error) {
	const file = "/proc/self/cgroup"
	text, err := readFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: find vial's own cgroup: %w", pathField, err)
	}
	return parseOwn(text), nil
}

// parseOwn reads lines such as `4:cpu,cpuacct:/user.slice` and `0::/init.scope`.
func parseOwn(text string) map[string]string {
	own := make(map[string]string)
	for line := range strings.SplitSeq(text, "\n") {
		_, rest, ok := strings.Cut(line, ":")
		controllers, where, found := strings.Cut(rest, ":")
		if !ok || !found {
			continue
		}
		where = strings.TrimSuffix(where, " (deleted)")
		for controller := range strings.SplitSeq(controllers, ",") {
			own[controller] = where
		}
	}
	return own
}
