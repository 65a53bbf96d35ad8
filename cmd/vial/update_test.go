package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "-1": -1, "5": 5, "5b": 5, "1k": 1 << 10, "1K": 1 << 10, "64m": 64 << 20, "64MB": 64 << 20, "64MiB": 64 << 20,
		"1g": 1 << 30, "1 G": 1 << 30, "1.5g": 3 << 29, "2t": 2 << 40, "1p": 1 << 50, "9223372036854775807": 1<<63 - 1, ".5k": 512,
	} {
		if got, err := parseBytes(text); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"m", "x", "-5", "-1k", "5x", "5kx", "5bb", "5 5", "1..5", "5i", "9223372036854775808", "9000000000g", "1e5", " 5", "."} {
		if got, err := parseBytes(text); err == nil {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestUpdateFlags is what each flag becomes.
func TestUpdateFlags(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"", `{}`},
		{"--memory 1m --memory-reservation 2m --memory-swap -1", `{"memory":{"limit":1048576,"reservation":2097152,"swap":-1}}`},
		{"--kernel-memory 5 --kernel-memory-tcp 6", `{"memory":{"kernel":5,"kernelTCP":6}}`},
		{"--cpu-period 5 --cpu-quota -1 --cpu-burst 0 --cpu-share 7", `{"cpu":{"shares":7,"quota":-1,"burst":0,"period":5}}`},
		{"--cpu-rt-period 5 --cpu-rt-runtime 4 --cpu-idle 1", `{"cpu":{"realtimeRuntime":4,"realtimePeriod":5,"idle":1}}`},
		{"--cpuset-cpus 0-3 --cpuset-mems 0", `{"cpu":{"cpus":"0-3","mems":"0"}}`},
		{"--blkio-weight 10 --pids-limit -1", `{"pids":{"limit":-1},"blockIO":{"weight":10}}`},
		{"--pids-limit 0", `{"pids":{"limit":0}}`},
	} {
		fs := newFlags("update")
		u := &updateFlags{}
		u.define(fs)
		if err := fs.Parse(strings.Fields(c.args)); err != nil {
			t.Fatal(err)
		}
		r, err := u.limits()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		got := string(text)
		for _, empty := range []string{`"memory":{}`, `"cpu":{}`, `"pids":{}`, `"blockIO":{}`} {
			got = strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(got, empty+",", ""), ","+empty, ""), empty, "")
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.args, got, c.want)
		}
	}
}

func TestReadResources(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, make([]byte, resourcesLimit+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readResources(file); err == nil || !strings.HasSuffix(err.Error(), "is longer than 1048576 bytes") {
		t.Error(err)
	}
}
