package main

// How a command line is read. The forms of runc and of crun, which are those
// of urfave/cli and of getopt_long(3), are understood alike:
//
//	--flag value  --flag=value  -flag value  -flag=value
//	-f value  -f=value  -fvalue  -ab (for -a -b, if -a takes no value)
//	--fl (the only flag that begins so)  --flag=no (a flag that takes no value)
//
// Commas never separate, the last of several wins, and "--" ends the flags.

import (
	"errors"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A reader reads one command line, or what stands behind its verb.
type reader struct {
	fs         *flag.FlagSet
	args       []string // what is left
	flagsFirst bool     // the first word that is no flag ends the flags
}

// read sets the flags and is the words that are none; flag.ErrHelp if one asks
// for help.
func (r *reader) read() (words []string, err error) {
	for len(r.args) > 0 {
		word := r.args[0]
		switch {
		case word == "--":
			return append(words, r.args[1:]...), nil
		case len(word) < 2 || word[0] != '-':
			if r.flagsFirst {
				return append(words, r.args...), nil
			}
			words = append(words, word)
			r.args = r.args[1:]
		default:
			r.args = r.args[1:]
			if err := r.flag(word); err != nil {
				return nil, err
			}
		}
	}
	return words, nil
}

// flag reads one word that is a flag, and the value behind it.
func (r *reader) flag(word string) error {
	long := strings.HasPrefix(word, "--")
	name, value, attached := strings.Cut(strings.TrimLeft(word[:2], "-")+word[2:], "=")
	f := r.fs.Lookup(name)
	if f == nil && slices.Contains(helpFlags(), name) {
		return flag.ErrHelp
	}
	if f == nil && long {
		var err error
		if f, err = r.abbreviated(name); err != nil {
			return err
		}
	}
	if f == nil && !long {
		return r.letters(word[1:])
	}
	return r.set(f, value, attached)
}

// helpFlags ask for help wherever flags stand.
func helpFlags() []string { return []string{"help", "h", "?", "usage"} }

// abbreviated is the only flag whose long name begins so.
func (r *reader) abbreviated(name string) (*flag.Flag, error) {
	var found []*flag.Flag
	var names []string
	r.fs.VisitAll(func(f *flag.Flag) {
		if len(name) > 0 && len(f.Name) > 1 && strings.HasPrefix(f.Name, name) {
			found, names = append(found, f), append(names, "--"+f.Name)
		}
	})
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) == 0 && len(name) > 1 && strings.HasPrefix("help", name):
		return nil, flag.ErrHelp
	case len(found) > 1:
		return nil, fmt.Errorf("flag is ambiguous: --%s could be %s", name, strings.Join(names, " or "))
	}
	return nil, undefined(name)
}

func undefined(name string) error { return fmt.Errorf("flag provided but not defined: -%s", name) }

// letters reads flags of one letter each, of which the last may have its value
// attached.
func (r *reader) letters(word string) error {
	name, _, _ := strings.Cut(word, "=")
	for i := range word {
		f := r.fs.Lookup(word[i : i+1])
		if f == nil {
			return undefined(name)
		}
		rest := word[i+1:]
		value, attached := strings.CutPrefix(rest, "=")
		if !isBool(f) {
			return r.set(f, value, rest != "")
		}
		if err := r.set(f, value, attached); err != nil || attached {
			return err
		}
	}
	return nil
}

// set gives a flag its value, which may be the next word.
func (r *reader) set(f *flag.Flag, value string, attached bool) error {
	switch {
	case isBool(f) && !attached:
		value = "true"
	case isBool(f) && value == "no":
		value = "false" // as crun has it
	case !attached && len(r.args) == 0:
		return missing(f.Name)
	case !attached:
		value, r.args = r.args[0], r.args[1:]
	}
	if err := r.fs.Set(f.Name, value); err != nil {
		return fmt.Errorf("invalid value %q for flag %s: %w", value, dashed(f.Name), plain(err))
	}
	return nil
}

// missing is worded as engines know it: Podman looks for it.
func missing(name string) error {
	if len(name) == 1 {
		return fmt.Errorf("flag needs an argument: -%s", name)
	}
	return fmt.Errorf("flag needs an argument: --%s", name)
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// plain is what is wrong with a value, without what package strconv did to it.
func plain(err error) error {
	if number := (*strconv.NumError)(nil); errors.As(err, &number) {
		return number.Err
	}
	return err
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}
