package container

import (
	"io"
	"strings"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// passwdLimit is how much of a container's /etc/passwd is read, in bytes: the
// file is the image author's, and may be anything.
const passwdLimit = 10 << 20

// homeAnswer is the home directory of uid in the passwd file that fd is open
// on, with the NUL that ends a C string; "/" if it cannot be told. The file is
// the container's, so whatever is wrong with it is no error of vial's.
func homeAnswer(fd int, uid uint32) []byte {
	return append([]byte(homeOf(fd, uid)), 0)
}

func homeOf(fd int, uid uint32) string {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size > passwdLimit {
		return "/"
	}
	if st.Size == 0 {
		// So are most files of procfs, where a link of the image's may lead. To
		// read /proc/kmsg would wait, and take from the host's log.
		return "/"
	}
	file := io.NewSectionReader(descriptor(fd), 0, st.Size)
	users, err := user.ParsePasswdFilter(file, func(u user.User) bool { return u.Uid == int(uid) })
	if err != nil || len(users) == 0 {
		return "/"
	}
	home := users[0].Home
	if home == "" || len(home) >= unix.PathMax || strings.ContainsAny(home, "\x00\n\r") {
		return "/"
	}
	return home
}

// A descriptor is read without the Go runtime's poller, which would wait for a
// file that has nothing to say.
type descriptor int

func (d descriptor) ReadAt(p []byte, off int64) (int, error) {
	for {
		n, err := unix.Pread(int(d), p, off)
		switch {
		case err == unix.EINTR:
			continue
		case err == nil && n == 0:
			return 0, io.EOF
		}
		return max(n, 0), err
	}
}
