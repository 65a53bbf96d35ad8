package main

import (
	"flag"
	"fmt"
	"io"
)

func compileVerb() verb {
	return verb{
		name: "compile", args: "[ID]", max: 1,
		about:   "print the list of system calls that would make the container",
		example: "vial compile --bundle mybundle | less",
		define:  defineCompile,
	}
}

func defineCompile(fs *flag.FlagSet) action {
	bundle := defineBundle(fs)
	fs.Bool("no-subreaper", false, "accepted without effect: for run only")
	command := "create"
	fs.StringVar(&command, "for", command, "`COMMAND` to compile for: create or run")
	return func(s *session, args []string) (int, error) {
		id := "container"
		if len(args) > 0 {
			id = args[0]
		}
		if command != "create" && command != "run" {
			return statusError, fmt.Errorf("compile: --for %s: want create or run", command)
		}
		o, err := bundle.options(s)
		if err != nil {
			return statusError, err
		}
		listing, err := s.runtime.Compile(id, command, o)
		if err != nil {
			return statusError, err
		}
		_, err = io.WriteString(s.stdout, listing)
		return 0, err
	}
}
