package container

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vial-run/vial/internal/program"
	"github.com/vial-run/vial/internal/state"
	"golang.org/x/sys/unix"
)

// Start lets a created container execute its process. It returns once that
// has happened, or with the reason why it has not.
func (r *Runtime) Start(id string) error { return within("start", id, r.start(id)) }

func (r *Runtime) start(id string) error {
	dir, err := r.load(id)
	if err != nil {
		return err
	}
	defer dir.Close()
	bootID, err := state.BootID()
	if err != nil {
		return err
	}
	status, err := r.statusOf(dir.Record, bootID)
	if err != nil {
		return err
	}
	switch status {
	case Created:
	case Running:
		return errors.New("cannot start an already running container")
	case Paused:
		return errors.New("cannot start a container in the paused state")
	default:
		return errStopped
	}
	notify, err := r.listen(dir)
	if err != nil {
		return err
	}
	if notify == nil {
		return r.letGo(dir, bootID)
	}
	defer notify.close()
	pidfd, err := dir.Record.Pidfd(bootID)
	if err != nil {
		return err
	}
	defer unix.Close(pidfd)
	if err := r.letGo(dir, bootID); err != nil {
		return err
	}
	if err := dir.Release(); err != nil { // others may go on with the container
		return err
	}
	notify.serve(pidfd, dir.Record.Pid, nil)
	return nil
}

// letGo lets the container's process go on, between the hooks of start.
func (r *Runtime) letGo(dir *state.Dir, bootID string) error {
	r.debug().say("process %d may go on: %s", dir.Record.Pid, dir.Record.Exec)
	if !dir.Record.StartHooks {
		return release(dir)
	}
	return r.startWithHooks(dir, bootID)
}

// startWithHooks is release between the hooks of start.
func (r *Runtime) startWithHooks(dir *state.Dir, bootID string) error {
	cfg, err := r.keptConfig(dir.ID)
	if err != nil {
		return err
	}
	if err := r.startContainer(dir, cfg, bootID); err != nil {
		return r.abandon(dir, cfg, err)
	}
	if err := release(dir); err != nil {
		return err
	}
	if err := r.poststart(dir, cfg, bootID, nil); err != nil {
		return r.abandon(dir, cfg, err)
	}
	return nil
}

var errStopped = errors.New("cannot start a container that has stopped")

// release writes the byte that the program waits for, and reads how it fared:
// the program's end of the result fifo closes on execve.
func release(dir *state.Dir) error {
	result, err := dir.OpenFifo(resultFifo, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer unix.Close(result)
	begin, err := dir.OpenFifo(startFifo, unix.O_WRONLY|unix.O_NONBLOCK)
	if errors.Is(err, unix.ENXIO) {
		return errStopped // just now: nobody has the fifo open any more
	}
	if err != nil {
		return err
	}
	defer unix.Close(begin)
	_, err = unix.Write(begin, []byte{1})
	if errors.Is(err, unix.EPIPE) {
		return errStopped
	}
	if err != nil {
		return fmt.Errorf("tell the container's first process to go on: %w", err)
	}
	if err := unix.SetNonblock(result, false); err != nil {
		return err
	}
	var record [program.MessageSize]byte
	for {
		n, err := unix.Read(result, record[:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return fmt.Errorf("hear whether the process has started: %w", err)
		case n == 0:
			return unread(begin)
		}
		errno := unix.Errno(binary.LittleEndian.Uint64(record[8:]))
		return fmt.Errorf("%s: %w", dir.Record.Exec, errno)
	}
}

// unread waits until nobody reads the fifo. execve closes both fifos, but one
// after the other, and whoever waits for the first may be so quick that the
// container looks as if it still waited for a start.
func unread(fifo int) error {
	poll := []unix.PollFd{{Fd: int32(fifo)}} // POLLERR is always asked for
	for {
		_, err := unix.Poll(poll, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
