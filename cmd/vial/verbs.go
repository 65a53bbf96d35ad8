package main

import (
	"errors"
	"flag"
	"fmt"
	"io"

	"github.com/vial-run/vial/container"
)

// A verb is one command of vial.
type verb struct {
	name     string
	args     string // its positional arguments, as usage shows them
	about    string // one line
	more     string // a paragraph for who wants to know more, may be empty
	example  string
	min, max int // how many positional arguments it takes; max -1: any number
	// flagsFirst says that what follows the first positional argument is the
	// verb's own affair, whatever it looks like.
	flagsFirst bool
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
		specVerb(), runVerb(), createVerb(), startVerb(), execVerb(), stateVerb(), listVerb(),
		killVerb(), deleteVerb(), pauseVerb(), resumeVerb(), psVerb(), eventsVerb(), updateVerb(),
		compileVerb(), featuresVerb(), completionVerb(), helpVerb(),
	}
}

// find is the verb of that name.
func find(name string) (verb, error) {
	if name == "h" {
		return helpVerb(), nil
	}
	for _, v := range verbs() {
		if v.name == name {
			return v, nil
		}
	}
	switch name {
	case "checkpoint", "restore":
		return verb{}, fmt.Errorf("%s: not supported yet: vial does not work with criu", name)
	case "mounts":
		return verb{}, errors.New("mounts: not supported: the mounts of a container are those of its config.json")
	}
	return verb{}, unknownVerb(name)
}

// An unknownVerb is a word that is no command of vial, runc or crun.
type unknownVerb string

func (u unknownVerb) Error() string { return "No help topic for '" + string(u) + "'" }

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
