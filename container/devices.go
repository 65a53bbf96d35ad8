package container

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// mayCover looks at what is in the rootfs at the place of a device from
// linux.devices: the same device, or an empty file such as vial makes itself to
// mount a device on. Anything else the spec calls an error (config-linux.md,
// devices): the config would hide something of the image's.
func mayCover(there, device int) error {
	var is, want unix.Stat_t
	if err := errors.Join(unix.Fstat(there, &is), unix.Fstat(device, &want)); err != nil {
		return fmt.Errorf("fstat: %w", err)
	}
	kind := is.Mode & unix.S_IFMT
	switch {
	case kind == want.Mode&unix.S_IFMT && is.Rdev == want.Rdev:
	case kind == unix.S_IFREG && is.Size == 0:
	default:
		return errors.New("another file is there already")
	}
	return nil
}
