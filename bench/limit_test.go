package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestLeast(t *testing.T) {
	for _, c := range []struct{ most, from, want int }{
		{16, 1, 1}, {16, 7, 7}, {16, 16, 16}, {16, 17, 0}, {1, 1, 1}, {1, 2, 0}, {1000, 999, 999},
	} {
		tries := 0
		got, err := least(c.most, func(n int) (bool, error) {
			if n < 1 || n > c.most {
				t.Fatalf("tries %d of %d", n, c.most)
			}
			tries++
			return n >= c.from, nil
		})
		if got != c.want || err != nil || tries > 11 {
			t.Errorf("from %d of %d: %d after %d tries, %v", c.from, c.most, got, tries, err)
		}
	}
	broken := errors.New("broken")
	if _, err := least(8, func(int) (bool, error) { return false, broken }); err != broken {
		t.Errorf("%v", err)
	}
}

// TestLimit: the config has the limit, and afterwards it is as before.
func TestLimit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.json")
	const before = `{"ociVersion":"1.0.0","linux":{"resources":{"devices":[{"allow":false,"access":"rwm"}]}}}`
	if err := os.WriteFile(file, []byte(before), 0o644); err != nil {
		t.Fatal(err)
	}
	restore, err := limit(file, 4096)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := os.ReadFile(file)
	var spec specs.Spec
	if err := json.Unmarshal(text, &spec); err != nil || *spec.Linux.Resources.Memory.Limit != 4096 || len(spec.Linux.Resources.Devices) != 1 {
		t.Errorf("%v in %s", err, text)
	}
	restore()
	if text, _ := os.ReadFile(file); string(text) != before {
		t.Errorf("left behind: %s", text)
	}
}
