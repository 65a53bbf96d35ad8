package state

import (
	"fmt"
	"strconv"
)

// maxID leaves room in a file name of 255 bytes for what is put around an id,
// such as a systemd scope's prefix and suffix.
const maxID = 240

// CheckID tells whether id can be a container's id: letters, digits, `_`, `+`,
// `-` and `.`, but no `.` in front, so it is never "." or ".." or a hidden file.
// It runs before the id becomes part of any path.
func CheckID(id string) error {
	switch {
	case id == "":
		return ErrEmptyID
	case len(id) > maxID:
		return fmt.Errorf("%w: it has %d characters, and %d are the most", ErrID, len(id), maxID)
	case id[0] == '.':
		return fmt.Errorf("%w: %s starts with a dot", ErrID, strconv.Quote(id))
	}
	for i := range len(id) {
		if !idByte(id[i]) {
			return fmt.Errorf("%w: %s has a character outside A-Z a-z 0-9 _.+-", ErrID, strconv.Quote(id))
		}
	}
	return nil
}

func idByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '_' || c == '+' || c == '-' || c == '.'
}
