package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// A testRun is what a test binary printed in a setting.
type testRun struct{ setting, pkg, output, status, seconds string }

// unfinished is the status of a test binary that did not end.
const unfinished = "none"

// Lines that frame the output of a test binary, as test/vm/init prints them.
const (
	beginMark = "##vial begin "
	endMark   = "##vial end "
	doneMark  = "##vial done"
)

// parseResults takes what a machine printed apart. The last run may lack its end.
func parseResults(text string) (runs []testRun, whole bool) {
	var open *testRun
	for line := range strings.Lines(text) {
		// What a test prints may not end with a line of its own.
		before, mark, found := strings.Cut(line, "##vial ")
		switch mark = "##vial " + strings.TrimSpace(mark); {
		case found && strings.HasPrefix(mark, beginMark):
			setting, pkg, _ := strings.Cut(strings.TrimPrefix(mark, beginMark), " ")
			runs = append(runs, testRun{setting: setting, pkg: pkg, status: unfinished})
			open = &runs[len(runs)-1]
		case found && strings.HasPrefix(mark, endMark) && open != nil:
			open.output += before
			open.status, open.seconds, _ = strings.Cut(strings.TrimPrefix(mark, endMark), " ")
			open = nil
		case found && mark == doneMark:
			return runs, true
		case open != nil:
			open.output += line
		}
	}
	return runs, false
}

// A printer prints events, as go test -json would.
type printer struct {
	w     io.Writer
	mutex sync.Mutex
	err   error // the first
}

// fail keeps an error for the end.
func (p *printer) fail(err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.err = errors.Join(p.err, err)
}

// An event is what test/report reads.
type event struct {
	Action, Package string
	Test            string  `json:",omitempty"`
	Output          string  `json:",omitempty"`
	Elapsed         float64 `json:",omitempty"`
}

func (p *printer) events(all ...event) error {
	for _, e := range all {
		text, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if err := p.write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// open begins settings. Whoever reads the events misses the end of one that is
// not closed.
func (p *printer) open(settings []string) {
	for _, s := range settings {
		p.fail(p.events(event{Action: "start", Package: "vm/" + s},
			event{Action: "output", Package: "vm/" + s, Output: "=== SETTING " + s + "\n"}))
	}
}

// lose closes the settings of machines that could not be made.
func (p *printer) lose(all []machine, why error) error {
	errs := []error{why}
	for _, m := range all {
		for _, s := range m.settings {
			errs = append(errs, p.lost(s, why.Error(), ""))
		}
	}
	return errors.Join(errs...)
}

// lost closes a setting in which not all tests ran.
func (p *printer) lost(setting, why, console string) error {
	pkg := "vm/" + setting
	why = strings.Join(strings.Fields(why), " ")
	return p.events(event{Action: "output", Package: pkg, Output: "=== LOST " + why + "\n"},
		event{Action: "output", Package: pkg, Output: "the machine did not do all of its tests: " + why + "\n"},
		event{Action: "output", Package: pkg, Output: console},
		event{Action: "fail", Package: pkg})
}

// print turns an outcome into events, and closes its settings.
func (p *printer) print(o outcome) error {
	ended := map[string]int{}
	for _, r := range o.runs {
		if err := p.testRun(r); err != nil {
			return err
		}
		if r.status != unfinished {
			ended[r.setting]++
		}
	}
	for _, s := range o.settings {
		if o.note != "" {
			if err := p.events(event{Action: "output", Package: "vm/" + s, Output: "=== NOTE " + o.note + "\n"}); err != nil {
				return err
			}
		}
		var err error
		if ended[s] < len(o.suites) {
			err = p.lost(s, o.lost, "its console:\n"+o.lastWords()+"\n")
		} else {
			err = p.events(event{Action: "pass", Package: "vm/" + s, Elapsed: o.took.Seconds()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// testRun prints the run of a test binary.
func (p *printer) testRun(r testRun) error {
	text := "=== SETTING " + r.setting + "\n" + r.output
	if r.status != "0" {
		text += "\nexit status " + r.status + "\n\x16FAIL\n" // the mark is what -test.v=test2json puts before its own
	}
	var events bytes.Buffer
	cmd := exec.Command("go", "tool", "test2json", "-p", r.setting+"/"+r.pkg)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), &events, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go tool test2json: %w", err)
	}
	// test2json saw it all at once, and does not know how the process ended: the
	// last event, that of the package, has another one in its place.
	out := bytes.TrimSuffix(events.Bytes(), []byte("\n"))
	before, last := out[:bytes.LastIndexByte(out, '\n')+1], out[bytes.LastIndexByte(out, '\n')+1:]
	var e event
	if err := json.Unmarshal(last, &e); err == nil && e.Test == "" && e.Action != "output" {
		out = before
	} else {
		out = append(out, '\n')
	}
	end := event{Action: "pass", Package: r.setting + "/" + r.pkg}
	if r.status != "0" {
		end.Action = "fail"
	}
	end.Elapsed, _ = strconv.ParseFloat(r.seconds, 64)
	if err := p.write(out); err != nil {
		return err
	}
	return p.events(end)
}

func (p *printer) write(text []byte) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	_, err := p.w.Write(text)
	return err
}
