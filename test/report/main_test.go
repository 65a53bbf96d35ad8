package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	const events = `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:3: it broke\n"}
{"Action":"fail","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"=== RUN   TestC\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:9: needs root\n"}
{"Action":"output","Package":"p","Test":"TestC","Output":"--- SKIP: TestC (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Output":"PASS\n"}
{"Action":"fail","Package":"p","Elapsed":1.5}
`
	var out strings.Builder
	failed, err := report(strings.NewReader(events), &out)
	if err != nil || !failed {
		t.Errorf("failed %v, %v", failed, err)
	}
	const want = `    b_test.go:3: it broke
PASS
fail  p                                                               1.5 s

skipped:
  p TestC: needs root

1 passed, 1 failed, 1 skipped
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
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
