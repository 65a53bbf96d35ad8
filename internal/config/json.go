package config

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vial-run/vial/internal/field"
)

// Limits of the text. They keep the memory that a hostile config.json takes
// within a few times its size, and they are far beyond any real one: Docker's
// with its seccomp profile has about 1,000 entries on 7 levels.
const (
	maxSize    = 16 << 20 // bytes
	maxDepth   = 64       // objects and arrays within each other
	maxEntries = 1 << 17  // keys of objects and elements of arrays, all together
)

// A decoder reads one JSON text (RFC 8259) from its begin to its end. The
// functions read… below and in the files of the concerns each take exactly one
// value from it.
//
// A value of the wrong type is noted and passed over, so that one run tells
// every such place. An error of syntax ends the reading, because nothing after
// it can be trusted: stopped is set, and everything left runs into its end.
type decoder struct {
	text     string // strings without escapes are slices of it
	pos      int
	depth    int
	entries  int
	path     []place  // where the value at pos stands
	keys     []string // of all objects that are open, outermost first
	texts    []string // elements of the array of strings being read
	problems Errors
	warnings []string
	name     string // of the text, for messages
	meant    string // the field that the key just read is, in another case
	stopped  bool
}

// A place is one part of a path.
type place struct {
	kind  placeKind
	name  string
	index int
}

type placeKind uint8

const (
	placeField placeKind = iota // a field of an object of the spec
	placeEntry                  // an entry of a map, named by the author
	placeIndex                  // an element of an array
)

// where is the path of the value being read.
func (d *decoder) where() field.Path {
	var p field.Path
	for _, at := range d.path {
		switch {
		case at.kind == placeIndex:
			p = p.Index(at.index)
		case at.kind == placeField && word(at.name):
			p = p.Child(at.name)
		default:
			p = p.Key(clipKey(at.name))
		}
	}
	return p
}

// word tells whether a key can stand in a path unquoted, as all of the spec's
// own can.
func word(key string) bool {
	for _, c := range []byte(key) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			if c < '0' || c > '9' {
				return false
			}
		}
	}
	return key != "" && len(key) <= 40
}

// note records a problem at an offset of the text.
func (d *decoder) note(offset int, detail string) {
	if d.stopped {
		return
	}
	if len(d.problems) == maxProblems {
		d.problems = append(d.problems, &field.Error{Detail: "and more problems"})
		d.stop()
		return
	}
	line, column := d.lineColumn(offset)
	d.problems = append(d.problems, &TextError{d.name, line, column, d.where(), detail})
}

// fail records an error of syntax, the last problem of this text.
func (d *decoder) fail(offset int, detail string) {
	d.note(offset, detail)
	d.stop()
}

// stop makes the decoder see the end of the text from here on.
func (d *decoder) stop() {
	d.stopped = true
	d.pos = len(d.text)
}

func (d *decoder) lineColumn(offset int) (line, column int) {
	before := d.text[:offset]
	return strings.Count(before, "\n") + 1, offset - strings.LastIndexByte(before, '\n')
}

// peek is the first byte of the next token, or 0 at the end.
func (d *decoder) peek() byte {
	for d.pos < len(d.text) {
		switch c := d.text[d.pos]; c {
		case ' ', '\t', '\n', '\r':
			d.pos++
		default:
			return c
		}
	}
	return 0
}

// unexpected fails at the next token.
func (d *decoder) unexpected(want string) {
	if d.pos >= len(d.text) {
		d.fail(len(d.text), "the text ends here, want "+want)
		return
	}
	r, _ := utf8.DecodeRuneInString(d.text[d.pos:])
	d.fail(d.pos, "want "+want+", found "+strconv.QuoteRune(r))
}

// open steps into an object or array, and tells whether there is one.
func (d *decoder) open(bracket byte, want string) bool {
	if d.peek() != bracket {
		d.mismatch(want)
		return false
	}
	if d.depth++; d.depth > maxDepth {
		d.fail(d.pos, "nested deeper than "+strconv.Itoa(maxDepth)+" levels")
		return false
	}
	d.pos++
	return true
}

// more tells whether there is another entry before the closing bracket, and
// stands in front of it; otherwise it has stepped out.
func (d *decoder) more(bracket byte, first bool) bool {
	c := d.peek()
	if c == bracket {
		d.pos++
		d.depth--
		return false
	}
	if !first {
		if c != ',' {
			d.unexpected("',' or '" + string(bracket) + "'")
			return false
		}
		d.pos++
		d.peek()
	}
	if d.entries++; d.entries > maxEntries {
		d.fail(d.pos, "more than "+strconv.Itoa(maxEntries)+" entries of objects and arrays")
	}
	return !d.stopped
}

// array calls yield in front of each element of an array.
func (d *decoder) array(yield func() bool) {
	if !d.open('[', "an array") {
		return
	}
	d.path = append(d.path, place{kind: placeIndex})
	for i := 0; d.more(']', i == 0); i++ {
		d.path[len(d.path)-1].index = i
		if !yield() {
			break
		}
	}
	d.path = d.path[:len(d.path)-1]
}

// object calls yield in front of the value of each key of an object.
func (d *decoder) object(yield func(key string) bool) { d.members(placeField, yield) }

// entriesOf does the same where the keys are the author's own.
func (d *decoder) entriesOf(yield func(key string) bool) { d.members(placeEntry, yield) }

func (d *decoder) members(kind placeKind, yield func(key string) bool) {
	if !d.open('{', "an object") {
		return
	}
	known := keySet{first: len(d.keys)}
	outer := len(d.path)
	for first := true; d.more('}', first); first = false {
		d.path = d.path[:outer]
		start := d.pos
		if d.peek() != '"' {
			d.unexpected("a key in quotes")
			break
		}
		key, ok := d.quoted()
		if !ok {
			break
		}
		d.path = append(d.path, place{kind: kind, name: key})
		if !known.add(d, key) {
			d.fail(start, "the key comes twice")
			break
		}
		if d.peek() != ':' {
			d.unexpected("':'")
			break
		}
		d.pos++
		if !yield(key) {
			break
		}
		if name := d.meant; name != "" {
			d.meant = ""
			if !known.add(d, name) {
				d.fail(start, "the key comes twice")
				break
			}
			d.path[outer].name = name
			if !yield(name) {
				break
			}
		}
	}
	d.path = d.path[:outer]
	d.keys = d.keys[:known.first]
}

// A keySet finds keys that come twice in one object. JSON leaves open which of
// them counts, and two programs that read the same text differently are a way
// around whoever has checked it.
type keySet struct {
	first int // where the object's keys begin in decoder.keys
	index map[string]struct{}
}

// add tells whether key is new.
func (k *keySet) add(d *decoder, key string) bool {
	const few = 32 // up to here comparing is cheaper than a map
	own := d.keys[k.first:]
	d.keys = append(d.keys, key)
	if len(own) < few {
		for _, other := range own {
			if other == key {
				return false
			}
		}
		return true
	}
	if k.index == nil {
		k.index = make(map[string]struct{}, 2*few)
		for _, other := range own {
			k.index[other] = struct{}{}
		}
	}
	_, there := k.index[key]
	k.index[key] = struct{}{}
	return !there
}

// skip passes over a value that nobody asked for, but reads all of it: what is
// not JSON, too deep or there twice is no more welcome in here.
func (d *decoder) skip() {
	switch c := d.peek(); {
	case c == '{':
		for range d.object {
			d.skip()
		}
	case c == '[':
		for range d.array {
			d.skip()
		}
	case c == '"':
		d.quoted()
	case c == '-' || c >= '0' && c <= '9':
		d.number()
	case d.literal("true"), d.literal("false"), d.literal("null"):
	default:
		d.unexpected("a value")
	}
}

// mismatch notes that the next value is not of the wanted type, and passes
// over it.
func (d *decoder) mismatch(want string) {
	c := d.peek()
	start := d.pos
	found := ""
	switch {
	case c == '"':
		s, ok := d.quoted()
		if !ok {
			return
		}
		found = show(s)
	case c == '-' || c >= '0' && c <= '9':
		s, _, ok := d.number()
		if !ok {
			return
		}
		found = clipKey(s)
	case c == '{':
		found = "an object"
	case c == '[':
		found = "an array"
	case d.literal("true"), d.literal("false"), d.literal("null"):
		found = d.text[start:d.pos]
	default:
		d.unexpected(want)
		return
	}
	d.note(start, "want "+want+", found "+found)
	if c == '{' || c == '[' {
		d.skip()
	}
}

// literal steps over a word of JSON, if it comes next.
func (d *decoder) literal(word string) bool {
	if !strings.HasPrefix(d.text[d.pos:], word) {
		return false
	}
	d.pos += len(word)
	return true
}

// null steps over a null. It stands for an object, array or map that is not
// there: Go programs write one for a nil slice. Plain values must have one,
// because a null uid would be root in silence.
func (d *decoder) null() bool {
	return d.peek() == 'n' && d.literal("null")
}

// number reads the number at pos. It is whole if it has neither a fraction
// nor an exponent.
func (d *decoder) number() (text string, whole, ok bool) {
	start, s := d.pos, d.text
	i := start
	if s[i] == '-' {
		i++
	}
	n := digits(s[i:])
	if n == 0 || n > 1 && s[i] == '0' {
		d.fail(start, "a number begins with a digit that is not a leading zero")
		return "", false, false
	}
	i += n
	whole = true
	if i < len(s) && s[i] == '.' {
		n = digits(s[i+1:])
		whole, ok, i = false, n > 0, i+1+n
		if !ok {
			d.fail(start, "a number needs a digit after the point")
			return "", false, false
		}
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		n = digits(s[i:])
		whole, i = false, i+n
		if n == 0 {
			d.fail(start, "a number needs a digit in its exponent")
			return "", false, false
		}
	}
	d.pos = i
	return s[start:i], whole, true
}

// quoted reads the string at pos.
func (d *decoder) quoted() (string, bool) {
	start := d.pos + 1
	for i := start; i < len(d.text); i++ {
		switch c := d.text[i]; {
		case c == '"':
			d.pos = i + 1
			return d.text[start:i], true
		case c == '\\':
			return d.escaped(start, i)
		case c < 0x20:
			d.fail(i, "a control character stands unescaped in a string")
			return "", false
		}
	}
	d.fail(len(d.text), "the text ends within a string")
	return "", false
}

// escaped reads on in a string that began at start and has its first escape
// at i.
func (d *decoder) escaped(start, i int) (string, bool) {
	out := make([]byte, 0, i-start+32)
	out = append(out, d.text[start:i]...)
	for i < len(d.text) {
		switch c := d.text[i]; {
		case c == '"':
			d.pos = i + 1
			return string(out), true
		case c < 0x20:
			d.fail(i, "a control character stands unescaped in a string")
			return "", false
		case c != '\\':
			out = append(out, c)
			i++
		default:
			r, size, problem := unescape(d.text[i:])
			if problem != "" {
				d.fail(i, problem)
				return "", false
			}
			out = utf8.AppendRune(out, r)
			i += size
		}
	}
	d.fail(len(d.text), "the text ends within a string")
	return "", false
}

// unescape reads the escape that s begins with.
func unescape(s string) (r rune, size int, problem string) {
	if len(s) < 2 {
		return 0, 0, "the text ends within a string"
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2, ""
	case 'b':
		return '\b', 2, ""
	case 'f':
		return '\f', 2, ""
	case 'n':
		return '\n', 2, ""
	case 'r':
		return '\r', 2, ""
	case 't':
		return '\t', 2, ""
	case 'u':
		return unescapeUnicode(s)
	}
	return 0, 0, "unknown escape in a string"
}

// unescapeUnicode reads \uXXXX, or two of them that make one character.
func unescapeUnicode(s string) (r rune, size int, problem string) {
	high, ok := hex4(s)
	switch {
	case !ok:
		return 0, 0, `\u needs four hex digits`
	case high == 0:
		return 0, 0, "a string must not hold a NUL: the kernel would cut it there"
	case high < 0xd800 || high > 0xdfff:
		return high, 6, ""
	}
	low, ok := hex4(s[6:])
	if !ok || high > 0xdbff || low < 0xdc00 || low > 0xdfff {
		return 0, 0, "half of a surrogate pair stands alone"
	}
	return (high-0xd800)<<10 | (low - 0xdc00) + 0x10000, 12, ""
}

// hex4 is the value of an escape \uXXXX at the begin of s.
func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
