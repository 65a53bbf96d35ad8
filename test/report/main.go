// Command report reads the output of `go test -json` and prints what a person
// wants of it: a line for each package, the whole output of every test that
// failed, every skipped test with its reason, and last a line for each setting
// that tests ran in. It ends with status 1 if anything failed, or did not end,
// or if nothing ran at all.
//
// Lines of output tell of settings:
//
//	=== SETTING name          what follows runs in it, until the package ends or
//	                          the next such line; without one it is in "unit"
//	=== SETTING name: reason  it cannot be had here
//	=== LOST reason           not all of the setting's tests ran
//	=== NOTE text             what a reader of the setting's line has to know
//
// It knows package testing's events (cmd/test2json) and nothing of vial.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
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

// A reader goes through the events.
type reader struct {
	w       io.Writer
	output  map[string][]string // by package and test, until it has ended
	skips   []string
	bad     bool              // a package failed, tests or not
	setting map[string]string // by package
	begun   map[string]bool   // packages that have not ended
	any     bool              // something ran
	table   table
}

func report(in io.Reader, w io.Writer) (failed bool, err error) {
	r := reader{w: w, output: map[string][]string{}, setting: map[string]string{}, begun: map[string]bool{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text()) // a build error of an old toolchain
			continue
		}
		r.take(e)
	}
	r.endAll()
	if len(r.skips) > 0 {
		fmt.Fprintf(w, "\nskipped:\n%s\n", strings.Join(r.skips, "\n"))
	}
	fmt.Fprintf(w, "\n%s", r.table.text())
	if !r.any && lines.Err() == nil {
		return true, errors.New("no test has run")
	}
	return r.bad || r.table.failed(), lines.Err()
}

func (r *reader) take(e event) {
	key := e.Package + " " + e.Test
	e.Output = strings.ReplaceAll(e.Output, "\x00", " ") // as in command lines of procfs: grep would take the report for a binary
	switch e.Action {
	case "start":
		r.begun[e.Package] = true
	case "output":
		if !r.told(e.Package, e.Output) {
			r.output[key] = append(r.output[key], e.Output)
		}
	case "build-output":
		fmt.Fprint(r.w, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e)
		} else {
			r.endTest(e, key)
		}
		delete(r.output, key)
	}
}

// told takes a line that tells of a setting.
func (r *reader) told(pkg, line string) bool {
	if _, text, ok := strings.Cut(line, "=== SETTING "); ok {
		r.enter(pkg, strings.TrimSpace(text))
		return true
	}
	if _, text, ok := strings.Cut(line, "=== LOST "); ok {
		r.counts(pkg).lost = strings.TrimSpace(text)
		return true
	}
	if _, text, ok := strings.Cut(line, "=== NOTE "); ok {
		r.counts(pkg).note = strings.TrimSpace(text)
		return true
	}
	return false
}

// enter notes what setting a package is in from here on: its name, or a name,
// ": " and why it cannot be had here.
func (r *reader) enter(pkg, line string) {
	name, reason, unfit := strings.Cut(line, ": ")
	counts := r.table.of(name)
	if unfit {
		counts.skip(reason)
		return
	}
	r.setting[pkg] = name
}

func (r *reader) counts(pkg string) *counts {
	if name := r.setting[pkg]; name != "" {
		return r.table.of(name)
	}
	return r.table.of("unit")
}

func (r *reader) endTest(e event, key string) {
	r.any = true
	counts := r.counts(e.Package)
	switch e.Action {
	case "pass":
		counts.passed++
	case "fail":
		counts.failed++
		fmt.Fprint(r.w, strings.Join(said(r.output[key]), ""))
	case "skip":
		why := reason(r.output[key])
		counts.skip(why)
		r.skips = append(r.skips, fmt.Sprintf("  %s %s %s: %s", counts.name, e.Package, e.Test, why))
	}
}

// endPackage prints what a package says outside of its tests: what is left
// behind, and why it failed if no test did.
func (r *reader) endPackage(e event) {
	delete(r.begun, e.Package)
	if e.Action == "fail" {
		r.any, r.bad = true, true
		r.counts(e.Package).bad = true
		r.unfinished(e.Package)
	}
	for _, line := range r.output[e.Package+" "] {
		if e.Action == "fail" || !noise(line) {
			fmt.Fprint(r.w, line)
		}
	}
	if e.Action != "skip" { // a package without tests
		fmt.Fprintf(r.w, "%-4s  %-60s %6.1f s\n", e.Action, e.Package, e.Elapsed)
	}
}

// unfinished prints what tests have said that did not end: why is in it.
func (r *reader) unfinished(pkg string) {
	for _, key := range slices.Sorted(maps.Keys(r.output)) {
		if !strings.HasPrefix(key, pkg+" ") || key == pkg+" " {
			continue
		}
		if lines := said(r.output[key]); len(lines) > 0 {
			fmt.Fprintf(r.w, "%s has not ended:\n%s", strings.TrimPrefix(key, pkg+" "), strings.Join(lines, ""))
		}
		delete(r.output, key)
	}
}

// said leaves out when a test ran and when it had to wait.
func said(output []string) []string {
	return slices.DeleteFunc(slices.Clone(output), func(line string) bool { return strings.HasPrefix(line, "=== ") || line == "\n" })
}

// endAll ends what whoever ran the tests has not ended.
func (r *reader) endAll() {
	for _, pkg := range slices.Sorted(maps.Keys(r.begun)) {
		r.counts(pkg).lost = cmp.Or(r.counts(pkg).lost, "whoever ran the tests has died")
		r.endPackage(event{Action: "fail", Package: pkg})
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
