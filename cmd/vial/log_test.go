package main

import (
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// entriesOf reads a log in JSON: one object to a line, with three keys.
func entriesOf(t *testing.T, text string) []struct{ Level, Msg, Time string } {
	t.Helper()
	var all []struct{ Level, Msg, Time string }
	for line := range strings.Lines(text) {
		keys := map[string]string{}
		if err := json.Unmarshal([]byte(line), &keys); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		if _, err := time.Parse(time.RFC3339, keys["time"]); err != nil || len(keys) != 3 || keys["msg"] == "" {
			t.Errorf("%v in %q", err, line)
		}
		if !slices.Contains([]string{"error", "warning", "debug"}, keys["level"]) {
			t.Errorf("level of %q", line)
		}
		all = append(all, struct{ Level, Msg, Time string }{keys["level"], keys["msg"], keys["time"]})
	}
	return all
}

// TestLog holds what Podman and containerd read: one JSON object for the error
// that ends vial, whatever it is, and the plain text on standard error.
func TestLog(t *testing.T) {
	for _, c := range []struct {
		args    string
		status  int
		message string
	}{
		{"state a", 1, "state a: container does not exist"},
		{"state", 1, `"state" requires exactly 1 argument(s)`},
		{"state --nope a", 1, "Incorrect Usage: flag provided but not defined: -nope"},
		{"--nope state a", 1, "Incorrect Usage: flag provided but not defined: -nope"},
		{"nope", 3, "No help topic for 'nope'"},
		{"checkpoint a", 1, "checkpoint: not supported yet: vial does not work with criu"},
		{"state a\nb", 1, `state "a\nb": invalid container ID format: "a\nb" has a character outside A-Z a-z 0-9 _.+-`},
		{"--rootless=x state a", 1, "invalid --rootless: x: want true, false or auto"},
	} {
		dir := t.TempDir()
		for _, prefix := range []string{"", "file:"} {
			file := filepath.Join(dir, "log"+prefix)
			args := append([]string{"--root", dir, "--log", prefix + file, "--log-format", "json"}, strings.Split(c.args, " ")...)
			status, _, stderr := call(args...)
			if status != c.status || stderr != "vial: "+c.message+"\n" {
				t.Errorf("%s: status %d, stderr %q", c.args, status, stderr)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			entries := entriesOf(t, string(text))
			if len(entries) != 1 || entries[0].Level != "error" || entries[0].Msg != c.message {
				t.Errorf("%s: got %q", c.args, text)
			}
		}
	}
}

// TestLogPlaces: the same error on standard error, and in a file as text.
func TestLogPlaces(t *testing.T) {
	root := t.TempDir()
	_, _, stderr := call("--root", root, "--log-format", "json", "state", "a")
	if entries := entriesOf(t, stderr); len(entries) != 1 || entries[0].Msg != "state a: container does not exist" {
		t.Errorf("JSON on standard error: %q", stderr)
	}
	file := filepath.Join(root, "log")
	_, _, stderr = call("--root", root, "--log", file, "state", "a")
	if stderr != "vial: state a: container does not exist\n" {
		t.Errorf("standard error beside a log: %q", stderr)
	}
	text, err := os.ReadFile(file)
	if err != nil || !strings.HasPrefix(string(text), `time="`) || !strings.HasSuffix(string(text), `" level=error msg="state a: container does not exist"`+"\n") {
		t.Errorf("%v, %q", err, text)
	}
	status, _, stderr := call("--log", filepath.Join(root, "nope", "log"), "list")
	if status != 1 || !strings.HasPrefix(stderr, "vial: --log "+root+"/nope/log: open ") {
		t.Errorf("no place for a log: status %d, %q", status, stderr)
	}
	status, _, stderr = call("--log", filepath.Join(root, "x:y"), "--root", root, "list")
	if status != 0 {
		t.Errorf("a colon in a name: %q", stderr)
	}
}

// TestLogLevels: what is logged at which level, on standard error and in a file.
func TestLogLevels(t *testing.T) {
	for _, c := range []struct {
		options []string
		stderr  string
		file    string // levels in it
	}{
		{nil, "vial: warning: careful\nvial: no\n", "error"},
		{[]string{"--log-level", "warning"}, "vial: warning: careful\nvial: no\n", "warning error"},
		{[]string{"--log-level", "debug"}, "vial: debug: step 1\nvial: warning: careful\nvial: no\n", "debug warning error"},
		{[]string{"--debug"}, "vial: debug: step 1\nvial: warning: careful\nvial: no\n", "debug warning error"},
	} {
		report := func(options []string, stderr io.Writer) {
			g := newGlobal()
			line := reader{fs: globalFlags(&g), args: options}
			if _, err := line.read(); err != nil {
				t.Fatal(err)
			}
			log, err := openLog(&g, stderr)
			if err != nil {
				t.Fatal(err)
			}
			defer log.close()
			if debug := log.debug(); debug != nil {
				debug("step %d", 1)
			}
			log.warn("careful")
			log.fail(io.ErrUnexpectedEOF)
		}
		var plain, aside strings.Builder
		report(c.options, &plain)
		if got := strings.ReplaceAll(plain.String(), "unexpected EOF", "no"); got != c.stderr {
			t.Errorf("%q: %q", c.options, got)
		}
		file := filepath.Join(t.TempDir(), "log")
		report(append(c.options, "--log", file, "--log-format=json"), &aside)
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var levels []string
		for _, e := range entriesOf(t, string(text)) {
			levels = append(levels, e.Level)
		}
		if got := strings.Join(levels, " "); got != c.file || aside.String() != "vial: unexpected EOF\n" {
			t.Errorf("%q: levels %q in the file, %q on standard error", c.options, got, aside.String())
		}
	}
}

// TestDatagrams holds what journald and syslog are sent.
func TestDatagrams(t *testing.T) {
	for got, want := range map[string]string{
		journalEntry(levelError, "no", "mycont1"):                                                "PRIORITY=3\nSYSLOG_IDENTIFIER=vial\nMESSAGE=no\nID=mycont1\n",
		journalEntry(levelDebug, "step", ""):                                                     "PRIORITY=7\nSYSLOG_IDENTIFIER=vial\nMESSAGE=step\n",
		syslogEntry(levelWarning, "careful", "tag", time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)): "<12>Feb  3 04:05:06 tag: careful",
		syslogEntry(levelError, "no", "", time.Date(2026, 12, 13, 4, 5, 6, 0, time.UTC)):         "<11>Dec 13 04:05:06 vial: no",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	socket := filepath.Join(t.TempDir(), "socket")
	listener, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	log, err := dialDatagrams(socket, func(l level, message string) string { return l.String() + message })
	if err != nil {
		t.Fatal(err)
	}
	log.write(levelWarning, " careful")
	log.close()
	var buffer [100]byte
	if n, err := listener.Read(buffer[:]); err != nil || string(buffer[:n]) != "warning careful" {
		t.Errorf("the socket got %q, %v", buffer[:n], err)
	}
	listener.Close()
	if _, err := dialDatagrams(socket+"-nope", nil); err == nil || !strings.HasSuffix(err.Error(), "socket-nope: no such file or directory") {
		t.Errorf("a socket that is not there: %v", err)
	}
}
