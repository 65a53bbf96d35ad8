package container

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// modeAnswer is the mode of what fd is open on, in octal digits with the NUL that
// ends a C string.
func modeAnswer(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("fstat: %w", err)
	}
	return fmt.Appendf(nil, "%o\x00", st.Mode&^unix.S_IFMT), nil
}
