package integration

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// messages are those of a log in JSON, each of which has to be of the level.
func messages(t *testing.T, file, level string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		var entry struct{ Level, Msg, Time string }
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&entry); err != nil || entry.Level != level || entry.Time == "" {
			t.Errorf("%v in %q", err, line)
		}
		all = append(all, entry.Msg)
	}
	return all
}

// TestDebug: what is done is logged step by step, as the listing has it, with
// each request that was served.
func TestDebug(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.Env = []string{"PATH=/"} // without HOME, which is asked for
	b.File(b.In("etc/passwd"), "root:x:0:0::/root:/bin/sh\n")
	listing := b.Listing()
	b.Global = []string{"--debug", "--log", b.Path("log"), "--log-format", "json"}
	same(t, "the status", b.Run("exit", "0").Status, 0)
	logged := messages(t, b.Path("log"), "debug")
	next := 0
	for line := range strings.Lines(listing) {
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, " ") {
			continue
		}
		for next < len(logged) && !strings.HasPrefix(logged[next], "compiled "+strings.TrimSpace(line)+" (") {
			next++
		}
		if next == len(logged) {
			t.Fatalf("the step %q is not logged, or not at its place, in\n%s", strings.TrimSpace(line), strings.Join(logged, "\n"))
		}
	}
	for _, text := range []string{"asks for ready and home directory (runtime: ", "was answered", "linux.cgroupsPath: the cgroup ", "made the state directory "} {
		if !strings.Contains(strings.Join(logged, "\n"), text) {
			t.Errorf("no %q in\n%s", text, strings.Join(logged, "\n"))
		}
	}
}

// TestErrorLog: with a log in JSON a failure is one object there, and one line
// on standard error.
func TestErrorLog(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Global = []string{"--log", b.Path("log"), "--log-format", "json"}
	b.Run("exit", "0")
	if logged := messages(t, b.Path("log"), "error"); len(logged) != 0 {
		t.Errorf("success logs %q", logged)
	}
	b.Spec.Process.Args = []string{"/nope"}
	r := b.RunSpec()
	r.Fails(`exec: "/nope": `, "no such file or directory")
	logged := messages(t, b.Path("log"), "error")
	if len(logged) != 1 || "vial: "+logged[0]+"\n" != r.Stderr {
		t.Errorf("logged is %q, said is %q", logged, r.Stderr)
	}
}

// TestJournal: what is logged to journald and to syslog arrives there.
func TestJournal(t *testing.T) {
	t.Parallel()
	journalctl, err := exec.LookPath("journalctl")
	if _, statErr := os.Stat("/run/systemd/journal/socket"); err != nil || statErr != nil {
		bed.Skip(t, "no journald, or no journalctl to ask it")
	}
	for _, c := range []struct{ log, match string }{
		{"journald:", "ID="}, {"syslog:", "SYSLOG_IDENTIFIER="},
	} {
		b := bed.New(t)
		b.Global = []string{"--log", c.log + b.ID}
		b.Vial("state", b.ID).Fails("state " + b.ID + ": container does not exist")
		logged := ""
		b.Until("it is logged to "+c.log, func() bool {
			text, err := exec.Command(journalctl, "-o", "cat", c.match+b.ID).Output()
			logged = string(text)
			return err == nil && logged != ""
		})
		same(t, "logged to "+c.log, logged, "state "+b.ID+": container does not exist\n")
	}
}
