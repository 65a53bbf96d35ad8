package bed

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A Socket is where vial is to send a descriptor.
type Socket struct {
	Path string
	b    *Bundle
	fd   int
}

// Listen makes a socket at a path on the host, and the directories above it. The
// path may be longer than a socket's address.
func (b *Bundle) Listen(path string) *Socket {
	b.T.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	b.Must(err)
	b.T.Cleanup(func() { unix.Close(fd) })
	dir, err := unix.Open(b.Mkdir(filepath.Dir(path)), unix.O_PATH|unix.O_CLOEXEC, 0)
	b.Must(err)
	defer unix.Close(dir)
	b.Must(unix.Bind(fd, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", dir, filepath.Base(path))}))
	b.Must(unix.Listen(fd, 5))
	return &Socket{path, b, fd}
}

// Receive is what has been sent: one message of one descriptor and some text, as
// go-runc and conmon want it.
func (s *Socket) Receive() (text string, f *os.File) {
	s.b.T.Helper()
	poll := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}}
	if n, err := unix.Poll(poll, 0); n != 1 {
		s.b.T.Fatalf("vial has returned, and nobody has connected to %s (%v)", s.Path, err)
	}
	conn, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
	s.b.Must(err)
	defer unix.Close(conn)
	room, control := make([]byte, 4096), make([]byte, 256)
	n, oob, flags, _, err := unix.Recvmsg(conn, room, control, unix.MSG_CMSG_CLOEXEC)
	s.b.Must(err)
	parts, err := unix.ParseSocketControlMessage(control[:oob])
	s.b.Must(err)
	if n < 1 || n > 4095 || len(parts) != 1 || flags&unix.MSG_CTRUNC != 0 {
		s.b.T.Fatalf("%d bytes and %d control messages", n, len(parts))
	}
	fds, err := unix.ParseUnixRights(&parts[0])
	s.b.Must(err)
	if len(fds) != 1 {
		s.b.T.Fatalf("%d descriptors", len(fds))
	}
	if more, err := unix.Read(conn, control); more != 0 || err != nil {
		s.b.T.Errorf("there is more: %d bytes, %v", more, err)
	}
	f = os.NewFile(uintptr(fds[0]), "received")
	s.b.T.Cleanup(func() { f.Close() })
	return string(room[:n]), f
}
