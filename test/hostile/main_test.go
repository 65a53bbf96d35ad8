// Package hostile attacks the real vial: with root filesystems, images, other
// containers and processes that are out for the host. Each test plays a card of
// known vulnerabilities of container runtimes; the CVE numbers stand with them.
//
// An attack is beside a decoy of the host's files (decoy_test.go). It has failed,
// and the test passes, if five things hold: the decoy is as it was; the process
// inside found none of its secrets; vial has refused in one clear line, or the
// container is exactly what was asked for; no mount, cgroup, state or process is
// left; and it all took bounded time. Package bed sees to the last two.
package hostile

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("VIAL_TEST_OPEN"); path != "" {
		os.Exit(openOnly(path))
	}
	bed.Main(m)
}

// openOnly is what a process without privileges does for asUser: its exit status
// is the errno of an open for writing.
func openOnly(path string) int {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if errno, ok := err.(unix.Errno); ok {
		return int(errno)
	}
	unix.Close(fd)
	return 0
}

// An attack is a bundle whose author means harm, and a decoy.
type attack struct {
	*bed.Bundle
	decoy *decoy
}

func newAttack(t *testing.T) *attack {
	t.Helper()
	b := bed.New(t)
	return &attack{b, newDecoy(b)}
}

// run runs the container with acts of the probe's, and holds it to the five
// things. The report is nil if vial has refused. The process is told a part of
// the secret, to know it by; if it ever says the rest it has read it.
func (a *attack) run(acts ...string) *report.Report {
	a.T.Helper()
	hunt := []string{"report", "hunt", a.decoy.path("canary") + "=" + a.decoy.secret[:16]}
	return a.judge(a.Run(append(hunt, acts...)...))
}

func (a *attack) judge(r *bed.Result) *report.Report {
	a.T.Helper()
	a.decoy.unchanged()
	if strings.Contains(r.Stdout+r.Stderr, a.decoy.secret) {
		a.T.Errorf("the secret is out: %s%s", r.Stdout, r.Stderr)
	}
	if strings.Contains(r.Stderr, "error running createContainer hook") {
		a.T.Errorf("the attack itself: %s%s", r.Stderr, r.Stdout)
	}
	if r.Status != 0 {
		r.Fails("vial: run " + a.ID + ": ")
		return nil
	}
	out := r.Report()
	if out.Process != nil {
		a.onlyOwnMounts(out.Process.Mountinfo)
		a.allOwnMounts(out.Process.Mountinfo)
	}
	for _, act := range out.Acts {
		if act.Do[0] == "hunt" && len(act.Names) > 0 {
			a.T.Errorf("the secret was read: %q", act.Names)
		}
	}
	return out
}

// refused sees to it that vial refuses, for a reason that holds the texts.
func (a *attack) refused(texts ...string) {
	a.T.Helper()
	r := a.Run("report")
	a.decoy.unchanged()
	r.Fails(texts...)
}

// onlyOwnMounts fails for every mount that the config does not ask for.
func (a *attack) onlyOwnMounts(info string) {
	a.T.Helper()
	wanted := map[string]int{}
	for _, m := range a.Spec.Mounts {
		wanted[m.Type]++
		if m.Type == "cgroup" {
			wanted["cgroup2"]++
		}
	}
	for _, m := range reachable(bed.Mounts(info)) {
		if strings.Contains(m.Root, "decoy") && !strings.Contains(m.Point, "/given") {
			a.T.Errorf("a file of the host's is mounted: %+v", m)
		}
		switch m.Type {
		case "proc", "sysfs", "devpts", "mqueue", "cgroup2":
			// A read-only path is one more mount of the same filesystem.
			if m.Root == "/" {
				wanted[m.Type]--
			}
		}
	}
	for fstype, n := range wanted {
		if n < 0 {
			a.T.Errorf("there are %d mounts of type %s too many:\n%s", -n, fstype, info)
		}
	}
}

// allOwnMounts fails for every mount that the config asks for and that is not there.
func (a *attack) allOwnMounts(info string) {
	a.T.Helper()
	if info == "" {
		return // there is no /proc to ask
	}
	all := bed.Mounts(info)
	for i, want := range a.Spec.Mounts {
		if !slices.ContainsFunc(all, func(m bed.Mount) bool { return serves(m, want) }) {
			a.T.Errorf("mounts[%d] on %s is not there:\n%s", i, want.Destination, info)
		}
	}
}

// serves tells whether a mount can be one that was asked for. Where it is
// mounted says nothing: others may have renamed that.
func serves(m bed.Mount, want specs.Mount) bool {
	switch want.Type {
	case "bind":
		return m.Root != "/" && strings.HasSuffix(want.Source, m.Root)
	case "cgroup":
		return strings.HasPrefix(m.Type, "cgroup") || m.Source == "cgroup"
	}
	return m.Type == want.Type && m.Source == want.Source && m.Root == "/"
}

// reachable leaves out what lies on top of the root itself: no path leads there.
func reachable(all []bed.Mount) []bed.Mount {
	hidden := map[int]bool{}
	var kept []bed.Mount
	for i, m := range all {
		if i > 0 && m.Point == "/" || hidden[m.Parent] {
			hidden[m.ID] = true
			continue
		}
		kept = append(kept, m)
	}
	return kept
}

type act = report.Act

// last is the last act of a report.
func last(r *report.Report) report.Act { return r.Acts[len(r.Acts)-1] }
