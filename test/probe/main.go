//go:debug containermaxprocs=0

// Probe is the program that the tests run inside a container. It prints as JSON
// what it sees there and what it was allowed to do.
//
//	probe ACT [ARGUMENT…] [ACT [ARGUMENT…]]…
//
// What comes in: acts, each a word with a fixed number of arguments, done in
// order; without any, "report". What goes out: one report.Report on standard
// output, printed at the end or when an act ends the probe. An act that fails is
// part of the report and stops nothing.
//
// The probe needs nothing of its surroundings: it is static, reads no file it
// was not told to read but its own entries in /proc, and works without /proc. It
// opens files by system calls only, so that Go's poller makes no descriptors
// that would show up in the report; and Go must not keep the limits of its
// cgroup open (the line above).
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

func main() {
	p := &probe{descriptors: openDescriptors()}
	words := os.Args[min(1, len(os.Args)):]
	if len(words) == 0 {
		words = []string{"report"}
	}
	for len(words) > 0 {
		a, known := acts[words[0]]
		if !known || len(words) <= a.arguments {
			fmt.Fprintf(os.Stderr, "probe: %q: no such act, or too few arguments\n", words)
			os.Exit(2)
		}
		p.do(a, words[:a.arguments+1], words[a.arguments+1:])
		words = words[a.arguments+1:]
	}
	p.print()
}

// A probe is one run.
type probe struct {
	descriptors map[int]string
	out         report.Report
	rest        []string // the words after the act at hand
	strict      bool     // an act that fails is the last one
}

// do tries one act. That it is silent means that it has nothing to report.
func (p *probe) do(a act, words, rest []string) {
	p.rest = rest
	r := report.Act{Do: words}
	err := a.do(p, &r, words[1:])
	if err != nil {
		r.Errno = errnoName(err)
	}
	if !a.silent || err != nil {
		p.out.Acts = append(p.out.Acts, r)
	}
	if err != nil && p.strict {
		p.print()
		os.Exit(1)
	}
}

func errnoName(err error) string {
	if errno, ok := err.(unix.Errno); ok {
		if name := unix.ErrnoName(errno); name != "" {
			return name
		}
	}
	return err.Error()
}

func (p *probe) print() {
	if p.out.Process == nil && len(p.out.Acts) == 0 {
		return
	}
	text, err := json.Marshal(p.out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(2)
	}
	writeAll(1, append(text, '\n'))
	p.out = report.Report{}
}

func writeAll(fd int, text []byte) {
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			os.Exit(2)
		}
		text = text[n:]
	}
}
