package config

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// maxProblems is how many problems one error tells. The rest is counted: a
// config with 100,000 bad mounts must not make a log line of megabytes.
const maxProblems = 20

// Errors are the problems of one config.json, sorted by place.
type Errors []error

// Error is every problem in one line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, err := range e {
		lines[i] = err.Error()
	}
	return strings.Join(lines, "; ")
}

// Unwrap gives errors.Is and errors.As the single problems.
func (e Errors) Unwrap() []error { return e }

// A TextError is a problem of the text, found before it has a meaning.
type TextError struct {
	Name         string // of the text, such as config.json
	Line, Column int    // both from 1; the column counts bytes
	Path         field.Path
	Detail       string
}

// Error is `config.json: line 12:5: process.user.uid: detail`.
func (e *TextError) Error() string {
	at := e.Name + ": line " + strconv.Itoa(e.Line) + ":" + strconv.Itoa(e.Column) + ": "
	if e.Path != "" {
		at += string(e.Path) + ": "
	}
	return at + e.Detail
}

// A checker is what the checks share: the config they look at, and what they
// have found.
type checker struct {
	spec     *specs.Spec
	cfg      *Config
	problems []*field.Error
}

// refuse notes a problem that makes the config unusable.
func (c *checker) refuse(at field.Path, detail string) {
	c.problems = append(c.problems, &field.Error{Path: at, Detail: detail})
}

// warn notes what will not be done as the author may expect.
func (c *checker) warn(at field.Path, detail string) {
	switch {
	case len(c.cfg.Warnings) < maxProblems:
		c.cfg.Warnings = append(c.cfg.Warnings, (&field.Error{Path: at, Detail: detail}).Error())
	case len(c.cfg.Warnings) == maxProblems:
		c.cfg.Warnings = append(c.cfg.Warnings, "config.json: there are more warnings")
	}
}

// err is every problem, or nil.
func (c *checker) err() error {
	if len(c.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(c.problems, func(a, b *field.Error) int {
		return comparePlaces(string(a.Path), string(b.Path))
	})
	all := make(Errors, 0, min(len(c.problems), maxProblems+1))
	for i, p := range c.problems {
		if i == maxProblems {
			all = append(all, &field.Error{Detail: "and " + strconv.Itoa(len(c.problems)-i) + " more problems"})
			break
		}
		all = append(all, p)
	}
	return all
}

// comparePlaces orders paths so that mounts[2] comes before mounts[10].
func comparePlaces(a, b string) int {
	for a != "" && b != "" {
		na, nb := digits(a), digits(b)
		if na == 0 || nb == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		if na != nb {
			return na - nb
		}
		if n := strings.Compare(a[:na], b[:nb]); n != 0 {
			return n
		}
		a, b = a[na:], b[nb:]
	}
	return len(a) - len(b)
}

// digits is how many digits s begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// show is a string of the author's as it may stand in a message: quoted, so
// that it cannot break the line, and cut where it gets long.
func show(s string) string {
	const limit = 80
	if len(s) <= limit {
		return strconv.Quote(s)
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + " (" + strconv.Itoa(len(s)) + " bytes)"
}

// clipKey keeps a key of the author's short enough to stand in a path.
func clipKey(k string) string {
	const limit = 80
	if len(k) <= limit {
		return k
	}
	cut := limit
	for cut > 0 && !utf8.RuneStart(k[cut]) {
		cut--
	}
	return k[:cut] + "…"
}

// control tells whether s holds a control character, which would break a line
// of a file, a log or a listing.
func control(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] == 0x7f {
			return true
		}
	}
	return false
}

// nul tells whether s holds a NUL, at which the kernel would cut it.
func nul(s string) bool { return strings.IndexByte(s, 0) >= 0 }
