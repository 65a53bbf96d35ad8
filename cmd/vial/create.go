package main

import (
	"flag"
	"os"
	"strconv"

	"github.com/vial-run/vial/container"
)

func createVerb() verb {
	return verb{
		name: "create", args: "ID", min: 1, max: 1,
		about:   "make a container, and leave its process waiting for start",
		example: "cd mybundle && vial create mycont1",
		define:  defineCreate,
	}
}

func defineCreate(fs *flag.FlagSet) action {
	bundle := defineBundle(fs)
	fs.Bool("no-subreaper", false, "accepted without effect: for run only")
	return func(s *session, args []string) (int, error) {
		o, err := bundle.options(s)
		if err != nil {
			return statusError, err
		}
		if o.Signals, err = catchInterrupts(); err != nil {
			return statusError, err
		}
		return 0, s.runtime.Create(args[0], o)
	}
}

// bundleFlags are those that create and run share.
type bundleFlags struct {
	bundle, config, pidFile    string
	consoleSocket, pidfdSocket string
	noPivot, noKeyring         bool
	preserveFDs                int
}

func defineBundle(fs *flag.FlagSet) *bundleFlags {
	b := &bundleFlags{}
	fs.StringVar(&b.bundle, "bundle", "", "`DIR` of the bundle (default: the working directory)")
	fs.StringVar(&b.bundle, "b", "", "`DIR` of the bundle (default: the working directory)")
	fs.StringVar(&b.config, "config", "config.json", "`FILE` to read the config from")
	fs.StringVar(&b.config, "f", "config.json", "`FILE` to read the config from")
	fs.StringVar(&b.pidFile, "pid-file", "", "write the pid of the container's first process to `FILE`")
	fs.StringVar(&b.consoleSocket, "console-socket", "", "send the process's terminal to the socket `PATH`")
	fs.StringVar(&b.pidfdSocket, "pidfd-socket", "", "send a pidfd to the socket `PATH`")
	fs.BoolVar(&b.noPivot, "no-pivot", false, "for hosts on a ramfs: move the rootfs over the root, do not swap them")
	fs.BoolVar(&b.noKeyring, "no-new-keyring", false, "keep the caller's session keyring")
	fs.IntVar(&b.preserveFDs, "preserve-fds", 0, "pass `N` more descriptors on, from 3 on")
	return b
}

func (b *bundleFlags) options(s *session) (container.Options, error) {
	o := container.Options{Bundle: b.bundle, ConfigFile: b.config, PidFile: b.pidFile, PidfdSocket: b.pidfdSocket,
		ConsoleOptions: container.ConsoleOptions{ConsoleSocket: b.consoleSocket},
		PreserveFDs:    b.preserveFDs, ListenFDs: listenFDs(os.Getenv, os.Getpid()), Cgroups: s.cgroups(), Warn: s.log.warn}
	if b.noPivot {
		o.Root = container.MoveRoot
	}
	if b.noKeyring {
		o.Keyring = container.CallersKeyring
	}
	return o, nil
}

// listenFDs is how many sockets the caller has handed over for activation. They
// are meant for vial if LISTEN_PID says so, or says nothing.
func listenFDs(getenv func(string) string, pid int) int {
	if p := getenv("LISTEN_PID"); p != "" && p != strconv.Itoa(pid) {
		return 0
	}
	n, err := strconv.Atoi(getenv("LISTEN_FDS"))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
