package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Alive is how long state and list take beside many containers.
type Alive struct {
	Containers int     `json:"containers"`
	State      Summary `json:"state"` // of one container; times in microseconds
	List       Summary `json:"list"`  // of all
}

// alive times vial alone while ever more containers wait for start: the inits of
// others would not fit into memory. It measures at one container, and then at
// four equal steps up to the most.
func (b *benchmark) alive() (steps []Alive, err error) {
	if b.most == 0 {
		return nil, nil
	}
	vial, bundle := &b.runtimes[0], b.bundles.standard[0]
	prefix := newID() + "-"
	made := 0
	defer func() {
		for i := range made {
			if _, e := b.spawner.run(vial.command("delete", "--force", prefix+strconv.Itoa(i))); err == nil {
				err = e
			}
		}
		reap()
	}()
	for _, step := range []int{1, b.most / 4, b.most / 2, b.most * 3 / 4, b.most} {
		for made < step {
			made++
			if _, err := b.spawner.run(vial.command("create", "--bundle", bundle, prefix+strconv.Itoa(made-1))); err != nil {
				return nil, err
			}
		}
		a := Alive{Containers: made}
		var state, list []time.Duration
		for round := -b.warmup; round < b.rounds; round++ {
			one, err := b.spawner.run(vial.command("state", prefix+strconv.Itoa(max(round, 0)%made)))
			if err != nil {
				return nil, err
			}
			all, err := b.spawner.run(vial.command("list"))
			if err != nil {
				return nil, err
			}
			if round >= 0 {
				state, list = append(state, one), append(list, all)
			}
		}
		a.State, a.List = summarize(state), summarize(list)
		steps = append(steps, a)
	}
	return steps, nil
}

// aliveText is the table of the steps, with what each asks for: that state takes
// as long as with one container, and list as long for each as at the step before.
func aliveText(steps []Alive) string {
	var out strings.Builder
	out.WriteString("vial beside many containers that wait for start, default config, medians\n")
	fmt.Fprintf(&out, "%-12s %10s %10s %10s %24s\n", "  ms", "state", "p99", "list", "list, µs a container more")
	for i, a := range steps {
		slope := math.NaN()
		if i > 0 && a.Containers > steps[i-1].Containers {
			slope = (a.List.Median - steps[i-1].List.Median) / float64(a.Containers-steps[i-1].Containers)
		}
		fmt.Fprintf(&out, "  %-10d %10.2f %10.2f %10.2f", a.Containers, a.State.Median/1000, a.State.P99/1000, a.List.Median/1000)
		if !math.IsNaN(slope) {
			fmt.Fprintf(&out, " %24.1f", slope)
		}
		out.WriteByte('\n')
	}
	return out.String()
}
