package cgroup

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// TestSameAsOracle sets the same in two cgroups of this host, here by a plan and
// there by the oracle, one after the other without making them anew, and
// compares every control file after each.
func TestSameAsOracle(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		d := dice{rand.New(rand.NewPCG(1, 2))}
		paths := [2]string{name(t) + "/ours", name(t) + "/oracle"}
		twin := plan(t, facts, paths[1], nil)
		if err := twin.Create(); err != nil {
			t.Fatal(err)
		}
		page, disk := hugepage(t), firstDisk(t)
		for round := range 150 {
			r := &specs.LinuxResources{HugepageLimits: []specs.LinuxHugepageLimit{{Pagesize: page, Limit: d.Uint64N(1 << 40)}}}
			if facts.Cgroup != host.V2 {
				r = d.resources()
				r.CPU.Idle = pick(d, int64(0), 1)
				r.BlockIO = d.throttle(disk)
			} else {
				r.Unified = map[string]string{"cgroup.max.depth": fmt.Sprint(d.IntN(9)), "hugetlb." + page + ".rsvd.max": "max\n8192\n"}
			}
			p := plan(t, facts, paths[0], r)
			ours := errors.Join(p.Create(), p.Set())
			theirs := oracle(twin, r)
			if ours == nil && errors.Is(theirs, unix.EINVAL) && strings.Contains(theirs.Error(), "cpu.shares") {
				// An idle group takes no shares, and the oracle gives up there;
				// vial ends the idleness first.
				theirs = errors.Join(writeFile(twin.Paths()["cpu"]+"/cpu.idle", "0"), oracle(twin, r))
			}
			if (ours == nil) != (theirs == nil) {
				t.Fatalf("round %d: %s\nours:   %v\noracle: %v", round, show(r), ours, theirs)
			}
			for i := range p.dirs {
				compare(t, fmt.Sprintf("round %d: %s", round, show(r)), contents(t, p.dirs[i].Dir), contents(t, twin.dirs[i].Dir))
			}
			if t.Failed() {
				return
			}
		}
	})
}

func oracle(p *Plan, r *specs.LinuxResources) error {
	if p.v2() {
		return oracleV2(p.dirs[0].Dir, r)
	}
	return oracleV1(p.Paths(), r)
}

func show(r *specs.LinuxResources) string {
	writes, err := writesV1(r)
	if len(r.Unified) > 0 {
		writes, err = writesV2(r)
	}
	return listing(writes) + fmt.Sprint(err)
}

// contents are the control files of a cgroup that can be both read and written.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, entry := range list {
		info, err := entry.Info()
		if err != nil || info.Mode()&0o600 != 0o600 || !info.Mode().IsRegular() {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if strings.HasSuffix(entry.Name(), ".max_usage_in_bytes") || strings.HasSuffix(entry.Name(), ".pressure") {
			continue // counted, not set
		}
		files[entry.Name()] = fmt.Sprint(string(text), err != nil)
	}
	return files
}

func compare(t *testing.T, title string, ours, theirs map[string]string) {
	t.Helper()
	for _, file := range slices.Sorted(maps.Keys(theirs)) {
		if ours[file] != theirs[file] {
			t.Errorf("%s\n%s: ours %q, oracle %q", title, file, ours[file], theirs[file])
		}
	}
	if len(ours) != len(theirs) {
		t.Errorf("%s\nours %v\noracle %v", title, ours, theirs)
	}
}

// TestSameWrites compares what is written, and how often, with controllers that
// this host lacks: the control files are pipes that keep everything. A file that
// the library reads back is a plain one, and keeps what is written last.
func TestSameWrites(t *testing.T) {
	cgroups.TestMode = true // the library then takes files that are in no cgroup
	t.Cleanup(func() { cgroups.TestMode = false })
	for round := range 400 {
		d := dice{rand.New(rand.NewPCG(uint64(round), 3))}
		r := d.resources()
		d.rest(r)
		facts := factsFull
		if round%2 == 0 {
			facts = factsV2
			d.onlyV2(r)
		}
		bfq := d.IntN(2) == 0
		ours, err := emulate(t, facts, r, bfq, setAll)
		theirs, oracleErr := emulate(t, facts, r, bfq, func(p *Plan) error { return oracle(p, r) })
		title := fmt.Sprintf("round %d: %s", round, show(r))
		switch {
		case oracleErr == nil && err == nil:
			compare(t, title, ours, theirs)
		case oracleErr == nil || err == nil || !strings.Contains(err.Error(), oracleErr.Error()):
			t.Errorf("%s\nours:   %v\noracle: %v", title, err, oracleErr)
		}
		if t.Failed() {
			return
		}
	}
}

// setAll does the writes that Create does, too.
func setAll(p *Plan) error {
	for i := range p.writes {
		p.writes[i].how &^= early
	}
	return p.setLimits()
}

// plainFiles are read back by one of the two, with what they hold at first.
var plainFiles = map[string]string{
	"cpu.shares": "", "memory.limit_in_bytes": "0", "memory.current": "33554432\n", "cgroup.controllers": "",
}

// seed is what the library reads to see whether a kernel knows weights of single
// devices: as much as it reads.
const seed = "default 100, and that of devices"

// emulate runs set on a plan whose cgroups are one directory with a pipe for
// every file, and tells what has got into each.
func emulate(t *testing.T, facts host.Facts, r *specs.LinuxResources, bfq bool, set func(*Plan) error) (map[string]string, error) {
	t.Helper()
	p, err := NewPlan(&facts, spec(r), "c9", Filesystem)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for i := range p.dirs {
		p.dirs[i].Dir = root
	}
	for file, text := range plainFiles {
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pipes := make(map[string]int)
	for _, w := range p.writes {
		_, plain := plainFiles[w.file]
		_, done := pipes[w.file]
		// Kernels since 5.0 have no blkio.weight, nor the rest of that scheduler.
		if plain || done || !bfq && w.file == "io.bfq.weight" || strings.HasPrefix(w.file, "blkio.weight") {
			continue
		}
		pipes[w.file] = pipe(t, filepath.Join(root, w.file))
	}
	err = set(p)
	files := make(map[string]string)
	for file, fd := range pipes {
		files[file] = drainPipe(t, fd)
	}
	for file := range plainFiles {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		files[file] = string(text)
	}
	return files, err
}

func pipe(t *testing.T, path string) int {
	t.Helper()
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Base(path) == "io.bfq.weight" {
		if _, err := unix.Write(fd, []byte(seed)); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

// drainPipe is what was written, without the ends of lines: a kernel's control
// file takes what one write brings.
func drainPipe(t *testing.T, fd int) string {
	t.Helper()
	defer unix.Close(fd)
	buf := make([]byte, 1<<16)
	n, err := unix.Read(fd, buf)
	if err != nil && err != unix.EAGAIN {
		t.Fatal(err)
	}
	return strings.ReplaceAll(strings.TrimPrefix(string(buf[:max(n, 0)]), seed), "\n", "")
}

// firstDisk is a block device that can be throttled.
func firstDisk(t *testing.T) (d specs.LinuxBlockIODevice) {
	t.Helper()
	list, err := filepath.Glob("/sys/block/*/dev")
	if err != nil || len(list) == 0 {
		t.Skip("no block device here")
	}
	text, err := os.ReadFile(list[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "%d:%d", &d.Major, &d.Minor); err != nil {
		t.Fatal(err)
	}
	return d
}
