package state

import (
	"errors"
	"strings"
	"testing"
)

func TestCheckID(t *testing.T) {
	for _, id := range []string{"a", "Z9", "-x", "_", "+", "a.b", "a..", strings.Repeat("a", maxID), "0123456789abcdef"} {
		if err := CheckID(id); err != nil {
			t.Errorf("CheckID(%q): %v", id, err)
		}
	}
	if err := CheckID(""); err != ErrEmptyID {
		t.Errorf("empty: %v", err)
	}
	for _, id := range []string{
		".", "..", ".x", "a/b", "/a", "../x", "a\nb", "a\x00b", "ä", "a b", "a:b", "a%", `a\b`, "a*", "\xff",
		strings.Repeat("a", maxID+1), strings.Repeat("x/", 4096),
	} {
		err := CheckID(id)
		if !errors.Is(err, ErrID) {
			t.Errorf("CheckID(%q): %v", id, err)
			continue
		}
		if strings.ContainsAny(err.Error(), "\n\x00") || id[0] != '/' && len(err.Error()) > 500 {
			t.Errorf("CheckID(%q): the message is not one short line: %q", id, err)
		}
	}
}

// Every command refuses a bad id before it looks at the disk: this root would
// give another error.
func TestBadIDTouchesNothing(t *testing.T) {
	s := Open("/proc/self/mem/nothing")
	for name, call := range map[string]func(string) error{
		"Create":  func(id string) error { _, err := s.Create(id); return err },
		"Load":    func(id string) error { _, err := s.Load(id); return err },
		"LoadAny": func(id string) error { _, err := s.LoadAny(id); return err },
		"Peek":    func(id string) error { _, err := s.Peek(id); return err },
	} {
		if err := call("../x"); !errors.Is(err, ErrID) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
