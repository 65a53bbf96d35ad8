package container

import (
	"os"
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
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return "/"
	}
	f := os.NewFile(uintptr(dup), "passwd")
	defer f.Close()
	users, err := user.ParsePasswdFilter(f, func(u user.User) bool { return u.Uid == int(uid) })
	if err != nil || len(users) == 0 {
		return "/"
	}
	home := users[0].Home
	if home == "" || len(home) >= unix.PathMax || strings.ContainsAny(home, "\x00\n\r") {
		return "/"
	}
	return home
}
