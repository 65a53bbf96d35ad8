package main

import "flag"

func startVerb() verb {
	return verb{
		name: "start", args: "ID", min: 1, max: 1,
		about:   "let a created container run its process",
		example: "vial start mycont1",
		define: func(*flag.FlagSet) action {
			return func(s *session, args []string) (int, error) { return 0, s.runtime.Start(args[0]) }
		},
	}
}
