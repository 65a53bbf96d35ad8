// Command printme prints the hostname: all that the rootfs of the first
// container in the README holds.
package main

import (
	"fmt"
	"os"
)

func main() {
	name, err := os.Hostname()
	if err != nil {
		fmt.Fprintln(os.Stderr, "printme:", err)
		os.Exit(1)
	}
	fmt.Println(name)
}
