package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestCalmMonitor: Go's monitor is the thread that it is taken for, so that the
// kernel takes its time. It is a process of its own, for the next number is taken
// by others too.
func TestCalmMonitor(t *testing.T) {
	slack := fmt.Sprintf("/proc/%d/timerslack_ns", os.Getpid()+1)
	if _, err := os.Stat(fmt.Sprintf("/proc/self/task/%d", os.Getpid()+1)); err != nil {
		t.Skip("another process has the number of the monitor: it is left alone")
	}
	calmMonitor()
	text, err := os.ReadFile(slack)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs CAP_SYS_NICE")
	}
	if got := strings.TrimSpace(string(text)); err != nil || got != "1000000" {
		t.Errorf("%s: %s, %v", slack, got, err)
	}
}
