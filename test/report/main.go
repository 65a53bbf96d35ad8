// Command report reads the output of `go test -json` and prints what a person
// wants of it: a line for each package, the whole output of every test that
// failed, every skipped test with its reason, and at the end how many there
// were of each. It ends with status 1 if anything failed.
//
// It knows package testing's events (cmd/test2json) and nothing of vial.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// An event is one line of test2json's output.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

func main() {
	failed, err := report(os.Stdin, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
	}
	if err != nil || failed {
		os.Exit(1)
	}
}

type tally struct {
	passed, failed, skipped int
	output                  map[string][]string // by package and test, until it has ended
	skips                   []string
	bad                     bool // a package failed, tests or not
}

func report(r io.Reader, w io.Writer) (failed bool, err error) {
	t := tally{output: map[string][]string{}}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text()) // a build error of an old toolchain
			continue
		}
		t.take(e, w)
	}
	if len(t.skips) > 0 {
		fmt.Fprintf(w, "\nskipped:\n%s\n", strings.Join(t.skips, "\n"))
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped)
	return t.bad || t.failed > 0, lines.Err()
}

func (t *tally) take(e event, w io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		t.output[key] = append(t.output[key], e.Output)
	case "build-output":
		fmt.Fprint(w, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e, w)
		} else {
			t.endTest(e, key, w)
		}
		delete(t.output, key)
	}
}

func (t *tally) endTest(e event, key string, w io.Writer) {
	switch e.Action {
	case "pass":
		t.passed++
	case "fail":
		t.failed++
		fmt.Fprintf(w, "%s", strings.Join(t.output[key], ""))
	case "skip":
		t.skipped++
		t.skips = append(t.skips, fmt.Sprintf("  %s %s: %s", e.Package, e.Test, reason(t.output[key])))
	}
}

// endPackage prints what a package says outside of its tests: tables of
// settings, and why it failed if no test did.
func (t *tally) endPackage(e event, w io.Writer) {
	if e.Action == "fail" {
		t.bad = true
	}
	for _, line := range t.output[e.Package+" "] {
		if e.Action == "fail" || !noise(line) {
			fmt.Fprint(w, line)
		}
	}
	if e.Action != "skip" { // a package without tests
		fmt.Fprintf(w, "%-4s  %-60s %6.1f s\n", e.Action, e.Package, e.Elapsed)
	}
}

// noise is what `go test` itself prints for each package.
func noise(line string) bool {
	return line == "PASS\n" || strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "?   \t") || strings.HasPrefix(line, "\t")
}

// reason is what a test said when it skipped, without where it said it.
func reason(output []string) string {
	for _, line := range output {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			continue
		}
		if _, after, ok := strings.Cut(text, ".go:"); ok {
			if _, why, ok := strings.Cut(after, ": "); ok {
				return why
			}
		}
		return text
	}
	return "no reason given"
}
