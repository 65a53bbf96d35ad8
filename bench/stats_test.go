package main

import (
	"math"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestSummarize(t *testing.T) {
	ms := func(n ...int) []time.Duration {
		var list []time.Duration
		for _, v := range n {
			list = append(list, time.Duration(v)*time.Millisecond)
		}
		return list
	}
	hundred := make([]int, 100) // 100, 99 … 1: not sorted
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, c := range []struct {
		name  string
		times []time.Duration
		want  Summary
	}{
		{"nothing", nil, Summary{}},
		{"one", ms(7), Summary{1, 7000, 7000, 7000, 7000, 7000}},
		{"an even number has two in the middle", ms(4, 1, 3, 2), Summary{4, 1000, 2500, 4000, 4000, 4000}},
		{"an odd number has one", ms(9, 1, 2), Summary{3, 1000, 2000, 9000, 9000, 9000}},
		{"a hundred", ms(hundred...), Summary{100, 1000, 50500, 90000, 99000, 100000}},
	} {
		if got := summarize(c.times); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

func TestSummarizeKeepsTheOrder(t *testing.T) {
	times := []time.Duration{3, 1, 2}
	summarize(times)
	if !slices.Equal(times, []time.Duration{3, 1, 2}) {
		t.Errorf("the samples were sorted: %v", times)
	}
}

func TestPercentileIsAMeasuredTime(t *testing.T) {
	sorted := []time.Duration{10, 20, 30, 40}
	for p, want := range map[float64]time.Duration{0: 10, 1: 10, 25: 10, 26: 20, 50: 20, 75: 30, 99: 40, 100: 40} {
		if got := percentile(sorted, p); got != want {
			t.Errorf("percentile %v: %d, want %d", p, got, want)
		}
	}
}

func TestPermutations(t *testing.T) {
	want := [][]int{{0, 1, 2}, {0, 2, 1}, {2, 0, 1}, {1, 0, 2}, {1, 2, 0}, {2, 1, 0}}
	if got := permutations(3); !reflect.DeepEqual(got, want) {
		t.Errorf("of three: %v, want %v", got, want)
	}
	if got := permutations(1); !reflect.DeepEqual(got, [][]int{{0}}) {
		t.Errorf("of one: %v", got)
	}
}

// TestEverybodyFollowsEverybody: no runtime may always come after the same one.
func TestEverybodyFollowsEverybody(t *testing.T) {
	follows := map[[2]int]int{}
	last := -1
	for range 50 {
		for _, order := range permutations(3) {
			for _, i := range order {
				if last >= 0 {
					follows[[2]int{last, i}]++
				}
				last = i
			}
		}
	}
	for i := range 3 {
		for j := range 3 {
			if n := follows[[2]int{i, j}]; i != j && math.Abs(float64(n)-125) > 26 {
				t.Errorf("%d comes %d times after %d, of 900", j, n, i)
			}
		}
	}
}
