package integration

import (
	"os"
	"strings"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// TestConfigRefused: for what is no config one line is printed, and nothing is
// made. That every single field is checked is tested in package config.
func TestConfigRefused(t *testing.T) {
	t.Parallel()
	const head = `{"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"args":["/probe"],"cwd":"/"},`
	for _, c := range []struct{ name, config, want string }{
		{"empty", "", "config.json"},
		{"null", "null", ""}, {"a list", "[]", ""}, {"cut off", head, ""},
		{"trailing data", head + `"linux":{"namespaces":[{"type":"mount"}]}}x`, ""},
		{"a key twice", `{"ociVersion":"1.2.0","ociVersion":"1.2.0"}`, "ociVersion"},
		{"a wrong type", `{"ociVersion":1}`, "ociVersion"},
		{"an old version", `{"ociVersion":"0.1.0"}`, "ociVersion"},
		{"deep", strings.Repeat(`{"a":`, 100000), ""},
		{"no UTF-8", "{\"ociVersion\":\"\xff\"}", ""},
		{"no args", `{"ociVersion":"1.2.0","root":{"path":"rootfs"},"process":{"args":[],"cwd":"/"}}`, "process.args"},
		{"seccomp", head + `"linux":{"namespaces":[{"type":"mount"}],"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}`, "linux.seccomp"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.File(b.Path("config.json"), c.config)
			for _, verb := range []string{"create", "run"} {
				b.Vial(verb, "--bundle", b.Dir, b.ID).Fails(verb+" "+b.ID+": ", c.want)
				b.NothingLeft()
			}
			if _, err := os.Stat(b.Root); err == nil {
				t.Error("the state root was made")
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Vial("run", "--bundle", b.Dir, b.ID).Fails("config.json not found")
	})
	t.Run("a fifo", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.Fifo(b.Path("config.json"))
		b.Vial("run", "--bundle", b.Dir, b.ID).Fails("config.json: not a regular file")
	})
	t.Run("100 MB", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		b.File(b.Path("config.json"), "{}")
		b.Must(os.Truncate(b.Path("config.json"), 100<<20))
		b.Vial("run", "--bundle", b.Dir, b.ID).Fails("config.json: 104857600 bytes are more than")
	})
}

func TestIDs(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Created("report")
	for _, id := range []string{"", ".", "..", "../x", "a/b", "/abs", "a\nb", strings.Repeat("x", 2000), "é", "a:b", "a%b", `a\b`} {
		for _, words := range [][]string{
			{"create", "--bundle", b.Dir}, {"run", "--bundle", b.Dir}, {"start"}, {"state"}, {"kill"}, {"delete"}, {"delete", "--force"},
		} {
			r := b.Vial(append(words, "--", id)...)
			if r.Status != 1 || strings.Count(r.Stderr, "\n") != 1 {
				t.Errorf("%q for id %.20q: status %d, %q", words, id, r.Status, r.Stderr)
			}
		}
	}
	same(t, "containers", b.Vial("list", "-q").Stdout, b.ID+"\n")
}
