package cgroup

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A group reads the files of one cgroup. A file that is missing says nothing;
// the first other error sticks.
type group struct {
	dir string
	fd  int
	err error
}

func openGroup(dir string) *group {
	g := &group{dir: dir, fd: -1}
	if dir == "" {
		return g // the host has no such hierarchy
	}
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY)
	if err == nil {
		g.fd = fd
	} else if !gone(err) {
		g.err = errorAt("open", dir, err)
	}
	return g
}

// close is the first error.
func (g *group) close() error {
	if g.fd >= 0 {
		unix.Close(g.fd)
	}
	return g.err
}

// text is a file's, and whether it is there.
func (g *group) text(file string) (string, bool) {
	if g.fd < 0 || g.err != nil {
		return "", false
	}
	text, err := readAt(g.fd, file)
	switch {
	case err == nil:
		return text, true
	case gone(err), errors.Is(err, unix.EOPNOTSUPP):
		// EOPNOTSUPP: the kernel was booted without pressure information.
		return "", false
	}
	g.err = fmt.Errorf("%s: %w", g.dir, err)
	return "", false
}

// note keeps what a parser says of a file.
func (g *group) note(file string, err error) {
	if err != nil && g.err == nil {
		g.err = fmt.Errorf("%s/%s: %w", g.dir, file, err)
	}
}

// of is what parse makes of a file, or nothing of one that is missing.
func of[T any](g *group, file string, parse func(string) (T, error)) (v T) {
	text, ok := g.text(file)
	if !ok {
		return v
	}
	v, err := parse(text)
	g.note(file, err)
	return v
}

func (g *group) number(file string) uint64 { return of(g, file, parseNumber) }

func (g *group) table(file string) map[string]uint64 { return of(g, file, parseTable) }

func malformed(line string) error {
	const most = 100
	if len(line) > most {
		line = line[:most]
	}
	return fmt.Errorf("cannot make sense of %q", line)
}

// parseNumber reads a whole number, or "max" for no limit. The kernel's own
// arithmetic can go below zero for a moment: that is 0.
func parseNumber(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	if text == "max" {
		return math.MaxUint64, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err == nil {
		return n, nil
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return 0, nil
	}
	return 0, malformed(text)
}

func parseSigned(text string) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, malformed(text)
	}
	return n, nil
}

// parseTable reads lines such as `oom_kill 0`.
func parseTable(text string) (map[string]uint64, error) {
	table := make(map[string]uint64, strings.Count(text, "\n"))
	for line := range lines(text) {
		key, value, ok := strings.Cut(line, " ")
		n, err := parseNumber(value)
		if !ok || err != nil {
			return nil, malformed(line)
		}
		table[key] = n
	}
	return table, nil
}

// lines are those that are not empty.
func lines(text string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for line := range strings.SplitSeq(text, "\n") {
			if line != "" && !yield(line) {
				return
			}
		}
	}
}

// parseNumbers reads numbers between blanks.
func parseNumbers(text string) (list []uint64, err error) {
	for field := range strings.FieldsSeq(text) {
		n, err := parseNumber(field)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// parseSet reads a list such as `0-3,7`.
func parseSet(text string) (list []uint16, err error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, found := strings.Cut(part, "-")
		if !found {
			last = first
		}
		from, err := strconv.ParseUint(first, 10, 16)
		to, err2 := strconv.ParseUint(last, 10, 16)
		if err != nil || err2 != nil || from > to || len(list) > math.MaxUint16 {
			return nil, malformed(text)
		}
		for n := from; n <= to; n++ {
			list = append(list, uint16(n))
		}
	}
	return list, nil
}

// parsePSI reads `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and `full …`,
// which old kernels do not have for CPUs.
func parsePSI(text string) (*PSI, error) {
	psi := &PSI{}
	for line := range lines(text) {
		kind, rest, _ := strings.Cut(line, " ")
		var p *Pressure
		switch kind {
		case "some":
			p = &psi.Some
		case "full":
			p = &psi.Full
		default:
			continue
		}
		if err := p.parse(rest); err != nil {
			return nil, malformed(line)
		}
	}
	return psi, nil
}

func (p *Pressure) parse(text string) (err error) {
	for field := range strings.FieldsSeq(text) {
		key, value, _ := strings.Cut(field, "=")
		switch key {
		case "avg10":
			p.Avg10, err = parsePercent(value)
		case "avg60":
			p.Avg60, err = parsePercent(value)
		case "avg300":
			p.Avg300, err = parsePercent(value)
		case "total":
			p.Total, err = strconv.ParseUint(value, 10, 64)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parsePercent takes no infinity and no NaN, which have no JSON form.
func parsePercent(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsInf(v, 0) || math.IsNaN(v)) {
		err = strconv.ErrRange
	}
	return v, err
}

// parseDevice reads `8:16`.
func parseDevice(text string) (major, minor uint64, ok bool) {
	first, second, ok := strings.Cut(text, ":")
	major, err := strconv.ParseUint(first, 10, 64)
	minor, err2 := strconv.ParseUint(second, 10, 64)
	return major, minor, ok && err == nil && err2 == nil
}
