package main

import (
	"github.com/vial-run/vial/container"
	"golang.org/x/sys/unix"
)

// catchInterrupts is for commands that leave a container to itself: these signals
// undo what they have made.
func catchInterrupts() (*container.Signals, error) {
	return container.CatchSignals(unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
}

// catchAll is for commands that stay with a process: it is to get the signals. But
// those that stop a job in the background which reaches for the terminal stop vial,
// so that the shell can bring it to the foreground: caught, they would come again
// without end. SIGKILL and SIGSTOP cannot be caught; with SIGURG Go wakes its
// threads, and SIGCHLD and SIGPIPE are about vial's own children and pipes.
func catchAll() (*container.Signals, error) {
	const last = 64 // _NSIG, on every CPU that vial is for
	var all []unix.Signal
	for s := unix.Signal(1); s <= last; s++ {
		switch s {
		case unix.SIGTTIN, unix.SIGTTOU, unix.SIGKILL, unix.SIGSTOP, unix.SIGURG, unix.SIGCHLD, unix.SIGPIPE:
		default:
			all = append(all, s)
		}
	}
	return container.CatchSignals(all...)
}
