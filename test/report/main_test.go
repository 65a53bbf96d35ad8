package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: it broke\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN   TestC\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: needs root\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"--- SKIP: TestC (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"output","Package":"q","Output":"=== SETTING v2\n"}
{"Action":"pass","Package":"q","Test":"TestD"}
{"Action":"output","Package":"q","Output":"=== SETTING v3: there is none\n"}
{"Action":"pass","Package":"q","Elapsed":0.5}
{"Action":"fail","Package":"p","Elapsed":1.5}
`
	var out strings.Builder
	failed, err := report(strings.NewReader(events), &out)
	if err != nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
	const want = `    b_test.go:3: it broke
pass  q                                                               0.5 s
PASS
fail  p                                                               1.5 s

skipped:
  unit p TestC: needs root

unit             1 passed, 1 failed, 1 skipped (1 × needs root)
v2               1 passed, 0 failed, 0 skipped
v3               0 passed, 0 failed, 1 skipped (1 × there is none)
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestLost is a setting whose machine has died, one with a note, and one whose
// end never came.
func TestLost(t *testing.T) {
	const events = `{"Action":"start","Package":"vm/a"}
{"Action":"output","Package":"vm/a","Output":"=== SETTING a\n"}
{"Action":"start","Package":"vm/b"}
{"Action":"output","Package":"vm/b","Output":"=== SETTING b\n"}
{"Action":"start","Package":"vm/c"}
{"Action":"output","Package":"vm/c","Output":"=== SETTING c\n"}
{"Action":"output","Package":"a/p","Output":"=== SETTING a\n"}
{"Action":"pass","Package":"a/p","Test":"TestA"}
{"Action":"pass","Package":"a/p"}
{"Action":"output","Package":"vm/a","Output":"=== LOST its kernel panicked: why\n"}
{"Action":"fail","Package":"vm/a"}
{"Action":"output","Package":"vm/b","Output":"=== NOTE in a second machine\n"}
{"Action":"pass","Package":"vm/b"}
`
	var out strings.Builder
	failed, err := report(strings.NewReader(events), &out)
	if err != nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
	const want = `
a                1 passed, 0 failed, 0 skipped, and not all tests ran: its kernel panicked: why
b                0 passed, 0 failed, 0 skipped [in a second machine]
c                0 passed, 0 failed, 0 skipped, and not all tests ran: whoever ran the tests has died
`
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestUnfinished is a test that never ended: the package's failure is its.
func TestUnfinished(t *testing.T) {
	const events = `{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"panic: test timed out\n"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`
	var out strings.Builder
	if failed, err := report(strings.NewReader(events), &out); err != nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
	if s := out.String(); !strings.Contains(s, "TestB has not ended:\npanic: test timed out\n") || strings.Contains(s, "TestA") {
		t.Errorf("got\n%s", s)
	}
}

// TestNothing is a run of the tests that came to nothing.
func TestNothing(t *testing.T) {
	var out strings.Builder
	if failed, err := report(strings.NewReader(""), &out); err == nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
}

// TestBuildFailure is a package that has no tests to count and failed all the same.
func TestBuildFailure(t *testing.T) {
	var out strings.Builder
	failed, err := report(strings.NewReader(`{"Action":"fail","Package":"p","FailedBuild":"p"}`), &out)
	if err != nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
}
