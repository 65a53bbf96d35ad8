package launch

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Namespaces are some of a program's, made ahead by a thread of vial's while vial
// still finds out what the program is: a network namespace takes the kernel longer
// than all the others together. Whoever is started on the
// thread has them. Until then the host knows them by the thread alone, and they go
// with it when nobody is. The nil Namespaces are none.
type Namespaces struct {
	starts chan func(made uint64) error
	errs   chan error
}

// ahead are the namespaces that can be first. Those of processes and cgroups begin
// with the program.
const ahead = unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWNS

// MakeNamespaces begins to make the container's own. It is nil when none of them is
// slow, or they cannot be first: those of a user namespace belong to it, and with a
// time namespace it is stage 0 that makes them.
func MakeNamespaces(own uint64) *Namespaces {
	if own&unix.CLONE_NEWNET == 0 || own&(unix.CLONE_NEWUSER|unix.CLONE_NEWTIME) != 0 {
		return nil
	}
	n := &Namespaces{starts: make(chan func(uint64) error, 1), errs: make(chan error, 1)}
	go n.serve(own & ahead)
	// Another thread takes the goroutine made last only once it has slept for some
	// 60 us, in case this thread comes to it at once (runtime.runqgrab, Go 1.26).
	go func() {}()
	return n
}

// serve is the thread. It is never unlocked, since it is of no use to anybody
// else, and ends with the function. The process's main thread could not end (Go
// parks it instead), and what it is in would live on with it.
func (n *Namespaces) serve(flags uint64) {
	runtime.LockOSThread()
	if unix.Gettid() == unix.Getpid() {
		runtime.UnlockOSThread()
		flags = 0
	} else if unix.Unshare(int(flags)) != nil {
		flags = 0 // clone3 makes them then, or says what is in the way
	}
	for start := range n.starts {
		n.errs <- start(flags)
	}
}

// use has start called on the thread, which has made these namespaces, and waits
// for what it says when wait is called.
func (n *Namespaces) use(start func(made uint64) error) (wait func() error) {
	if n == nil {
		err := start(0)
		return func() error { return err }
	}
	n.starts <- start
	return func() error { return <-n.errs }
}

// Leave ends the thread. Nothing may be started on it any more.
func (n *Namespaces) Leave() {
	if n != nil {
		close(n.starts)
	}
}
