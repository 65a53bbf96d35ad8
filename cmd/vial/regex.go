package main

import (
	"flag"
	"fmt"
)

// defineRegex defines a flag of crun's that vial refuses: package regexp would
// be the largest thing in the binary, for what grep does.
func defineRegex(fs *flag.FlagSet, verb string) (refused func() error) {
	var regex bool
	for _, name := range []string{"regex", "r"} {
		fs.BoolVar(&regex, name, false, "refused: name each container, for there are no regular expressions")
	}
	return func() error {
		if !regex {
			return nil
		}
		return fmt.Errorf("%s: --regex (-r): not supported: name each container, as in: vial list -q | grep EXPRESSION | xargs -n 1 vial %s", verb, verb)
	}
}
