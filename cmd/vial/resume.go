package main

import "flag"

func resumeVerb() verb {
	return verb{
		name: "resume", args: "ID", min: 1, max: 1,
		about:   "let a paused container go on",
		example: "vial resume mycont1",
		define: func(*flag.FlagSet) action {
			return func(s *session, args []string) (int, error) { return 0, s.runtime.Resume(args[0]) }
		},
	}
}
