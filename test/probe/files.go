package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// readLimit is how much of a file the probe takes in.
const readLimit = 1 << 20

func readFile(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return readAll(fd)
}

func readAll(fd int) (string, error) {
	var text []byte
	buffer := make([]byte, 32<<10)
	for len(text) < readLimit {
		n, err := unix.Read(fd, buffer)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return string(text), err
		}
		if n == 0 {
			break
		}
		text = append(text, buffer[:n]...)
	}
	return string(text), nil
}

func readText(path string) string {
	text, err := readFile(path)
	if err != nil {
		return ""
	}
	return text
}

func readlink(path string) string {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlink(path, buffer)
	if err != nil {
		return ""
	}
	return string(buffer[:n])
}

func fileType(mode uint32) string {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return "file"
	case unix.S_IFDIR:
		return "directory"
	case unix.S_IFLNK:
		return "link"
	case unix.S_IFCHR:
		return "char"
	case unix.S_IFBLK:
		return "block"
	case unix.S_IFIFO:
		return "fifo"
	case unix.S_IFSOCK:
		return "socket"
	}
	return "unknown"
}

func statAct(_ *probe, r *report.Act, a []string) error { return stat(r, a[0], 0) }
func lstatAct(_ *probe, r *report.Act, a []string) error {
	return stat(r, a[0], unix.AT_SYMLINK_NOFOLLOW)
}

func stat(r *report.Act, path string, flags int) error {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, flags, unix.STATX_BASIC_STATS|unix.STATX_MNT_ID, &st); err != nil {
		return err
	}
	r.File = &report.File{
		Type: fileType(uint32(st.Mode)), Mode: uint32(st.Mode) &^ unix.S_IFMT,
		Major: st.Rdev_major, Minor: st.Rdev_minor, UID: st.Uid, GID: st.Gid,
		Size: int64(st.Size), Links: uint64(st.Nlink), Inode: st.Ino, Mount: st.Mnt_id,
		Device: unix.Mkdev(st.Dev_major, st.Dev_minor),
	}
	// O_PATH, for statfs(2) would follow a link.
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|map[bool]int{true: unix.O_NOFOLLOW}[flags != 0], 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) == nil {
		r.File.Filesystem, r.File.Flags = int64(fs.Type), int64(fs.Flags)
	}
	return nil
}

func readlinkAct(_ *probe, r *report.Act, a []string) error {
	buffer := make([]byte, unix.PathMax)
	n, err := unix.Readlink(a[0], buffer)
	if err != nil {
		return err
	}
	r.Text = string(buffer[:n])
	return nil
}

func readAct(_ *probe, r *report.Act, a []string) (err error) {
	r.Text, err = readFile(a[0])
	return err
}

func lsAct(_ *probe, r *report.Act, a []string) error {
	fd, err := unix.Open(a[0], unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	buffer := make([]byte, 32<<10)
	for {
		n, err := unix.ReadDirent(fd, buffer)
		if err != nil {
			return err
		}
		if n == 0 {
			slices.Sort(r.Names)
			return nil
		}
		_, _, r.Names = unix.ParseDirent(buffer[:n], -1, r.Names)
	}
}

var openModes = map[string]int{
	"r": unix.O_RDONLY, "w": unix.O_WRONLY, "rw": unix.O_RDWR,
	"path": unix.O_PATH, "trunc": unix.O_WRONLY | unix.O_TRUNC,
}

func open(path, mode string) (int, error) {
	flags, ok := openModes[mode]
	if !ok {
		return -1, fmt.Errorf("%s: no such mode", mode)
	}
	return unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
}

func openAct(_ *probe, _ *report.Act, a []string) error {
	fd, err := open(a[0], a[1])
	if err == nil {
		unix.Close(fd)
	}
	return err
}

// openDeviceAct uses a device: what denies it may do so at the open already.
func openDeviceAct(_ *probe, _ *report.Act, a []string) error {
	fd, err := open(a[0], a[1])
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	one := []byte{0}
	if strings.HasPrefix(a[1], "r") {
		_, err = unix.Read(fd, one)
	}
	if err == nil && strings.HasSuffix(a[1], "w") {
		_, err = unix.Write(fd, one)
	}
	return err
}

func writeAct(_ *probe, _ *report.Act, a []string) error {
	return write(a[0], a[1], unix.O_WRONLY|unix.O_CREAT)
}

func setAct(_ *probe, _ *report.Act, a []string) error { return write(a[0], a[1], unix.O_WRONLY) }

func write(path, text string, flags int) error {
	fd, err := unix.Open(path, flags|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0o666)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, []byte(text))
	return err
}

func mkdirAct(_ *probe, _ *report.Act, a []string) error   { return unix.Mkdir(a[0], 0o777) }
func unlinkAct(_ *probe, _ *report.Act, a []string) error  { return unix.Unlink(a[0]) }
func rmdirAct(_ *probe, _ *report.Act, a []string) error   { return unix.Rmdir(a[0]) }
func symlinkAct(_ *probe, _ *report.Act, a []string) error { return unix.Symlink(a[0], a[1]) }

func chmodAct(_ *probe, _ *report.Act, a []string) error {
	mode, err := strconv.ParseUint(a[1], 8, 32)
	if err != nil {
		return err
	}
	return unix.Chmod(a[0], uint32(mode))
}

var nodeTypes = map[string]uint32{"c": unix.S_IFCHR, "b": unix.S_IFBLK, "p": unix.S_IFIFO}

func mknodAct(_ *probe, _ *report.Act, a []string) error {
	kind, ok := nodeTypes[a[1]]
	if !ok {
		return fmt.Errorf("%s: no such type of node", a[1])
	}
	major, err := strconv.ParseUint(a[2], 10, 32)
	if err != nil {
		return err
	}
	minor, err := strconv.ParseUint(a[3], 10, 32)
	if err != nil {
		return err
	}
	return unix.Mknod(a[0], kind|0o666, int(unix.Mkdev(uint32(major), uint32(minor))))
}
