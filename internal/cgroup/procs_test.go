package cgroup

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestNamesOfARemoved: a cgroup may go between open(2) and getdents64(2).
func TestNamesOfARemoved(t *testing.T) {
	dir := t.TempDir() + "/cgroup"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	fd, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	names, err := readNames(fd)
	if len(names) > 0 || err != nil {
		t.Errorf("%q, %v", names, err)
	}
}
