package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// crowdRounds is how often the runtimes take turns when many work at a time.
const crowdRounds = 10

// crowd lets all workers run containers at the same time, those of one runtime
// only: mixed, the slow ones would slow down the others.
func (b *benchmark) crowd() (samples, error) {
	perRound := max(1, b.parallel/crowdRounds)
	return b.inTurns((b.parallel+perRound-1)/perRound, func(r *Runtime, round int) ([]time.Duration, error) {
		each := min(perRound, b.parallel-round*perRound)
		return b.together(b.workers*each, func(worker int) (time.Duration, error) {
			return b.spawner.run(r.runCommand(b.bundles.standard[worker]))
		})
	})
}

const (
	churned     = 100 // containers
	churnRounds = 3
)

// churn lets all workers together make, start and delete a hundred containers.
func (b *benchmark) churn() (samples, error) {
	return b.inTurns(churnRounds, func(r *Runtime, _ int) ([]time.Duration, error) {
		return b.together(churned, func(worker int) (time.Duration, error) {
			took, err := b.live(r, b.bundles.standard[worker])
			return took[len(took)-1], err
		})
	})
}

// inTurns lets one runtime after the other work, in changing order.
func (b *benchmark) inTurns(rounds int, work func(r *Runtime, round int) ([]time.Duration, error)) (samples, error) {
	times := samples{}
	orders := permutations(len(b.runtimes))
	for round := range rounds {
		runtime.GC()
		for _, i := range orders[round%len(orders)] {
			r := &b.runtimes[i]
			took, err := work(r, round)
			if err != nil {
				return nil, err
			}
			times[r.Name] = append(times[r.Name], took...)
		}
	}
	return times, nil
}

// together has n pieces of work done by all workers, each of whom takes the next
// when it is done with one.
func (b *benchmark) together(n int, do func(worker int) (time.Duration, error)) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	errs := make([]error, b.workers)
	var next atomic.Int64
	var workers sync.WaitGroup
	for w := range b.workers {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && errs[w] == nil; i = int(next.Add(1)) - 1 {
				took[i], errs[w] = do(w)
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return took, nil
}
