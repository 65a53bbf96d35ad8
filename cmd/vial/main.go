// Command vial runs OCI containers.
//
// There is one file for each verb, and one table of them (verbs.go). A verb
// defines its flags and is an action; the action calls package container and
// prints what comes back. How anything is printed, and what the exit status
// is, is decided in ui.go. main is the only place that exits.
//
//go:debug containermaxprocs=0
//go:debug updatemaxprocs=0
package main

import "os"

func main() {
	deepen()
	calmMonitor()
	os.Exit(vial(os.Args[1:], os.Stdout, os.Stderr))
}
