package container

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vial-run/vial/internal/compile"
	"github.com/vial-run/vial/internal/launch"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// A container whose process tells a service manager that it is ready
// (sd_notify(3)) has a socket of its own for that, in its state directory, which
// is mounted in the container. What is heard there is passed on to the manager's
// socket, by who has started the container:
//
//	process ──READY=1──▶ notify/notify.sock ──▶ vial ──READY=1, MAINPID=…, BARRIER=1──▶ manager

// Names in the state directory.
const (
	notifyDir  = "notify"
	notifySock = "notify.sock"
)

// notifies tells whether there is a manager to be told. Sockets of virtual
// machines are not for containers.
func (r *Runtime) notifies() bool {
	return strings.HasPrefix(r.NotifySocket, "/") || strings.HasPrefix(r.NotifySocket, "@")
}

// notify tells the process where to say that it is ready. The config as it is
// kept, and so an exec, knows nothing of it.
func (p *prepared) notify(store state.Store) {
	p.notifyDir = store.Path(p.id) + "/" + notifyDir
	p.addEnv("NOTIFY_SOCKET=" + compile.NotifySocket)
}

// addEnv adds to the environment of the process, but not of the config as it is kept.
func (p *prepared) addEnv(env ...string) {
	spec, process := *p.config.Spec, *p.config.Spec.Process
	process.Env = append(slices.Clip(process.Env), env...)
	spec.Process = &process
	p.config.Spec = &spec
}

// A notifier hears a container and tells the manager.
type notifier struct {
	socket  int    // of the container
	manager string // address of the manager's
	warn    func(string)
}

// makeNotifyDir makes the directory for the socket, open to every user.
func makeNotifyDir(dir *state.Dir) error {
	if err := unix.Mkdirat(dir.Fd(), notifyDir, 0o755); err != nil {
		return fmt.Errorf("NOTIFY_SOCKET: mkdir %s/%s: %w", dir.Path, notifyDir, err)
	}
	if err := unix.Fchmodat(dir.Fd(), notifyDir, 0o755, 0); err != nil { // whatever the umask
		return fmt.Errorf("NOTIFY_SOCKET: chmod %s/%s: %w", dir.Path, notifyDir, err)
	}
	return nil
}

// listen makes the socket; it is nil without a manager, or without the
// directory, for a container that was created without one.
func (r *Runtime) listen(dir *state.Dir) (_ *notifier, err error) {
	if !r.notifies() || !dir.Has(notifyDir) {
		return nil, nil
	}
	n := &notifier{socket: -1, manager: r.NotifySocket, warn: r.warn}
	fd, err := unix.Openat(dir.Fd(), notifyDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		defer unix.Close(fd)
		n.socket, err = unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	}
	if err == nil {
		// A start that was killed may have left one. The address has 107 bytes,
		// the path may have more.
		_ = unix.Unlinkat(fd, notifySock, 0)
		err = unix.Bind(n.socket, &unix.SockaddrUnix{Name: fmt.Sprintf("/proc/self/fd/%d/%s", fd, notifySock)})
	}
	if err == nil {
		err = unix.Fchmodat(fd, notifySock, 0o777, 0)
	}
	if err != nil {
		n.close()
		return nil, fmt.Errorf("NOTIFY_SOCKET: make %s/%s/%s: %w", dir.Path, notifyDir, notifySock, err)
	}
	return n, nil
}

func (n *notifier) close() {
	if n == nil {
		return
	}
	closeFD(n.socket)
}

// serve hears the container until it is ready, or has ended, or a signal asks vial
// to, and then tells the manager, with mainPID for the service's process. What goes wrong is no error:
// the container runs.
func (n *notifier) serve(pidfd, mainPID int, g *guard) {
	if n == nil {
		return
	}
	line, err := n.hear(pidfd, g)
	if err == nil && line != "" {
		err = n.tell(line, "MAINPID="+strconv.Itoa(mainPID))
	}
	if err != nil {
		n.warn(fmt.Sprintf("NOTIFY_SOCKET: %v", err))
	}
}

// hear waits for the line that says READY=, which is empty if the process has
// ended before.
func (n *notifier) hear(pidfd int, g *guard) (line string, err error) {
	poll := []unix.PollFd{
		{Fd: int32(n.socket), Events: unix.POLLIN}, {Fd: int32(pidfd), Events: unix.POLLIN},
		{Fd: int32(g.Descriptor()), Events: unix.POLLIN},
	}
	buffer := make([]byte, 4096)
	for {
		_, err := unix.Poll(poll, -1)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return "", fmt.Errorf("poll: %w", err)
		case g.Asked():
			return "", g.cause(launch.ErrInterrupted)
		case poll[1].Revents != 0 && poll[0].Revents == 0:
			return "", nil
		case poll[0].Revents == 0:
			continue
		}
		// Without room for them, descriptors that came along are dropped, which
		// is all that a BARRIER=1 of the container's waits for.
		size, _, err := unix.Recvfrom(n.socket, buffer, unix.MSG_DONTWAIT)
		if err != nil && err != unix.EINTR && err != unix.EAGAIN {
			return "", fmt.Errorf("recvfrom: %w", err)
		}
		for line := range strings.Lines(string(buffer[:max(size, 0)])) {
			if strings.HasPrefix(line, "READY=") {
				return strings.TrimSpace(line), nil
			}
		}
	}
}

// barrierPatience is how long the manager may take to read what it is told.
const barrierPatience = 30 * time.Second

// tell sends lines to the manager and waits until it has read them: it may ask
// who has sent them, as long as that one lives.
func (n *notifier) tell(lines ...string) error {
	socket, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	defer unix.Close(socket)
	if err := connectUnix(socket, n.manager); err != nil {
		return fmt.Errorf("connect to %s: %w", n.manager, err)
	}
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("pipe2: %w", err)
	}
	defer unix.Close(ends[0])
	for _, line := range lines {
		if err == nil {
			err = unix.Sendmsg(socket, []byte(line), nil, nil, unix.MSG_NOSIGNAL)
		}
	}
	if err == nil {
		err = unix.Sendmsg(socket, []byte("BARRIER=1"), unix.UnixRights(ends[1]), nil, unix.MSG_NOSIGNAL)
	}
	unix.Close(ends[1])
	if err != nil {
		return fmt.Errorf("tell %s: %w", n.manager, err)
	}
	return closed(ends[0], time.Now().Add(barrierPatience))
}

// closed waits until the other end of a pipe is closed.
func closed(fd int, deadline time.Time) error {
	poll := []unix.PollFd{{Fd: int32(fd)}} // POLLHUP is always asked for
	for {
		n, err := unix.Poll(poll, int(max(0, time.Until(deadline).Milliseconds())))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return fmt.Errorf("poll: %w", err)
		case n == 0:
			return fmt.Errorf("the service manager did not take note in %v: %w", barrierPatience, os.ErrDeadlineExceeded)
		default:
			return nil
		}
	}
}
