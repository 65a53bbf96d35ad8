// Dump writes the interpreter of the CPU that it was built for to standard
// output, for tests that run on another one.
package main

import (
	"os"

	"github.com/vial-run/vial/internal/image"
)

func main() {
	code, err := image.Interpreter()
	if err == nil {
		_, err = os.Stdout.Write(code)
	}
	if err != nil {
		println("dump:", err.Error())
		os.Exit(1)
	}
}
