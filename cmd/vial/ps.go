package main

import (
	"encoding/json"
	"flag"
	"fmt"
)

func psVerb() verb {
	return verb{
		name: "ps", args: "ID [PS OPTIONS…]", min: 1, max: -1, flagsFirst: true,
		about:   "print the processes of a container",
		example: "vial ps mycont1\nvial ps mycont1 -o pid,rss,args\nvial ps --format json mycont1",
		define:  definePS,
	}
}

func definePS(fs *flag.FlagSet) action {
	var format string
	fs.StringVar(&format, "format", "table", "`FORMAT`: table, which is ps(1)'s, or json: the pids on the host")
	fs.StringVar(&format, "f", "table", "`FORMAT`: table, which is ps(1)'s, or json: the pids on the host")
	return func(s *session, args []string) (int, error) {
		switch format {
		case "json":
			pids, err := s.runtime.Processes(args[0])
			if err != nil {
				return statusError, err
			}
			return 0, json.NewEncoder(s.stdout).Encode(pids)
		case "table":
			table, err := s.runtime.ProcessTable(args[0], args[1:])
			if err != nil {
				return statusError, err
			}
			_, err = fmt.Fprint(s.stdout, table)
			return 0, err
		}
		return statusError, fmt.Errorf("ps: invalid format option: %s", format)
	}
}
