package cgroup

import (
	"strings"

	"golang.org/x/sys/unix"
)

// The files that say whether a cgroup itself was told to freeze, whatever those
// above it were told.
const (
	freezeFile       = "cgroup.freeze"
	selfFreezingFile = "freezer.self_freezing"
)

// Frozen tells whether the container is paused.
func Frozen(paths map[string]string) (bool, error) {
	if dir, ok := paths["freezer"]; ok {
		return frozenBy(dir, selfFreezingFile)
	}
	if dir, ok := paths[""]; ok {
		return frozenBy(dir, freezeFile)
	}
	return false, nil
}

func frozenBy(dir, file string) (bool, error) {
	text, err := readFile(dir + "/" + file)
	if gone(err) {
		return false, nil
	}
	return strings.TrimSpace(text) == "1", err
}

// freezeV1 asks a v1 freezer to stop the container, or lets it go on. It does
// not wait until all is frozen: what still runs may fork until it gets there, but
// its children are told to freeze too, so it comes to an end.
func freezeV1(dir, state string) error {
	err := writeFile(dir+"/freezer.state", state)
	if gone(err) {
		return unix.ENOENT
	}
	return err
}
