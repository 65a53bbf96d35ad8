package main

import (
	"os"
	"os/signal"
	"strconv"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

func signalWaitAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals)
	writeAll(1, []byte("ready\n"))
	for s := range signals {
		number, ok := s.(unix.Signal)
		if !ok || number == unix.SIGURG {
			continue // Go's own
		}
		name := unix.SignalName(number)
		if name == "" {
			name = strconv.Itoa(int(number))
		}
		writeAll(1, []byte(name+"\n"))
		return nil
	}
	return nil
}

func killAct(p *probe, _ *report.Act, a []string) error {
	p.print()
	return unix.Kill(unix.Getpid(), unix.SignalNum(a[0]))
}
