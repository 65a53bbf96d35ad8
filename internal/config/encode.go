package config

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Encode is s as the text of a config.json, indented with tabs.
//
// It walks the Spec by reflection, by the rules of encoding/json, which is not
// used because to link it costs every start of vial about 15 µs of
// initialisation, and only one command writes a config.json.
func Encode(s *specs.Spec) ([]byte, error) {
	if s == nil {
		return nil, fmt.Errorf("encode config.json: there is no spec")
	}
	e := &encoder{}
	e.value(reflect.ValueOf(s))
	if e.err != nil {
		return nil, fmt.Errorf("encode config.json: %w", e.err)
	}
	return append(e.out, '\n'), nil
}

type encoder struct {
	out   []byte
	depth int
	err   error
}

func (e *encoder) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		e.out = strconv.AppendBool(e.out, v.Bool())
	case reflect.Int, reflect.Int32, reflect.Int64:
		e.out = strconv.AppendInt(e.out, v.Int(), 10)
	case reflect.Uint, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		e.out = strconv.AppendUint(e.out, v.Uint(), 10)
	case reflect.String:
		e.text(v.String())
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			e.out = append(e.out, "null"...)
			return
		}
		e.value(v.Elem())
	case reflect.Slice:
		e.list(v)
	case reflect.Map:
		e.table(v)
	case reflect.Struct:
		e.object(v)
	default:
		e.err = fmt.Errorf("a %s cannot be written", v.Type())
	}
}

func (e *encoder) list(v reflect.Value) {
	e.open('[')
	for i := range v.Len() {
		e.next(i == 0)
		e.value(v.Index(i))
	}
	e.close(']', v.Len() == 0)
}

// table writes a map in the order of its keys, so that the same spec is the
// same text.
func (e *encoder) table(v reflect.Value) {
	keys := make([]string, 0, v.Len())
	for _, k := range v.MapKeys() {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	e.open('{')
	for i, k := range keys {
		e.next(i == 0)
		e.key(k)
		e.value(v.MapIndex(reflect.ValueOf(k)))
	}
	e.close('}', len(keys) == 0)
}

func (e *encoder) object(v reflect.Value) {
	e.open('{')
	first := true
	e.fields(v, &first)
	e.close('}', first)
}

func (e *encoder) fields(v reflect.Value, first *bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, rules, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			e.fields(v.Field(i), first)
			continue
		}
		if strings.Contains(rules, "omitempty") && empty(v.Field(i)) {
			continue
		}
		e.next(*first)
		*first = false
		e.key(name)
		e.value(v.Field(i))
	}
}

// empty is what omitempty leaves out: unlike the zero value, an empty slice or
// map is, and a struct never is.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func (e *encoder) open(bracket byte) {
	e.out = append(e.out, bracket)
	e.depth++
}

func (e *encoder) close(bracket byte, nothing bool) {
	e.depth--
	if !nothing {
		e.line()
	}
	e.out = append(e.out, bracket)
}

func (e *encoder) next(first bool) {
	if !first {
		e.out = append(e.out, ',')
	}
	e.line()
}

func (e *encoder) line() {
	e.out = append(e.out, '\n')
	for range e.depth {
		e.out = append(e.out, '\t')
	}
}

func (e *encoder) key(k string) {
	e.text(k)
	e.out = append(e.out, ": "...)
}

func (e *encoder) text(s string) {
	if !utf8.ValidString(s) {
		e.err = fmt.Errorf("%s is not UTF-8", show(s))
	}
	e.out = append(e.out, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"', c == '\\':
			e.out = append(e.out, '\\', c)
		case c == '\n':
			e.out = append(e.out, '\\', 'n')
		case c == '\r':
			e.out = append(e.out, '\\', 'r')
		case c == '\t':
			e.out = append(e.out, '\\', 't')
		case c < 0x20:
			const hex = "0123456789abcdef"
			e.out = append(e.out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			e.out = append(e.out, c)
		}
	}
	e.out = append(e.out, '"')
}
