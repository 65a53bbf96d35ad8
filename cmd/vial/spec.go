package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"github.com/vial-run/vial/container"
)

func specVerb() verb {
	return verb{
		name: "spec", args: "[--] [COMMAND…]", max: -1,
		about:   "write a config.json to begin with",
		example: "vial spec -- /bin/sh -c 'echo hello'",
		define:  defineSpec,
	}
}

func defineSpec(fs *flag.FlagSet) action {
	var bundle, file string
	var rootless bool
	fs.StringVar(&bundle, "bundle", "", "write into the bundle `DIR`")
	fs.StringVar(&bundle, "b", "", "write into the bundle `DIR`")
	fs.StringVar(&file, "file", "config.json", "write to `FILE`")
	fs.StringVar(&file, "f", "config.json", "write to `FILE`")
	fs.BoolVar(&rootless, "rootless", false, "for an unprivileged user (not yet)")
	return func(_ *session, args []string) (int, error) {
		if rootless {
			return statusError, errors.New("spec: --rootless: not supported yet")
		}
		return 0, writeSpec(filepath.Join(bundle, file), args)
	}
}

// writeSpec writes the default config. With a command it is for that command,
// without a terminal.
func writeSpec(path string, args []string) error {
	spec, err := container.DefaultSpec()
	if err != nil {
		return err
	}
	if len(args) > 0 {
		spec.Process.Args = args
		spec.Process.Terminal = false
	}
	text, err := container.EncodeSpec(spec)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("spec: File %s exists. Remove it first", path)
	}
	if err != nil {
		return fmt.Errorf("spec: %w", err)
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("spec: %w", err)
	}
	return nil
}
