package main

import (
	"flag"

	"github.com/vial-run/vial/container"
)

func deleteVerb() verb {
	return verb{
		name: "delete", args: "ID", min: 1, max: 1,
		about:   "remove a container and all that is left of it",
		example: "vial delete mycont1",
		define:  defineDelete,
	}
}

func defineDelete(fs *flag.FlagSet) action {
	var force bool
	fs.BoolVar(&force, "force", false, "kill the container first if it runs")
	fs.BoolVar(&force, "f", false, "kill the container first if it runs")
	refused := defineRegex(fs, "delete")
	return func(s *session, args []string) (int, error) {
		if err := refused(); err != nil {
			return statusError, err
		}
		mode := container.Gentle
		if force {
			mode = container.Force
		}
		return 0, s.runtime.Delete(args[0], mode)
	}
}
