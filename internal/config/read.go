package config

import (
	"math"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

// The functions read… each take one value of the text into a field. Those of
// the spec's objects stand with their concerns; here are the ones for plain
// values, and for what holds several.

func readText[T ~string](d *decoder, v *T) {
	if d.peek() != '"' {
		d.mismatch("a string")
		return
	}
	s, _ := d.quoted()
	*v = T(s)
}

func readBool(d *decoder, v *bool) {
	switch d.peek(); {
	case d.literal("true"):
		*v = true
	case d.literal("false"):
		*v = false
	default:
		d.mismatch("true or false")
	}
}

func readUnsigned[T ~uint | ~uint16 | ~uint32 | ~uint64](d *decoder, v *T) {
	start, text, ok := d.whole()
	if !ok {
		return
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || uint64(T(n)) != n {
		most := strconv.FormatUint(uint64(^T(0)), 10)
		d.note(start, clipKey(text)+" is out of range (0 to "+most+")")
		return
	}
	*v = T(n)
}

func readSigned[T ~int | ~int32 | ~int64](d *decoder, v *T) {
	start, text, ok := d.whole()
	if !ok {
		return
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || int64(T(n)) != n {
		most := int64(math.MaxInt64)
		if wide := most; int64(T(wide)) != wide {
			most = math.MaxInt32
		}
		d.note(start, clipKey(text)+" is out of range ("+strconv.FormatInt(-most-1, 10)+" to "+strconv.FormatInt(most, 10)+")")
		return
	}
	*v = T(n)
}

// whole reads a number that must be whole: 1.0 and 1e3 are not, because what
// they are depends on who reads them.
func (d *decoder) whole() (start int, text string, ok bool) {
	if c := d.peek(); c != '-' && (c < '0' || c > '9') {
		d.mismatch("a number")
		return 0, "", false
	}
	start = d.pos
	text, whole, ok := d.number()
	if ok && !whole {
		d.note(start, "want a whole number, found "+clipKey(text))
	}
	return start, text, ok && whole
}

// readOptional reads a value that makes a difference by being there.
func readOptional[T any](d *decoder, v **T, read func(*decoder, *T)) {
	if d.null() {
		return
	}
	value := new(T)
	read(d, value)
	*v = value
}

// readList reads an array. An empty one is the same as none: the spec knows no
// difference, and encoding keeps none.
func readList[T any](d *decoder, v *[]T, read func(*decoder, *T)) {
	if d.null() {
		return
	}
	for range d.array {
		var zero T
		*v = append(*v, zero)
		read(d, &(*v)[len(*v)-1])
	}
}

// readTexts reads an array of strings, which is most of what a config is.
func readTexts[T ~string](d *decoder, v *[]T) {
	if d.null() {
		return
	}
	mark := len(d.texts)
	for range d.array {
		var s string
		readText(d, &s)
		d.texts = append(d.texts, s)
	}
	if n := len(d.texts) - mark; n > 0 {
		*v = make([]T, n)
		for i, s := range d.texts[mark:] {
			(*v)[i] = T(s)
		}
	}
	d.texts = d.texts[:mark]
}

// readTable reads a map whose keys are the author's own.
func readTable[T any](d *decoder, v *map[string]T, read func(*decoder, *T)) {
	if d.null() {
		return
	}
	for key := range d.entriesOf {
		if *v == nil {
			*v = make(map[string]T)
		}
		value := new(T)
		read(d, value)
		(*v)[key] = *value
	}
}

// readForeign notes that a section for another platform is there.
func readForeign[T any](d *decoder, v **T) {
	if d.null() {
		return
	}
	if d.peek() != '{' {
		d.mismatch("an object")
		return
	}
	*v = new(T)
	d.skip()
}

// unknown passes over a key that the object does not have, as the spec wants it.
// One that differs from a field in case only is that field to runc, which reads with
// encoding/json: it is here too (members asks again), with a warning, since to other
// runtimes it is nothing.
func (d *decoder) unknown(key string, fields []string) {
	for _, name := range fields {
		if strings.EqualFold(name, key) {
			d.warnCase(key, name)
			d.meant = name
			return
		}
	}
	d.skip()
}

func (d *decoder) warnCase(key, name string) {
	at := d.name + ": "
	own := d.path[len(d.path)-1]
	d.path = d.path[:len(d.path)-1]
	if p := d.where(); p != "" {
		at += string(p) + ": "
	}
	d.path = append(d.path, own)
	switch {
	case len(d.warnings) < maxProblems:
		d.warnings = append(d.warnings, at+"field "+show(key)+" is taken for "+strconv.Quote(name)+": some runtimes ignore it")
	case len(d.warnings) == maxProblems:
		d.warnings = append(d.warnings, d.name+": there are more warnings")
	}
}

// fileName is the name of the text in messages.
const fileName = "config.json"

// decode reads config.json without asking what it means.
func decode(data []byte, read func(*decoder, *specs.Spec)) (*specs.Spec, []string, error) {
	if err := checkText(fileName, data); err != nil {
		return nil, nil, err
	}
	d := &decoder{
		name: fileName,
		text: string(data),
		path: make([]place, 0, 16),
		keys: make([]string, 0, 64),
	}
	if d.null() && d.peek() == 0 && d.pos >= len(d.text) {
		return nil, nil, Errors{&field.Error{Detail: "config cannot be null"}}
	}
	d.pos = 0
	s := new(specs.Spec)
	read(d, s)
	if d.peek(); !d.stopped && d.pos < len(d.text) {
		d.unexpected("nothing more")
	}
	if len(d.problems) > 0 {
		return nil, nil, d.problems
	}
	return s, d.warnings, nil
}
