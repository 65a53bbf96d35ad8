package main

import (
	"flag"
	"fmt"

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
	return func(s *session, args []string) (int, error) {
		o, err := bundle.options(s)
		if err != nil {
			return statusError, err
		}
		return 0, s.runtime.Create(args[0], o)
	}
}

// bundleFlags are those that create and run share.
type bundleFlags struct {
	bundle, config, pidFile      string
	consoleSocket, pidfdSocket   string
	noPivot, noKeyring, noReaper bool
	preserveFDs                  int
}

func defineBundle(fs *flag.FlagSet) *bundleFlags {
	b := &bundleFlags{}
	fs.StringVar(&b.bundle, "bundle", "", "`DIR` of the bundle (default: the working directory)")
	fs.StringVar(&b.bundle, "b", "", "`DIR` of the bundle (default: the working directory)")
	fs.StringVar(&b.config, "config", "config.json", "`FILE` to read the config from")
	fs.StringVar(&b.config, "f", "config.json", "`FILE` to read the config from")
	fs.StringVar(&b.pidFile, "pid-file", "", "write the pid of the container's first process to `FILE`")
	fs.StringVar(&b.consoleSocket, "console-socket", "", "send the terminal to the socket `PATH` (not yet)")
	fs.StringVar(&b.pidfdSocket, "pidfd-socket", "", "send a pidfd to the socket `PATH` (not yet)")
	fs.BoolVar(&b.noPivot, "no-pivot", false, "do not use pivot_root (not yet)")
	fs.BoolVar(&b.noKeyring, "no-new-keyring", false, "keep the caller's session keyring")
	fs.BoolVar(&b.noReaper, "no-subreaper", false, "accepted: vial never makes itself a subreaper")
	fs.IntVar(&b.preserveFDs, "preserve-fds", 0, "pass `N` more descriptors on (not yet)")
	return b
}

func (b *bundleFlags) options(s *session) (container.Options, error) {
	for _, later := range []struct {
		given bool
		flag  string
	}{
		{b.consoleSocket != "", "console-socket"}, {b.pidfdSocket != "", "pidfd-socket"},
		{b.noPivot, "no-pivot"}, {b.preserveFDs != 0, "preserve-fds"},
	} {
		if later.given {
			return container.Options{}, fmt.Errorf("--%s: not supported yet", later.flag)
		}
	}
	o := container.Options{Bundle: b.bundle, ConfigFile: b.config, PidFile: b.pidFile, Warn: s.log.warn, Debug: s.log.debug}
	if b.noKeyring {
		o.Keyring = container.CallersKeyring
	}
	return o, nil
}
