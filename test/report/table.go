package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A table counts tests by setting, in the order in which settings appear.
type table struct{ settings []*counts }

type counts struct {
	name           string
	passed, failed int
	skipped        map[string]int // by reason
	bad            bool           // a package failed
	lost           string         // why not all tests ran
	note           string
}

func (t *table) of(name string) *counts {
	for _, c := range t.settings {
		if c.name == name {
			return c
		}
	}
	c := &counts{name: name, skipped: map[string]int{}}
	t.settings = append(t.settings, c)
	return c
}

func (t *table) failed() bool {
	return slices.ContainsFunc(t.settings, func(c *counts) bool { return c.failed > 0 || c.bad })
}

// text is a line for each setting.
func (t *table) text() string {
	var b strings.Builder
	for _, c := range t.settings {
		fmt.Fprintf(&b, "%-16s %s\n", c.name, c.line())
	}
	return b.String()
}

func (c *counts) skip(reason string) { c.skipped[reason]++ }

func (c *counts) line() string {
	total := 0
	var reasons []string
	for reason, n := range c.skipped {
		total += n
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int {
		return cmp.Or(c.skipped[b]-c.skipped[a], strings.Compare(a, b))
	})
	for i, reason := range reasons {
		reasons[i] = fmt.Sprintf("%d × %s", c.skipped[reason], reason)
	}
	line := fmt.Sprintf("%d passed, %d failed, %d skipped", c.passed, c.failed, total)
	switch {
	case c.lost != "":
		line += ", and not all tests ran: " + c.lost
	case c.bad && c.failed == 0:
		line += ", and a package failed as a whole"
	}
	if total > 0 {
		line += " (" + strings.Join(reasons, "; ") + ")"
	}
	if c.note != "" {
		line += " [" + c.note + "]"
	}
	return line
}
