package state

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() Record {
	return Record{
		Version:    1,
		ID:         "web-1",
		OCIVersion: "1.3.0",
		Bundle:     "/var/lib/bundles/web-1",
		Rootfs:     "/var/lib/bundles/web-1/rootfs",
		Exec:       `process.args[0]: exec: "sh"`,
		Pid:        4711,
		StartTime:  18446744073709551615,
		BootID:     "0b8c6b4e-7bd7-4a83-a2a8-9d35c7a1d5ab",
		Created:    time.Date(2026, 3, 4, 5, 6, 7, 890, time.UTC),
		Phase:      PhaseReady,
		Annotations: map[string]string{
			"org.example.text": "a \"quoted\" \\ line\nand\ttab \x01 é 漢 \u2028",
			"":                 "",
		},
		Cgroup: Cgroup{Driver: "fs", Paths: map[string]string{
			"": "/sys/fs/cgroup/unified/web-1", "memory": "/sys/fs/cgroup/memory/web-1", "name=systemd": "/sys/fs/cgroup/systemd/web-1",
		}},
		OwnerUID:  1000,
		OwnPIDNS:  true,
		StopHooks: true,
	}
}

func TestRoundTrip(t *testing.T) {
	bare := Record{Version: 1, Phase: PhaseCreating}
	for _, want := range []Record{sample(), bare} {
		text := encode(&want)
		got, err := decode(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

// encoding/json has to agree that what is written is JSON, and with its content.
func TestEncodeIsJSON(t *testing.T) {
	r := sample()
	var v struct {
		ID          string
		StartTime   uint64
		Annotations map[string]string
		Cgroup      struct{ Paths map[string]string }
	}
	if err := json.Unmarshal(encode(&r), &v); err != nil {
		t.Fatal(err)
	}
	if v.ID != r.ID || v.StartTime != r.StartTime || !reflect.DeepEqual(v.Annotations, r.Annotations) || !reflect.DeepEqual(v.Cgroup.Paths, r.Cgroup.Paths) {
		t.Errorf("encoding/json reads %+v", v)
	}
	// And the other way: white space of any kind does no harm.
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, encode(&r), "\r", "\t "); err != nil {
		t.Fatal(err)
	}
	if got, err := decode(pretty.Bytes()); err != nil || got.ID != r.ID {
		t.Errorf("decode of an indented record: %v", err)
	}
}

// What hooks get is what the spec says, and JSON whatever is in it.
func TestDescribe(t *testing.T) {
	r := sample()
	var v map[string]any
	if err := json.Unmarshal(r.Describe("creating", 7), &v); err != nil {
		t.Fatal(err)
	}
	annotations := map[string]any{}
	for key, value := range r.Annotations {
		annotations[key] = value
	}
	want := map[string]any{"ociVersion": "1.3.0", "id": "web-1", "status": "creating", "pid": 7.0, "bundle": r.Bundle, "annotations": annotations}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %v\nwant %v", v, want)
	}
	r.Annotations = nil
	if got := string(r.Describe("stopped", 0)); got != `{"ociVersion":"1.3.0","id":"web-1","status":"stopped","bundle":"/var/lib/bundles/web-1"}` {
		t.Errorf("got %s", got)
	}
}

func TestDecodeRefuses(t *testing.T) {
	r := sample()
	good := string(encode(&r))
	swap := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("the sample has no %s", old)
		}
		return strings.Replace(good, old, new, 1)
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "it ends too early at byte 0"},
		{"blank", " \n", "it ends too early at byte 2"},
		{"null", "null", "there is no '{' at byte 0"},
		{"array", "[]", "there is no '{' at byte 0"},
		{"no keys", "{}", "a key is missing"},
		{"trailing", good + "{}", "something follows the end at byte " + itoa(len(good))},
		{"newer", swap(`"version":1`, `"version":2,"shape":{"new":[1]}`), "it has version 2, which is newer than this vial (1)"},
		{"version zero", swap(`"version":1`, `"version":0`), "it has version 0"},
		{"unknown key", swap(`"pid"`, `"PID"`), `there is an unknown key "PID" at byte 167`},
		{"twice", swap(`"pid":4711`, `"pid":4711,"pid":1`), `there is a second "pid" at byte 177`},
		{"twice below", swap(`"memory":`, `"":`), `there is a second "" at byte 486`},
		{"missing", swap(`"pid":4711,`, ``), "a key is missing"},
		{"missing below", swap(`"driver":"fs",`, ``), "the cgroup misses a key at byte 556"},
		{"negative pid", swap(`4711`, `-1`), "there is no number that fits at byte 167"},
		{"large pid", swap(`4711`, `4294967296`), "there is no number that fits at byte 167"},
		{"ready without a pid", swap(`4711`, `0`), "its pid is 0"},
		{"octal", swap(`4711`, `04711`), "there is no number that fits at byte 167"},
		{"float", swap(`4711`, `4711.5`), "there is no '}' at byte 171"},
		{"type", swap(`"web-1"`, `7`), `there is no '"' at byte 18`},
		{"bool", swap(`"ownPIDNS":true`, `"ownPIDNS":1`), "there is neither true nor false at byte 598"},
		{"phase", swap(`"ready"`, `"steady"`), `its phase is "steady"`},
		{"time", swap(`2026-03`, `2026-33`), "there is no time at byte 263"},
		{"escape", swap(`\n`, `\/`), "there is an escape that vial does not write at byte 373"},
		{"surrogate", swap(`\n`, `\ud800`), "there is an escape that vial does not write at byte 373"},
		{"control", swap(`\n`, "\n"), "there is a control character in a string at byte 373"},
		{"utf-8", swap(`é`, "\xe9"), "a string is no UTF-8 at byte 404"},
		{"deep", strings.Repeat(`{"cgroup":`, 100000), `there is an unknown key "cgroup" at byte 20`},
		{"huge", good + strings.Repeat(" ", maxRecord), "it is longer than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := decode([]byte(c.text))
			if err == nil || err.Error() != c.want {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
	for n := range len(good) - 1 {
		if _, err := decode([]byte(good[:n])); err == nil {
			t.Errorf("cut after %d bytes it is still accepted: %s", n, good[:n])
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// What decode accepts, encode writes in one form, which decode accepts again.
func FuzzDecode(f *testing.F) {
	for _, r := range []Record{sample(), {Phase: PhaseCreating}} {
		f.Add(encode(&r))
	}
	f.Add([]byte(`{"version":9}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := decode(text)
		if err != nil {
			return
		}
		if !json.Valid(text) {
			t.Fatalf("accepted, but it is no JSON: %q", text)
		}
		once := encode(&r)
		again, err := decode(once)
		if err != nil {
			t.Fatalf("%v: %q", err, once)
		}
		if twice := encode(&again); !bytes.Equal(once, twice) {
			t.Fatalf("%q\n%q", once, twice)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := sample()
	for b.Loop() {
		encode(&r)
	}
}

func BenchmarkDecode(b *testing.B) {
	r := sample()
	text := encode(&r)
	for b.Loop() {
		if _, err := decode(text); err != nil {
			b.Fatal(err)
		}
	}
}

// What the hand-written pair saves.
func BenchmarkEncodingJSON(b *testing.B) {
	r := sample()
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			if _, err := json.Marshal(&r); err != nil {
				b.Fatal(err)
			}
		}
	})
	text, _ := json.Marshal(&r)
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			var r Record
			if err := json.Unmarshal(text, &r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
