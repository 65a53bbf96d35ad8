package main

import (
	"errors"
	"flag"
	"path/filepath"

	"github.com/vial-run/vial/container"
)

func runVerb() verb {
	return verb{
		name: "run", args: "ID [-- COMMAND…]", min: 1, max: -1,
		about:   "create and start a container, and wait for its end",
		example: "vial run mycont1\nvial run --rootfs ./rootfs mycont1 -- /bin/sh -c 'echo hello'",
		define:  defineRun,
	}
}

func defineRun(fs *flag.FlagSet) action {
	bundle := defineBundle(fs)
	var detach, keep, noReaper bool
	var rootfs string
	fs.BoolVar(&detach, "detach", false, "return once the process has started")
	fs.BoolVar(&detach, "d", false, "return once the process has started")
	fs.BoolVar(&keep, "keep", false, "keep the container's state and cgroup when it has ended")
	fs.BoolVar(&noReaper, "no-subreaper", false, "do not reap the orphans of a container without a pid namespace")
	fs.StringVar(&rootfs, "rootfs", "", "run COMMAND in the folder `DIR`, from the default config")
	return func(s *session, args []string) (int, error) {
		o, err := bundle.options(s)
		if err != nil {
			return statusError, err
		}
		if err := plainFolder(&o, rootfs, args[1:]); err != nil {
			return statusError, err
		}
		if detach {
			if o.Signals, err = catchInterrupts(); err != nil {
				return statusError, err
			}
			return 0, s.runtime.RunDetached(args[0], o)
		}
		if o.Signals, err = catchAll(); err != nil {
			return statusError, err
		}
		run := container.RunOptions{Options: o}
		if !noReaper {
			run.Orphans = container.ReapOrphans
		}
		if keep {
			run.Afterlife = container.Keep
		}
		return s.runtime.Run(args[0], run)
	}
}

// plainFolder makes the config for a command in a folder.
func plainFolder(o *container.Options, rootfs string, command []string) error {
	if rootfs == "" {
		if len(command) > 0 {
			return errors.New(`run: a command is taken with --rootfs only: "run" requires exactly 1 argument(s)`)
		}
		return nil
	}
	if len(command) == 0 {
		return errors.New("run: --rootfs needs a command: vial run --rootfs DIR ID -- COMMAND")
	}
	spec, err := container.DefaultSpec()
	if err != nil {
		return err
	}
	if spec.Root.Path, err = filepath.Abs(rootfs); err != nil {
		return err
	}
	spec.Process.Args, spec.Process.Terminal = command, false
	o.Spec = spec
	return nil
}
