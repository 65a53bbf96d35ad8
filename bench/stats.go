package main

import (
	"math"
	"slices"
	"time"
)

// A Summary is what becomes of many times, in microseconds.
type Summary struct {
	N      int     `json:"n"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

func summarize(times []time.Duration) Summary {
	if len(times) == 0 {
		return Summary{}
	}
	sorted := slices.Sorted(slices.Values(times))
	return Summary{
		N:      len(sorted),
		Min:    microseconds(sorted[0]),
		Median: median(sorted),
		P90:    microseconds(percentile(sorted, 90)),
		P99:    microseconds(percentile(sorted, 99)),
		Max:    microseconds(sorted[len(sorted)-1]),
	}
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// median is the middle of sorted times, or the mean of the two around it.
func median(sorted []time.Duration) float64 {
	n := len(sorted)
	return (microseconds(sorted[(n-1)/2]) + microseconds(sorted[n/2])) / 2
}

// percentile is the smallest of sorted times that p per cent of them do not
// exceed (the nearest rank): always one that was measured.
func percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

// permutations are all orders of the numbers below n.
func permutations(n int) [][]int {
	if n == 0 {
		return [][]int{{}}
	}
	var all [][]int
	for _, shorter := range permutations(n - 1) {
		for place := n - 1; place >= 0; place-- {
			all = append(all, slices.Insert(slices.Clone(shorter), place, n-1))
		}
	}
	return all
}
