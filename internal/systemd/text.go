package systemd

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ParseText reads a value in the text form of GVariant, as busctl and the
// annotations org.systemd.property.* have it:
//
//	true   'text'   "text"   42 (int32)   1.5   uint64 42   objectpath '/a'
//	['a', 'b']   [uint32 1, 2]   @as []   ('/dev/null', 'rw')
//
// All elements of an array have the type of the first.
func ParseText(text string) (Value, error) {
	p := parser{text: text}
	v, err := p.value("", 0)
	if err == nil {
		if p.space(); p.at < len(p.text) {
			err = errors.New("something follows the value")
		}
	}
	if err == nil && len(v.signature) > 255 {
		err = errors.New("its type is too long")
	}
	if err != nil {
		return Value{}, fmt.Errorf("%w at byte %d", err, p.at)
	}
	return v, nil
}

// keywords are the words for types that may stand before a value.
func keywords(word string) string {
	switch word {
	case "boolean":
		return "b"
	case "byte":
		return "y"
	case "int16":
		return "n"
	case "uint16":
		return "q"
	case "int32":
		return "i"
	case "uint32":
		return "u"
	case "int64":
		return "x"
	case "uint64":
		return "t"
	case "double":
		return "d"
	case "string":
		return "s"
	case "objectpath":
		return "o"
	case "signature":
		return "g"
	}
	return ""
}

// deepest is how many arrays and structures may lie in one another.
const deepest = 16

type parser struct {
	text string
	at   int
}

func (p *parser) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
}

// take moves past c, after white space, and tells whether it was there.
func (p *parser) take(c byte) bool {
	p.space()
	if p.at >= len(p.text) || p.text[p.at] != c {
		return false
	}
	p.at++
	return true
}

// word reads up to what cannot be part of a number or a keyword.
func (p *parser) word() string {
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r,'\"()[]@<>{}", p.text[p.at]) < 0 {
		p.at++
	}
	return p.text[begin:p.at]
}

// value reads a value of a type, or if that is empty of whatever type it has.
func (p *parser) value(signature string, depth int) (Value, error) {
	p.space()
	if p.at >= len(p.text) {
		return Value{}, errors.New("there is no value")
	}
	if depth > deepest {
		return Value{}, fmt.Errorf("there are more than %d values in one another", deepest)
	}
	switch p.text[p.at] {
	case '@':
		return p.declared(signature, depth)
	case '\'', '"':
		return p.string(signature)
	case '[':
		return p.array(signature, depth)
	case '(':
		return p.structure(signature, depth)
	}
	begin := p.at
	word := p.word()
	if word == "" {
		return Value{}, fmt.Errorf("%q begins no value", p.text[p.at])
	}
	if kind := keywords(word); kind != "" {
		if signature != "" && signature != kind {
			return Value{}, mismatch(signature, kind)
		}
		return p.value(kind, depth+1)
	}
	v, err := scalar(word, signature)
	if err != nil {
		p.at = begin
	}
	return v, err
}

func mismatch(want, have string) error {
	return fmt.Errorf("a value of type %q is wanted, and it is %q", want, have)
}

// declared reads a value behind its type, such as @as [].
func (p *parser) declared(signature string, depth int) (Value, error) {
	p.at++
	begin := p.at
	for p.at < len(p.text) && strings.IndexByte("ybnqiuxtdsoga()", p.text[p.at]) >= 0 {
		p.at++
	}
	kind := p.text[begin:p.at]
	if rest, ok := oneType(kind, 0); !ok || rest != "" {
		return Value{}, fmt.Errorf("%.64q is no type of one value", kind)
	}
	if signature != "" && signature != kind {
		return Value{}, mismatch(signature, kind)
	}
	return p.value(kind, depth+1)
}

// oneType moves past one complete type and is what follows it.
func oneType(s string, depth int) (rest string, ok bool) {
	if s == "" || depth > deepest {
		return s, false
	}
	switch s[0] {
	case 'a':
		return oneType(s[1:], depth+1)
	case '(':
		for rest = s[1:]; ; {
			if rest, ok = oneType(rest, depth+1); !ok {
				return rest, false
			}
			if strings.HasPrefix(rest, ")") {
				return rest[1:], true
			}
		}
	case ')':
		return s, false
	}
	return s[1:], true
}

func (p *parser) array(signature string, depth int) (Value, error) {
	p.at++
	element := ""
	if signature != "" {
		if signature[0] != 'a' {
			return Value{}, mismatch(signature, "array")
		}
		element = signature[1:]
	}
	var list []Value
	for !p.take(']') {
		if len(list) > 0 && !p.take(',') {
			return Value{}, errors.New("there is neither a comma nor the end of the array")
		}
		v, err := p.value(element, depth+1)
		if err != nil {
			return Value{}, err
		}
		element = v.signature
		list = append(list, v)
	}
	if element == "" {
		return Value{}, errors.New("an empty array needs its type before it, such as @as []")
	}
	return Array(element, list...), nil
}

func (p *parser) structure(signature string, depth int) (Value, error) {
	p.at++
	rest := ""
	if signature != "" {
		if signature[0] != '(' {
			return Value{}, mismatch(signature, "structure")
		}
		rest = signature[1 : len(signature)-1]
	}
	var list []Value
	for !p.take(')') {
		if len(list) > 0 && !p.take(',') {
			return Value{}, errors.New("there is neither a comma nor the end of the structure")
		}
		kind := ""
		if signature != "" {
			after, ok := oneType(rest, 0)
			if !ok {
				return Value{}, mismatch(signature, "a longer structure")
			}
			kind, rest = rest[:len(rest)-len(after)], after
		}
		v, err := p.value(kind, depth+1)
		if err != nil {
			return Value{}, err
		}
		list = append(list, v)
	}
	if len(list) == 0 || rest != "" {
		return Value{}, errors.New("the structure has too few values")
	}
	return Struct(list...), nil
}

func scalar(word, signature string) (Value, error) {
	if word == "true" || word == "false" {
		if signature != "" && signature != "b" {
			return Value{}, mismatch(signature, "b")
		}
		return Bool(word == "true"), nil
	}
	if signature == "" {
		signature = "i"
		if strings.ContainsAny(word, ".eE") && !strings.HasPrefix(strings.TrimLeft(word, "+-"), "0x") || strings.Contains(word, "inf") || strings.Contains(word, "nan") {
			signature = "d"
		}
	}
	v := Value{signature: signature}
	var err error
	bits := 8 * width(signature)
	switch {
	case strings.Contains(word, "_"):
		err = strconv.ErrSyntax // Go has them in numbers, GVariant has not
	case signature == "d":
		var f float64
		f, err = strconv.ParseFloat(word, 64)
		v.number = math.Float64bits(f)
	case signature == "y" || signature == "q" || signature == "u" || signature == "t":
		v.number, err = strconv.ParseUint(word, 0, bits)
	case signature == "n" || signature == "i" || signature == "x":
		var n int64
		n, err = strconv.ParseInt(word, 0, bits)
		v.number = uint64(n)
	default:
		return Value{}, fmt.Errorf("%.64q is no value of type %q: a text needs quotes", word, signature)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return Value{}, fmt.Errorf("%.64q does not fit into type %q", word, signature)
	case err != nil:
		return Value{}, fmt.Errorf("%.64q is neither true, false nor a number: a text needs quotes", word)
	}
	return v, nil
}

func (p *parser) string(signature string) (Value, error) {
	if signature == "" {
		signature = "s"
	}
	if signature != "s" && signature != "o" && signature != "g" {
		return Value{}, mismatch(signature, "s")
	}
	quote := p.text[p.at]
	p.at++
	var b strings.Builder
	for {
		if p.at >= len(p.text) {
			return Value{}, errors.New("a text has no end")
		}
		c := p.text[p.at]
		p.at++
		if c == quote {
			break
		}
		if c == '\\' {
			if err := p.escape(&b); err != nil {
				return Value{}, err
			}
			continue
		}
		b.WriteByte(c)
	}
	v := Value{signature: signature, text: b.String()}
	switch {
	case !utf8.ValidString(v.text) || strings.IndexByte(v.text, 0) >= 0:
		return Value{}, errors.New("a text is no UTF-8, or holds a NUL")
	case signature == "o" && !objectPath(v.text):
		return Value{}, fmt.Errorf("%.64q is no object path", v.text)
	case signature == "g" && (len(v.text) > 255 || !types(v.text)):
		return Value{}, fmt.Errorf("%.64q is no signature", v.text)
	}
	return v, nil
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) error {
	if p.at >= len(p.text) {
		return errors.New("a text has no end")
	}
	c := p.text[p.at]
	p.at++
	if i := strings.IndexByte(`abfnrtv\'"`, c); i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v\\'\""[i])
		return nil
	}
	digits := map[byte]int{'u': 4, 'U': 8}[c]
	if digits == 0 || len(p.text)-p.at < digits {
		return fmt.Errorf("%q is no escape", `\`+string(rune(c)))
	}
	n, err := strconv.ParseUint(p.text[p.at:p.at+digits], 16, 32)
	if err != nil || !utf8.ValidRune(rune(n)) || n > utf8.MaxRune {
		return fmt.Errorf("%q is no character", p.text[p.at-2:p.at+digits])
	}
	p.at += digits
	b.WriteRune(rune(n))
	return nil
}

// objectPath tells whether s is a D-Bus object path: what is not ends the
// connection.
func objectPath(s string) bool {
	if s == "/" {
		return true
	}
	rest, ok := strings.CutPrefix(s, "/")
	if !ok {
		return false
	}
	for element := range strings.SplitSeq(rest, "/") {
		if element == "" || strings.Trim(element, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return false
		}
	}
	return true
}

func types(s string) bool {
	for s != "" {
		rest, ok := oneType(s, 0)
		if !ok || strings.Trim(s[:len(s)-len(rest)], "ybnqiuxtdsoga()v") != "" {
			return false
		}
		s = rest
	}
	return true
}

// Microseconds is a number of seconds in microseconds: systemd documents times
// as …Sec and has them on D-Bus as …USec.
func (v Value) Microseconds() (Value, error) {
	const million = 1_000_000
	switch v.signature {
	case "y", "q", "u", "t":
		if v.number > math.MaxUint64/million {
			return v, errors.New("so many seconds do not fit")
		}
		return Uint64(v.number * million), nil
	case "n", "i", "x":
		if n := int64(v.number); n < 0 || uint64(n) > math.MaxUint64/million {
			return v, errors.New("so many seconds do not fit")
		}
		return Uint64(v.number * million), nil
	case "d":
		f := math.Float64frombits(v.number) * million
		if !(f >= 0 && f < math.MaxUint64) {
			return v, errors.New("so many seconds do not fit")
		}
		return Uint64(uint64(f)), nil
	}
	return v, errors.New("not a number")
}
