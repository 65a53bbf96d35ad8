package integration

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
)

// statusBits reads a set from /proc/PID/status.
func statusBits(t *testing.T, pid int, name string) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		bits, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return bits
	}
	t.Fatalf("no %s in the status of %d", name, pid)
	return 0
}
