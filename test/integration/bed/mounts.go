package bed

import (
	"slices"
	"strconv"
	"strings"
)

// A Mount is a line of mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	ID, Parent  int
	Root, Point string
	Options     string   // of the mount
	Propagation []string // "shared:1", "master:2"; none if private
	Type        string
	Source      string
	Super       string // options of the filesystem
}

// Has tells whether the mount, or its filesystem, has an option.
func (m Mount) Has(option string) bool {
	return slices.Contains(strings.Split(m.Options, ","), option)
}

// SuperHas tells whether the mount's filesystem has an option.
func (m Mount) SuperHas(option string) bool {
	return slices.Contains(strings.Split(m.Super, ","), option)
}

// Spreads tells whether the mount has a propagation such as "shared".
func (m Mount) Spreads(kind string) bool {
	return slices.ContainsFunc(m.Propagation, func(p string) bool { return p == kind || strings.HasPrefix(p, kind+":") })
}

// Mounts reads what the kernel prints in mountinfo.
func Mounts(text string) []Mount {
	var all []Mount
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		end := slices.Index(fields, "-")
		if end < 6 || len(fields) < end+4 {
			continue
		}
		m := Mount{
			Root: unescape(fields[3]), Point: unescape(fields[4]), Options: fields[5], Propagation: fields[6:end],
			Type: fields[end+1], Source: unescape(fields[end+2]), Super: fields[end+3],
		}
		m.ID, _ = strconv.Atoi(fields[0])
		m.Parent, _ = strconv.Atoi(fields[1])
		all = append(all, m)
	}
	return all
}

func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// At is the mount that one meets at a path: the last one there.
func At(all []Mount, point string) (Mount, bool) {
	for _, m := range slices.Backward(all) {
		if m.Point == point {
			return m, true
		}
	}
	return Mount{}, false
}
