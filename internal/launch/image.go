package launch

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// seals make a memfd's content final: what /proc/<pid>/exe leads to can be
// read, and never be changed (CVE-2019-5736).
const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE

// openImage puts the image into a sealed memfd, or where the host denies
// executable ones (vm.memfd_noexec=2) into a file without a name in dir. The
// descriptor's number is least or more, out of the way of fork and exec.
func openImage(image []byte, dir string, least int) (int, error) {
	fd, err := unix.MemfdCreate("vial", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) {
		// MFD_EXEC came with Linux 6.3; before, every memfd is executable.
		fd, err = unix.MemfdCreate("vial", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if errors.Is(err, unix.EACCES) {
		return openImageFile(image, dir, least)
	}
	if err != nil {
		return -1, fmt.Errorf("make a memfd for the program: memfd_create: %w", err)
	}
	defer func() { unix.Close(fd) }()
	if err := writeAll(fd, image); err != nil {
		return -1, fmt.Errorf("write the program: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return -1, fmt.Errorf("seal the program: fcntl: %w", err)
	}
	return moveUp(fd, least)
}

// openImageFile is openImage on a file. It is opened again for reading, since
// the kernel executes no file that is open for writing (ETXTBSY).
func openImageFile(image []byte, dir string, least int) (int, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o500)
	if err != nil {
		return -1, fmt.Errorf("make a file for the program in %s, since vm.memfd_noexec denies a memfd: %w", dir, err)
	}
	err = writeAll(fd, image)
	readonly := -1
	if err == nil {
		readonly, err = unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	unix.Close(fd)
	if err != nil {
		return -1, fmt.Errorf("write the program in %s: %w", dir, err)
	}
	defer unix.Close(readonly)
	return moveUp(readonly, least)
}

func moveUp(fd, least int) (int, error) {
	high, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, least)
	if errors.Is(err, unix.EINVAL) {
		err = unix.EMFILE // least lies beyond RLIMIT_NOFILE
	}
	if err != nil {
		return -1, fmt.Errorf("open the program: fcntl: %w", err)
	}
	return high, nil
}

func writeAll(fd int, b []byte) error {
	for len(b) > 0 {
		n, err := unix.Write(fd, b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
