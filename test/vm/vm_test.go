package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestParseResults(t *testing.T) {
	const text = "\n##vial begin s1 p/q\n=== RUN   TestA\nno newline\n##vial end 0 1.5\n" +
		"noise\n##vial begin s2 r\nit ends here: ##vial end 3 0.1\n##vial begin s2 t\nlost"
	runs, whole := parseResults(text)
	want := []testRun{
		{"s1", "p/q", "=== RUN   TestA\nno newline\n", "0", "1.5"},
		{"s2", "r", "it ends here: ", "3", "0.1"},
		{"s2", "t", "lost", "none", ""},
	}
	if len(runs) != len(want) || whole {
		t.Fatalf("%d runs, whole %v: %q", len(runs), whole, runs)
	}
	for i := range want {
		if runs[i] != want[i] {
			t.Errorf("run %d is %q, want %q", i, runs[i], want[i])
		}
	}
	if _, whole := parseResults(text + "\n##vial done\n"); !whole {
		t.Error("done, and yet not whole")
	}
}

func TestDiagnose(t *testing.T) {
	runs := []testRun{{pkg: "p", status: "0"}, {pkg: "q", status: unfinished, output: "\x16=== RUN   TestA\n--- PASS: TestA\n=== RUN   TestB\n"}}
	const console = "init: q\n[  3.1] BUG: unable to handle page fault\n[  3.2] Kernel panic - not syncing: Fatal exception\n"
	for _, c := range []struct {
		died    error
		console string
		want    string
		again   bool
	}{
		{nil, console, "its kernel panicked: BUG: unable to handle page fault; it was in q, TestB", true},
		{nil, "init: mount /x: no\n", "it switched itself off before the tests had ended; it was in q, TestB", false},
		{errors.New("it took too long and was switched off"), "", "it took too long and was switched off; it was in q, TestB", false},
		{errors.New(emulatorDied + ": signal: killed: "), "", "the emulator died: signal: killed: ; it was in q, TestB", true},
	} {
		got := diagnose(c.died, c.console, runs)
		if got != c.want || panicked(got) != c.again {
			t.Errorf("%q, again %t; want %q", got, panicked(got), c.want)
		}
	}
}

// TestPrinter has a setting that is whole and one that is not.
func TestPrinter(t *testing.T) {
	var b bytes.Buffer
	p := &printer{w: &b}
	p.open([]string{"s1", "s2"})
	err := p.print(outcome{
		guest: guest{settings: []string{"s1", "s2"}, suites: []string{"p", "q"}},
		runs: []testRun{
			{"s1", "p", "\x16=== RUN   TestA\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n", "0", "1.5"},
			{"s1", "q", "=== SETTING s1: there is none", "0", "0.1"},
			{"s2", "p", "\x16=== RUN   TestA\n", unfinished, ""},
		},
		lost: "it\ndied", note: "n",
	})
	if err != nil || p.err != nil {
		t.Fatal(err, p.err)
	}
	for _, want := range []string{
		`{"Action":"start","Package":"vm/s1"}`,
		`{"Action":"pass","Package":"s1/p","Test":"TestA"}`,
		`{"Action":"pass","Package":"s1/p","Elapsed":1.5}`,
		`{"Action":"pass","Package":"s1/q","Elapsed":0.1}`,
		`{"Action":"pass","Package":"vm/s1"}`,
		`{"Action":"fail","Package":"s2/p"}`,
		`{"Action":"output","Package":"vm/s2","Output":"=== NOTE n\n"}`,
		`{"Action":"output","Package":"vm/s2","Output":"=== LOST it died\n"}`,
		`{"Action":"fail","Package":"vm/s2"}`,
	} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("no %s in\n%s", want, b.String())
		}
	}
}

// TestCpio holds an archive against what the format says.
func TestCpio(t *testing.T) {
	var b bytes.Buffer
	c := &cpio{w: &b}
	c.file("ab", 0o755, []byte("12345"))
	c.end()
	const header = "070701" + "00000001" + "000081ed" + "00000000" + "00000000" + "00000001" + "00000000" + "00000005" +
		"00000000" + "00000000" + "00000000" + "00000000" + "00000003" + "00000000"
	if want := header + "ab\x00" + "\x00\x00\x00" + "12345" + "\x00\x00\x00"; c.err != nil || b.String()[:len(want)] != want {
		t.Errorf("%v, %q", c.err, b.String())
	}
	if b.Len()%4 != 0 {
		t.Errorf("%d bytes, not a multiple of four", b.Len())
	}
}

func TestDependencies(t *testing.T) {
	if _, err := dependencies([]byte("no module")); err == nil {
		t.Error("no error for what is no ELF")
	}
}
