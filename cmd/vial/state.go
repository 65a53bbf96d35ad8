package main

import (
	"encoding/json"
	"flag"
)

func stateVerb() verb {
	return verb{
		name: "state", args: "ID", min: 1, max: 1,
		about:   "print the state of a container as JSON",
		example: "vial state mycont1",
		define: func(*flag.FlagSet) action {
			return func(s *session, args []string) (int, error) { return 0, s.printState(args[0]) }
		},
	}
}

// printState prints what runc prints: two spaces of indent, no final newline.
func (s *session) printState(id string) error {
	state, err := s.runtime.State(id)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(state, "", "  ")
	if err != nil {
		return err
	}
	_, err = s.stdout.Write(text)
	return err
}
