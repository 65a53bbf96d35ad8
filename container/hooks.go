package container

import (
	"fmt"
	"os"
	"time"

	"github.com/vial-run/vial/internal/config"
	"github.com/vial-run/vial/internal/launch"
	"golang.org/x/sys/unix"
)

// hooks are those of one moment of a container's life.
type hooks struct {
	name  string
	list  []config.Hook
	state []byte // the container's, which each finds on its standard input
	debug debugger
	guard *guard // ends the wait for a hook; nil for none
	// start begins a hook with stdin; nil is for one in vial's own namespaces.
	start func(hook *config.Hook, stdin *os.File) (*launch.Child, error)
}

// run runs the hooks in order, up to the first that fails.
func (h hooks) run() error {
	for i := range h.list {
		if err := h.one(i); err != nil {
			return err
		}
	}
	return nil
}

// all runs every hook, and warns of those that fail.
func (h hooks) all(warn func(string)) {
	for i := range h.list {
		if err := h.one(i); err != nil && warn != nil {
			warn(err.Error())
		}
	}
}

func (h hooks) one(i int) error {
	hook := &h.list[i]
	h.debug.say("run %s hook #%d: %s", h.name, i, hook.Path)
	if err := h.execute(hook); err != nil {
		return fmt.Errorf("error running %s hook #%d: %w", h.name, i, err)
	}
	return nil
}

func (h hooks) execute(hook *config.Hook) error {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return fmt.Errorf("pipe2: %w", err)
	}
	feed := &feed{fd: ends[1], text: h.state}
	defer feed.close()
	stdin := os.NewFile(uintptr(ends[0]), "stdin")
	err := unix.SetNonblock(feed.fd, true)
	var child *launch.Child
	if err == nil {
		start := h.start
		if start == nil {
			start = startBeside
		}
		child, err = start(hook, stdin)
	}
	stdin.Close()
	if err != nil {
		return err
	}
	defer child.Release()
	return h.attend(child, feed, hook)
}

// startBeside starts a hook in vial's own namespaces.
func startBeside(hook *config.Hook, stdin *os.File) (*launch.Child, error) {
	return launch.StartCommand(launch.Command{Path: hook.Path, Args: hook.Args, Env: hook.Env, Stdin: int(stdin.Fd())})
}

// A feed is what is still to be written into a pipe, whose reader need not care.
type feed struct {
	fd   int
	text []byte
}

// write writes what the pipe takes, and closes it at the end or when nobody
// reads it.
func (f *feed) write() {
	n, err := unix.Write(f.fd, f.text)
	f.text = f.text[max(n, 0):]
	if len(f.text) == 0 || err != nil && err != unix.EAGAIN && err != unix.EINTR {
		f.close()
	}
}

func (f *feed) close() {
	if f.fd >= 0 {
		unix.Close(f.fd)
	}
	f.fd = -1 // which poll(2) passes over
}

// attend waits for the end of a hook. If that takes too long the hook is killed
// with its process group: a shell would leave behind what it waits for.
func (h hooks) attend(child *launch.Child, feed *feed, hook *config.Hook) error {
	limit := time.Duration(min(hook.Timeout, 1<<30)) * time.Second
	begin := time.Now()
	for {
		wait := -1
		if limit > 0 {
			left := limit - time.Since(begin)
			if left <= 0 {
				child.KillGroup()
				return fmt.Errorf("hook ran past specified timeout of %.1fs", limit.Seconds())
			}
			wait = int(min(left.Milliseconds()+1, 1<<30))
		}
		poll := []unix.PollFd{
			{Fd: int32(child.PidFD), Events: unix.POLLIN}, {Fd: int32(feed.fd), Events: unix.POLLOUT},
			{Fd: int32(h.guard.Descriptor()), Events: unix.POLLIN},
		}
		_, err := unix.Poll(poll, wait)
		switch {
		case err == unix.EINTR:
		case err != nil:
			child.KillGroup()
			return fmt.Errorf("poll: %w", err)
		case poll[0].Revents != 0:
			return fate(child, hook)
		case poll[2].Revents != 0 && h.guard.Asked():
			child.KillGroup()
			return launch.ErrInterrupted
		case poll[1].Revents != 0:
			feed.write()
		}
	}
}

// fate is how a hook that has ended has done.
func fate(child *launch.Child, hook *config.Hook) error {
	status, err := child.Wait()
	switch {
	case err != nil:
		return fmt.Errorf("%s: wait: %w", hook.Path, err)
	case status.Signaled():
		return fmt.Errorf("%s: killed by signal %s", hook.Path, unix.SignalName(status.Signal()))
	case status.ExitStatus() != 0:
		return fmt.Errorf("%s: exit status %d", hook.Path, status.ExitStatus())
	}
	return nil
}
