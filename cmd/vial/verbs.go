package main

import (
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/vial-run/vial/container"
)

// A verb is one command of vial.
type verb struct {
	name     string
	args     string // its positional arguments, as usage shows them
	about    string // one line
	example  string
	min, max int // how many positional arguments it takes; max -1: any number
	// define adds the verb's flags, and is what it does with them.
	define func(*flag.FlagSet) action
}

// An action does what a verb is for, and is the exit status if err is nil.
type action func(s *session, args []string) (status int, err error)

// A session is one call of vial: its global options and where it prints.
type session struct {
	global
	runtime *container.Runtime
	stdout  io.Writer
	log     *logger
}

// verbs is every command, in the order that help shows them.
func verbs() []verb {
	return []verb{
		specVerb(), runVerb(), createVerb(), startVerb(), stateVerb(), listVerb(),
		killVerb(), deleteVerb(), compileVerb(), featuresVerb(),
	}
}

func find(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// parse reads flags wherever they stand, up to "--", and is the positional
// arguments. Values may be attached: --f=v, -f=v, -fv.
func parse(fs *flag.FlagSet, args []string) (positional []string, err error) {
	for {
		args = detach(fs, args)
		if err := fs.Parse(args); err != nil {
			return nil, flagError(err)
		}
		rest := fs.Args()
		if len(rest) == 0 {
			return positional, nil
		}
		if n := len(args) - len(rest); n > 0 && args[n-1] == "--" {
			return append(positional, rest...), nil
		}
		positional = append(positional, rest[0])
		args = rest[1:]
	}
}

// detach turns a leading -fv into -f v.
func detach(fs *flag.FlagSet, args []string) []string {
	if len(args) == 0 {
		return args
	}
	a := args[0]
	if len(a) < 3 || a[0] != '-' || a[1] == '-' || strings.Contains(a, "=") || fs.Lookup(a[1:]) != nil {
		return args
	}
	f := fs.Lookup(a[1:2])
	if f == nil || isBool(f) {
		return args
	}
	return append([]string{a[:2], a[2:]}, args[1:]...)
}

func isBool(f *flag.Flag) bool {
	b, ok := f.Value.(interface{ IsBoolFlag() bool })
	return ok && b.IsBoolFlag()
}

// flagError words an error of package flag as engines know it: Podman looks
// for "flag needs an argument".
func flagError(err error) error {
	if name, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok && len(name) > 1 {
		return fmt.Errorf("flag needs an argument: --%s", strings.TrimPrefix(name, "-"))
	}
	return err
}

// checkCount refuses a wrong number of positional arguments.
func (v verb) checkCount(args []string) error {
	n := len(args)
	switch {
	case v.min == v.max && n != v.min:
		return fmt.Errorf("%q requires exactly %d argument(s)", v.name, v.min)
	case n < v.min:
		return fmt.Errorf("%q requires a minimum of %d argument(s)", v.name, v.min)
	case v.max >= 0 && n > v.max:
		return fmt.Errorf("%q requires a maximum of %d argument(s)", v.name, v.max)
	}
	return nil
}
