// Package integration drives the real vial and looks at the container from
// inside, through the probe: for each field of config.json, whether the process
// gets what the field says. It does so in every setting that package bed makes.
//
// A test makes a bundle, changes its Spec, and compares what the probe reports.
// What the tests share is in package bed; attacks are in test/hostile.
package integration

import (
	"strconv"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
	"github.com/vial-run/vial/test/probe/report"
)

func TestMain(m *testing.M) { bed.Main(m) }

// same compares what is with what has to be.
func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// act is the n-th act of a report.
func act(t *testing.T, r *report.Report, n int) report.Act {
	t.Helper()
	if n >= len(r.Acts) {
		t.Fatalf("the probe reports %d acts, want more than %d", len(r.Acts), n)
	}
	return r.Acts[n]
}

// worked fails the test for every act that failed.
func worked(t *testing.T, r *report.Report) {
	t.Helper()
	for _, a := range r.Acts {
		if a.Errno != "" {
			t.Errorf("%q: %s", a.Do, a.Errno)
		}
	}
}

// file is what the probe saw of a file; it has to be there.
func file(t *testing.T, a report.Act) *report.File {
	t.Helper()
	if a.File == nil {
		t.Fatalf("%q: %s", a.Do, a.Errno)
	}
	return a.File
}

func itoa(n int) string { return strconv.Itoa(n) }
