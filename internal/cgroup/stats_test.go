package cgroup

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/cgroups"
	v1 "github.com/opencontainers/cgroups/fs"
	v2 "github.com/opencontainers/cgroups/fs2"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/vial-run/vial/internal/host"
)

// captured puts the files of cgroups, as a kernel has shown them, into a
// directory: each begins with a line `-- NAME --`.
func captured(t *testing.T, file string) (dir string, files []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	for part := range strings.SplitSeq(strings.TrimPrefix(string(text), "-- "), "\n-- ") {
		name, content, _ := strings.Cut(part, " --\n")
		if !strings.HasSuffix(content, "\n") {
			content += "\n"
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	return dir, files
}

func pathsV1(dir string) map[string]string {
	paths := map[string]string{}
	for _, c := range []string{"cpu", "cpuacct", "cpuset", "memory", "pids", "blkio", "hugetlb"} {
		paths[c] = dir + "/" + c
	}
	return paths
}

// TestStats reads captured files, and compares what is printed then with a golden,
// and what they come to with the oracle.
func TestStats(t *testing.T) {
	cgroups.TestMode = true
	t.Cleanup(func() { cgroups.TestMode = false })
	for _, version := range []string{"v1", "v2"} {
		t.Run(version, func(t *testing.T) {
			dir, _ := captured(t, "stats_"+version+".txt")
			paths := map[string]string{"": dir}
			if version == "v1" {
				paths = pathsV1(dir)
			}
			s, err := ReadStats(paths)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, "stats_"+version+".golden", s)
			const comparable = cgroups.AllControllers &^ cgroups.HugeTLB // it asks this host for the sizes
			want, err := oracleStats(paths, comparable)
			if err != nil {
				t.Fatal(err)
			}
			s.Hugetlb = nil
			sameStats(t, s, want)
		})
	}
}

func golden(t *testing.T, name string, s *Stats) {
	t.Helper()
	text, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile("testdata/"+name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil || string(want) != string(text) {
		t.Errorf("%v; got %s", err, text)
	}
}

// oracleStats is what the oracle reads of the same files, in the form that runc
// prints it in.
func oracleStats(paths map[string]string, which cgroups.Controller) (*Stats, error) {
	var m interface {
		Stats(*cgroups.StatsOptions) (*cgroups.Stats, error)
	}
	var err error
	if dir, ok := paths[""]; ok && len(paths) == 1 {
		m, err = v2.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, dir)
	} else {
		m, err = v1.NewManager(&cgroups.Cgroup{Resources: &cgroups.Resources{}}, paths)
	}
	if err != nil {
		return nil, err
	}
	o, err := m.Stats(&cgroups.StatsOptions{Controllers: which})
	if err != nil {
		return nil, err
	}
	s := &Stats{Pids: PidsStats(o.PidsStats), CPUSet: CPUSetStats(o.CPUSetStats)}
	u, th := o.CpuStats.CpuUsage, o.CpuStats.ThrottlingData
	s.CPU.Usage = CPUUsage{u.TotalUsage, u.PercpuUsage, u.PercpuUsageInKernelmode, u.PercpuUsageInUsermode, u.UsageInKernelmode, u.UsageInUsermode}
	s.CPU.Throttling, s.CPU.PSI = Throttling(th), psi(o.CpuStats.PSI)
	m1 := o.MemoryStats
	s.Memory = MemoryStats{Cache: m1.Cache, Raw: m1.Stats, PSI: psi(m1.PSI)}
	if len(m1.Stats) == 0 {
		s.Memory.Raw = nil
	}
	for _, p := range []struct {
		to   *MemoryUse
		from cgroups.MemoryData
	}{{&s.Memory.Usage, m1.Usage}, {&s.Memory.Swap, m1.SwapUsage}, {&s.Memory.Kernel, m1.KernelUsage}, {&s.Memory.KernelTCP, m1.KernelTCPUsage}} {
		*p.to = MemoryUse{Limit: p.from.Limit, Usage: p.from.Usage, Max: p.from.MaxUsage, Failcnt: p.from.Failcnt}
	}
	b := o.BlkioStats
	s.Block = BlockStats{
		uses(b.IoServiceBytesRecursive), uses(b.IoServicedRecursive), uses(b.IoQueuedRecursive), uses(b.IoServiceTimeRecursive),
		uses(b.IoWaitTimeRecursive), uses(b.IoMergedRecursive), uses(b.IoTimeRecursive), uses(b.SectorsRecursive), psi(b.PSI),
	}
	for size, h := range o.HugetlbStats {
		if s.Hugetlb == nil {
			s.Hugetlb = map[string]HugetlbStats{}
		}
		s.Hugetlb[size] = HugetlbStats{Usage: h.Usage, Max: h.MaxUsage, Failcnt: h.Failcnt}
	}
	return s, nil
}

func psi(p *cgroups.PSIStats) *PSI {
	if p == nil {
		return nil
	}
	return &PSI{Pressure(p.Some), Pressure(p.Full)}
}

func uses(list []cgroups.BlkioStatEntry) (all []BlockUse) {
	for _, e := range list {
		all = append(all, BlockUse(e))
	}
	return all
}

// sameStats compares what does not change from one look to the next, in the
// oracle's order of devices, which is none.
func sameStats(t *testing.T, ours, theirs *Stats) {
	t.Helper()
	ours.Memory.Usage.Failcnt, theirs.Memory.Usage.Failcnt = 0, 0 // on cgroup2 the oracle has none
	for _, s := range []*Stats{ours, theirs} {
		for _, list := range []*[]BlockUse{&s.Block.ServiceBytes, &s.Block.Serviced} {
			sorted := map[BlockUse]bool{}
			for _, u := range *list {
				sorted[u] = true
			}
			*list = nil
			for u := range sorted {
				*list = append(*list, u)
			}
			sortUses(*list)
		}
	}
	for i := range reflect.TypeFor[Stats]().NumField() {
		a, b := text(t, reflect.ValueOf(ours).Elem().Field(i).Interface()), text(t, reflect.ValueOf(theirs).Elem().Field(i).Interface())
		if a != b {
			t.Errorf("%s\nours   %s\noracle %s", reflect.TypeFor[Stats]().Field(i).Name, a, b)
		}
	}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestStatsOfACgroup compares a real one with the oracle, while it stands still.
func TestStatsOfACgroup(t *testing.T) {
	views(t, func(t *testing.T, facts host.Facts) {
		r := &specs.LinuxResources{Memory: &specs.LinuxMemory{Limit: ptr(int64(256 << 20))}, Pids: &specs.LinuxPids{Limit: ptr(int64(70))}}
		if facts.Cgroup == host.V2 && !hasControllers("/sys/fs/cgroup", "memory", "pids") {
			r = nil
		}
		p := plan(t, facts, name(t), r)
		if err := p.Create(); err != nil {
			t.Fatal(err)
		}
		if err := p.Set(); err != nil {
			t.Fatal(err)
		}
		if got := enter(t, p, "hold").line(t); got != "full" {
			t.Fatal(got)
		}
		if err := Freeze(p.Paths()); err != nil {
			t.Fatal(err)
		}
		defer Thaw(p.Paths())
		ours, theirs := settled(t, p.Paths())
		if ours.Pids.Current == 0 {
			t.Error("no process counts")
		}
		if r != nil && (ours.Pids.Limit != 70 || ours.Memory.Usage.Limit != 256<<20 || ours.Memory.Usage.Usage < 32<<20) {
			t.Errorf("pids %+v, memory %+v", ours.Pids, ours.Memory.Usage)
		}
		if ours.CPU.Usage.Total == 0 {
			t.Error("no CPU time counts")
		}
		if len(ours.Hugetlb) == 0 {
			ours.Hugetlb = nil
		}
		sameStats(t, ours, theirs)
	})
}

// settled reads by both ways until nothing has changed between: the kernel may
// have something to tidy up after the processes stand.
func settled(t *testing.T, paths map[string]string) (ours, theirs *Stats) {
	t.Helper()
	read := func() *Stats {
		s, err := ReadStats(paths)
		if err != nil {
			t.Fatal(err)
		}
		s.CPU.PSI, s.Memory.PSI, s.Block.PSI = nil, nil, nil // these go on by themselves
		return s
	}
	for range 100 {
		ours = read()
		var err error
		if theirs, err = oracleStats(paths, cgroups.AllControllers); err != nil {
			t.Fatal(err)
		}
		theirs.CPU.PSI, theirs.Memory.PSI, theirs.Block.PSI = nil, nil, nil
		if reflect.DeepEqual(ours, read()) {
			break
		}
	}
	return ours, theirs
}

// A file that makes no sense is named, and one that is missing is nothing.
func TestStatsOfBrokenFiles(t *testing.T) {
	for _, c := range []struct{ file, text, want string }{
		{"cpu.stat", "usage_usec many\n", `: cannot make sense of "usage_usec many"`},
		{"memory.stat", "anon\n", `: cannot make sense of "anon"`},
		{"pids.max", "", `: cannot make sense of ""`},
		{"io.stat", "8 rbytes=1\n", `: cannot make sense of "8 rbytes=1"`},
		{"io.stat", "8:0 rbytes=x\n", `: cannot make sense of "8:0 rbytes=x"`},
		{"cpu.pressure", "some avg10=NaN\n", `: cannot make sense of "some avg10=NaN"`},
		{"hugetlb.2MB.events", "max -\n", `: cannot make sense of "max -"`},
	} {
		dir, _ := captured(t, "stats_v2.txt")
		if err := os.WriteFile(dir+"/"+c.file, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadStats(map[string]string{"": dir}); err == nil || err.Error() != dir+"/"+c.file+c.want {
			t.Errorf("%s: %v", c.file, err)
		}
	}
	s, err := ReadStats(map[string]string{"": t.TempDir() + "/none"})
	if err != nil || !reflect.DeepEqual(s, &Stats{Hugetlb: map[string]HugetlbStats{}}) {
		t.Errorf("%+v, %v", s, err)
	}
	dir, _ := captured(t, "stats_v2.txt")
	for _, file := range []string{"memory.peak", "memory.swap.current", "pids.current", "hugetlb.2MB.rsvd.current"} {
		if err := unix.Unlink(dir + "/" + file); err != nil {
			t.Fatal(err)
		}
	}
	s, err = ReadStats(map[string]string{"": dir})
	if err != nil || s.Memory.Usage.Max != 0 || s.Memory.Swap.Usage != s.Memory.Usage.Usage || s.Pids.Current != 0 || s.Hugetlb["2MB"].Usage != 2<<20 {
		t.Errorf("without the files of newer kernels: %+v, %v", s, err)
	}
}

// FuzzStats puts any text into any file that statistics are read from: it may be
// refused, but what is read has a JSON form.
func FuzzStats(f *testing.F) {
	for _, version := range []string{"v1", "v2"} {
		text, err := os.ReadFile("testdata/stats_" + version + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(text), "-- ") {
			if _, content, ok := strings.Cut(part, " --\n"); ok {
				f.Add(content)
			}
		}
	}
	f.Add("0-65535,0-65535\n")
	f.Add("some avg10=1e999\n")
	f.Add("8:0 Read 18446744073709551616")
	f.Fuzz(func(t *testing.T, text string) {
		var s Stats
		_, _ = parseNumber(text)
		_, _ = parseSigned(text)
		s.Memory.Raw, _ = parseTable(text)
		s.CPU.Usage.PerCPU, _ = parseNumbers(text)
		s.CPUSet.CPUs, _ = parseSet(text)
		s.CPU.PSI, _ = parsePSI(text)
		s.Block.Sectors, _ = parseBlkio(text)
		io, _ := parseIOStat(text)
		s.Block.ServiceBytes, s.Block.Serviced = io.bytes, io.operations
		each, _ := parseEachCPU(text)
		s.CPU.Usage.PerCPUKernel, s.CPU.Usage.PerCPUUser = each.kernel, each.user
		if _, err := json.Marshal(s); err != nil {
			t.Error(err)
		}
		if len(s.CPUSet.CPUs) > 2<<16 {
			t.Errorf("a set of %d", len(s.CPUSet.CPUs))
		}
	})
}

func sortUses(list []BlockUse) {
	slices.SortFunc(list, func(a, b BlockUse) int {
		return cmp.Or(cmp.Compare(a.Major, b.Major), cmp.Compare(a.Minor, b.Minor), cmp.Compare(a.Op, b.Op), cmp.Compare(a.Value, b.Value))
	})
}
