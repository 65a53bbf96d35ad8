package container

import (
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// checkPreserved sees to it that n descriptors from 3 on are there to be handed
// on. One that closes on execve was not meant for anybody else: vial's own are
// such, and could stand where the caller has left a gap.
func checkPreserved(n int) error {
	if n < 0 {
		return fmt.Errorf("preserve-fds: %d is no number of descriptors", n)
	}
	for fd := 3; fd < 3+n; fd++ {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err == nil && flags&unix.FD_CLOEXEC != 0 {
			err = unix.EBADF
		}
		if err != nil {
			return fmt.Errorf("unable to stat preserved-fd %d (of %d): %w", fd-3, n, err)
		}
	}
	return nil
}

func (o Options) preserved() int { return o.ListenFDs + o.PreserveFDs }

// activate tells the process of the sockets that it is given (sd_listen_fds(3)).
// The config as it is kept, and so an exec, knows nothing of them.
func (p *prepared) activate() {
	if p.options.ListenFDs <= 0 {
		return
	}
	p.addEnv("LISTEN_FDS="+strconv.Itoa(p.options.ListenFDs), "LISTEN_PID=1")
}
