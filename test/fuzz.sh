#!/bin/sh
# Runs every fuzz target of the repository for FUZZTIME each.
set -eu

time=${FUZZTIME:-10s}
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]*' "$dir"/*_test.go | cut -d' ' -f2); do
		echo "$dir: $target for $time"
		# Without the limit, Go spends the time on making inputs smaller.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 1x "$dir"
	done
done
