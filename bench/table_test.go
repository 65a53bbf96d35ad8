package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestRatios(t *testing.T) {
	b := &benchmark{runtimes: []Runtime{{Name: "vial"}, {Name: "runc"}, {Name: "crun"}}}
	c := b.summary("run", samples{
		"vial": {3 * time.Millisecond, 3 * time.Millisecond, 6 * time.Millisecond},
		"runc": {12 * time.Millisecond, 12 * time.Millisecond, 12 * time.Millisecond},
	})
	for i, want := range []struct{ median, p99 float64 }{{0, 0}, {0.25, 0.5}, {0, 0}} {
		if row := c.Rows[i]; row.Ratio != want.median || row.RatioP99 != want.p99 {
			t.Errorf("%s: ratios %v, %v, want %v", row.Runtime, row.Ratio, row.RatioP99, want)
		}
	}
}

func report() *Report {
	return &Report{
		Host: Host{
			Kernel: "6.12.1 x86_64", CPUs: 4, Governor: "performance", Load: "0.05", Cgroup: "v2", CgroupView: "the host's",
			CgroupDriver: "fs", Controllers: []string{"cpu", "memory"}, FavorDynMods: true, RCUExpedited: "0", RCUNormal: "0", Mounts: 30,
		},
		Method:   "2 rounds",
		Runtimes: []Runtime{{Name: "vial", Version: "0.1.0", Path: "/vial"}, {Name: "crun", Version: "1.27 (abc)", Path: "/crun"}},
		Cases: []Case{{Name: "run, default config (pid mount)", Rows: []Row{
			{Runtime: "vial", Summary: Summary{N: 2, Min: 2900, Median: 3000, P90: 3400, P99: 12345, Max: 12345}},
			{Runtime: "crun", Summary: Summary{N: 2, Min: 5000, Median: 6000.4, P90: 6100, P99: 6200, Max: 6200}, Ratio: 0.49997, RatioP99: 1.9911},
		}}},
		Alive: []Alive{
			{1, Summary{Median: 1500, P99: 2000}, Summary{Median: 1600}},
			{500, Summary{Median: 1510, P99: 2100}, Summary{Median: 11580}},
		},
		Memory: []Memory{{"vial", 2900, 2800, 48, 12, 1, 144, 100}, {"crun", 3900, 3901, 2250, 860, 1, 244, 276}},
	}
}

func TestTable(t *testing.T) {
	want := `host      Linux 6.12.1 x86_64, 4 cpus, governor performance, load 0.05, 30 mounts
cgroups   v2 (the host's), fs driver, favordynmods on, controllers cpu memory
rcu       expedited 0, normal 0
vial      0.1.0
crun      1.27 (abc)
method    2 rounds

run, default config (pid mount)
  ms          min   median      p90      p99      max   vial's median, p99 to it
  vial       2.90     3.00     3.40    12.35    12.35
  crun       5.00     6.00     6.10     6.20     6.20   0.50, 1.99

vial beside many containers that wait for start, default config, medians
  ms              state        p99       list list, µs a container more
  1                1.50       2.00       1.60
  500              1.51       2.10      11.58                     20.0

memory, default config, medians
  KiB        run peak  create peak     init RSS    of it own  threads
  vial           2900         2800           48           12        1
  crun           3900         3901         2250          860        1

least memory limit with which all of 20 tries go well, default config
  KiB             run       create
  vial            144          100
  crun            244          276
`
	if got := report().Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestJSONNamesEveryNumber(t *testing.T) {
	text, err := json.Marshal(report())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"median":3000`, `"p99":12345`, `"vialRatio":0.49997`, `"initRSSKiB":48`, `"cgroup":"v2"`, `"favordynmods":true`, `"rcuExpedited":"0"`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}
