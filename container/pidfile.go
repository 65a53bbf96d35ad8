package container

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// writePidFile writes the digits of pid and nothing else, since callers
// convert them as they are. Who reads the file finds it whole or not at all,
// and a link in its place is replaced, never followed.
func writePidFile(path string, pid int) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write the pid file %s: %w", path, err)
	}
	_, err = f.WriteString(strconv.Itoa(pid))
	if err == nil {
		err = f.Chmod(0o644)
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write the pid file %s: %w", path, err)
	}
	return nil
}
