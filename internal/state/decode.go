package state

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"
	"unicode/utf8"
)

// maxRecord bounds what is read as a record: annotations are the only part
// that a caller can make long.
const maxRecord = 1 << 20

// decode reads the text of state.json. It takes what encode writes, in any
// order and with any white space, and nothing else: every key once, no unknown
// key, no value of another type, nothing after the end. The text was written by
// vial, so whatever differs is damage, and guessing could signal a foreign
// process or remove a foreign cgroup.
func decode(text []byte) (Record, error) {
	if len(text) > maxRecord {
		return Record{}, fmt.Errorf("it is longer than %d bytes", maxRecord)
	}
	d := decoder{text: text}
	var r Record
	seen := d.object(r.field(&d))
	d.space()
	if d.err == nil && d.at < len(d.text) {
		d.fail("something follows the end")
	}
	// A newer version may have other keys, so it is looked at before the rest.
	if v := d.version; v > RecordVersion {
		return Record{}, fmt.Errorf("it has version %d, which is newer than this vial (%d)", v, RecordVersion)
	}
	if d.err != nil {
		return Record{}, d.err
	}
	r.Version = d.version
	switch {
	case seen != fields:
		return Record{}, errors.New("a key is missing")
	case r.Version < 1:
		return Record{}, fmt.Errorf("it has version %d", r.Version)
	case r.Phase != PhaseCreating && r.Phase != PhaseReady:
		return Record{}, fmt.Errorf("its phase is %q", r.Phase)
	case r.Pid < 0 || r.Pid > math.MaxInt32 || r.Phase == PhaseReady && r.Pid == 0:
		return Record{}, fmt.Errorf("its pid is %d", r.Pid)
	}
	return r, nil
}

// fields is the number of keys of a record.
const fields = 18

// field gives the reader of the record's values.
func (r *Record) field(d *decoder) func(key string) bool {
	return func(key string) bool {
		switch key {
		case "version":
			d.version = int(d.integer(math.MaxInt32))
		case "id":
			r.ID = d.string()
		case "ociVersion":
			r.OCIVersion = d.string()
		case "bundle":
			r.Bundle = d.string()
		case "rootfs":
			r.Rootfs = d.string()
		case "exec":
			r.Exec = d.string()
		case "pid":
			r.Pid = int(d.integer(math.MaxInt32))
		case "startTime":
			r.StartTime = d.integer(math.MaxUint64)
		case "bootID":
			r.BootID = d.string()
		case "created":
			r.Created = d.time()
		case "phase":
			r.Phase = d.string()
		case "annotations":
			r.Annotations = d.texts()
		case "cgroup":
			r.Cgroup = d.cgroup()
		case "ownerUID":
			r.OwnerUID = int(d.integer(math.MaxUint32))
		case "ownPIDNS":
			r.OwnPIDNS = d.bool()
		case "ownKeyring":
			r.OwnKeyring = d.bool()
		case "startHooks":
			r.StartHooks = d.bool()
		case "stopHooks":
			r.StopHooks = d.bool()
		default:
			return false
		}
		return true
	}
}

// A decoder walks a JSON text. The first error sticks, and nothing moves on
// after it, so the walkers need not look at it.
type decoder struct {
	text    []byte
	at      int
	err     error
	version int
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s at byte %d", what, d.at)
	}
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// take moves past c, after white space, and tells whether it was there.
func (d *decoder) take(c byte) bool {
	d.space()
	if d.err != nil || d.at >= len(d.text) || d.text[d.at] != c {
		return false
	}
	d.at++
	return true
}

func (d *decoder) need(c byte) bool {
	if d.take(c) {
		return true
	}
	if d.at >= len(d.text) {
		d.fail("it ends too early")
	} else {
		d.fail("there is no " + strconv.QuoteRune(rune(c)))
	}
	return false
}

// object walks an object, gives value each key, and counts them.
func (d *decoder) object(value func(key string) bool) int {
	if !d.need('{') || d.take('}') {
		return 0
	}
	seen := make(map[string]struct{}, fields)
	for d.err == nil {
		key := d.string()
		if _, twice := seen[key]; twice {
			d.fail("there is a second " + strconv.Quote(key))
			return 0
		}
		seen[key] = struct{}{}
		if d.need(':') && !value(key) {
			d.fail("there is an unknown key " + strconv.Quote(key))
		}
		if d.err == nil && !d.take(',') {
			d.need('}')
			break
		}
	}
	return len(seen)
}

func (d *decoder) texts() map[string]string {
	var m map[string]string
	d.object(func(key string) bool {
		if m == nil {
			m = make(map[string]string)
		}
		m[key] = d.string()
		return true
	})
	return m
}

func (d *decoder) cgroup() Cgroup {
	var c Cgroup
	n := d.object(func(key string) bool {
		switch key {
		case "driver":
			c.Driver = d.string()
		case "unit":
			c.Unit = d.string()
		case "paths":
			c.Paths = d.texts()
		default:
			return false
		}
		return true
	})
	if n != 3 {
		d.fail("the cgroup misses a key")
	}
	return c
}

func (d *decoder) bool() bool {
	d.space()
	for _, word := range []string{"false", "true"} {
		if end := d.at + len(word); end <= len(d.text) && string(d.text[d.at:end]) == word {
			d.at = end
			return word == "true"
		}
	}
	d.fail("there is neither true nor false")
	return false
}

// integer reads a number as encode writes it: digits only.
func (d *decoder) integer(limit uint64) uint64 {
	d.space()
	start := d.at
	for d.at < len(d.text) && d.text[d.at] >= '0' && d.text[d.at] <= '9' {
		d.at++
	}
	digits := string(d.text[start:d.at])
	v, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || v > limit || len(digits) > 1 && digits[0] == '0' {
		d.at = start
		d.fail("there is no number that fits")
		return 0
	}
	return v
}

func (d *decoder) time() time.Time {
	start := d.at
	t, err := time.Parse(time.RFC3339Nano, d.string())
	if err != nil {
		d.at = start
		d.fail("there is no time")
	}
	return t.UTC()
}

func (d *decoder) string() string {
	if !d.need('"') {
		return ""
	}
	start := d.at
	for ; d.at < len(d.text); d.at++ {
		switch c := d.text[d.at]; {
		case c == '"':
			s := d.text[start:d.at]
			d.at++
			return d.valid(s)
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			d.fail("there is a control character in a string")
			return ""
		}
	}
	d.fail("it ends too early")
	return ""
}

// escaped goes on with a string that began at start, from its first backslash.
func (d *decoder) escaped(start int) string {
	s := append([]byte(nil), d.text[start:d.at]...)
	for d.at < len(d.text) && d.err == nil {
		c := d.text[d.at]
		d.at++
		switch {
		case c == '"':
			return d.valid(s)
		case c == '\\':
			s = d.escape(s)
		case c < ' ':
			d.fail("there is a control character in a string")
		default:
			s = append(s, c)
		}
	}
	d.fail("it ends too early")
	return ""
}

// escape reads what follows a backslash: only what encode writes there.
func (d *decoder) escape(s []byte) []byte {
	rest := d.text[d.at:]
	switch {
	case len(rest) > 0 && (rest[0] == '"' || rest[0] == '\\'):
		d.at++
		return append(s, rest[0])
	case len(rest) > 0 && rest[0] == 'n':
		d.at++
		return append(s, '\n')
	case len(rest) > 4 && string(rest[:3]) == "u00":
		if v, err := strconv.ParseUint(string(rest[3:5]), 16, 8); err == nil && v < utf8.RuneSelf {
			d.at += 5
			return append(s, byte(v))
		}
	}
	d.fail("there is an escape that vial does not write")
	return s
}

func (d *decoder) valid(s []byte) string {
	if !utf8.Valid(s) {
		d.fail("a string is no UTF-8")
		return ""
	}
	return string(s)
}
