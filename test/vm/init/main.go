// Command init is the first program of a test machine, and runs the tests in it.
//
// As process 1 it loads drivers, makes a root, and either does it all itself, or,
// where there is a disk, hands over to the system on it, which runs "init run".
// It prints what the tests print to the second serial port, between marks that
// test/vm takes apart.
package main

import (
	"fmt"
	"os"
	"strings"
)

func main() {
	var err error
	switch {
	case os.Getpid() == 1:
		err = first()
	case len(os.Args) == 2 && os.Args[1] == "run":
		err = runTests("/run/vial-test-settings")
	default:
		err = fmt.Errorf("usage: init run, or as process 1")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "init:", err)
	}
	if os.Getpid() == 1 {
		powerOff()
	}
	if err != nil {
		os.Exit(1)
	}
}

// argument is the value of an argument of the kernel's.
func argument(name string) string {
	text, _ := os.ReadFile("/proc/cmdline")
	for word := range strings.FieldsSeq(string(text)) {
		if value, ok := strings.CutPrefix(word, name+"="); ok {
			return value
		}
	}
	return ""
}
