package config

import (
	"bytes"
	"strconv"
	"unicode/utf8"

	"github.com/vial-run/vial/internal/field"
)

// checkText refuses what is no JSON text at all, before a decoder looks at it.
func checkText(name string, data []byte) error {
	detail := ""
	switch {
	case len(data) > maxSize:
		detail = name + ": " + strconv.Itoa(len(data)) + " bytes are more than the limit of 16 MiB"
	case len(bytes.TrimSpace(data)) == 0:
		detail = name + " is empty"
	case bytes.HasPrefix(data, []byte{0xef, 0xbb, 0xbf}):
		detail = name + " begins with a byte order mark: save it as UTF-8 without one"
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}), bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		detail = name + " is UTF-16: save it as UTF-8"
	}
	if detail != "" {
		return Errors{&field.Error{Detail: detail}}
	}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return badByte(name, data, at, "a NUL byte: "+name+" must be UTF-8 text")
	}
	if !utf8.Valid(data) {
		at := 0
		for {
			r, size := utf8.DecodeRune(data[at:])
			if r == utf8.RuneError && size <= 1 {
				return badByte(name, data, at, "the bytes here are not UTF-8")
			}
			at += size
		}
	}
	return nil
}

func badByte(name string, data []byte, at int, detail string) error {
	line := bytes.Count(data[:at], []byte{'\n'}) + 1
	column := at - bytes.LastIndexByte(data[:at], '\n')
	return Errors{&TextError{Name: name, Line: line, Column: column, Detail: detail}}
}
