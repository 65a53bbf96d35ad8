package main

import "flag"

func pauseVerb() verb {
	return verb{
		name: "pause", args: "ID", min: 1, max: 1,
		about:   "stop all processes of a container where they are",
		example: "vial pause mycont1",
		define: func(*flag.FlagSet) action {
			return func(s *session, args []string) (int, error) { return 0, s.runtime.Pause(args[0]) }
		},
	}
}
