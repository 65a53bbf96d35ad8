package bed

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// tally counts the tests of this setting.
var tally counts

type counts struct {
	mutex          sync.Mutex
	seen           map[string]bool
	passed, failed int
	skipped        map[string]int // by reason
}

// Skip ends a test that this setting cannot run. The reason is in the summary.
func Skip(t *testing.T, reason string) {
	t.Helper()
	tally.mutex.Lock()
	if tally.skipped == nil {
		tally.skipped = map[string]int{}
	}
	tally.skipped[reason]++
	tally.mutex.Unlock()
	t.Skip(reason)
}

// count counts a test when it is over.
func (c *counts) count(t *testing.T) {
	c.mutex.Lock()
	if c.seen == nil {
		c.seen = map[string]bool{}
	}
	known := c.seen[t.Name()]
	c.seen[t.Name()] = true
	c.mutex.Unlock()
	if known {
		return
	}
	t.Cleanup(func() {
		c.mutex.Lock()
		defer c.mutex.Unlock()
		switch {
		case t.Failed():
			c.failed++
		case !t.Skipped():
			c.passed++
		}
	})
}

func (c *counts) line() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	total := 0
	var reasons []string
	for reason, n := range c.skipped {
		total += n
		reasons = append(reasons, fmt.Sprintf("%d × %s", n, reason))
	}
	slices.Sort(reasons)
	line := fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, total)
	if total > 0 {
		line += " (" + strings.Join(reasons, "; ") + ")"
	}
	return line
}
