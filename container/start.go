package container

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

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
	return release(dir)
}

var errStopped = errors.New("cannot start a container that has stopped")

// release writes the byte that the program waits for, and reads how it fared:
// the program's end of the result fifo closes on execve.
func release(dir *state.Dir) error {
	result, err := dir.OpenFifo(resultFifo, unix.O_RDONLY|unix.O_NONBLOCK)
	if err != nil {
		return err
	}
	defer result.Close()
	begin, err := dir.OpenFifo(startFifo, unix.O_WRONLY|unix.O_NONBLOCK)
	if errors.Is(err, unix.ENXIO) {
		return errStopped // just now: nobody has the fifo open any more
	}
	if err != nil {
		return err
	}
	defer begin.Close()
	_, err = begin.Write([]byte{1})
	if errors.Is(err, unix.EPIPE) {
		return errStopped
	}
	if err != nil {
		return fmt.Errorf("tell the container's first process to go on: %w", err)
	}
	fd := int(result.Fd())
	if err := unix.SetNonblock(fd, false); err != nil {
		return err
	}
	var record [program.MessageSize]byte
	for {
		n, err := unix.Read(fd, record[:])
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
func unread(fifo *os.File) error {
	poll := []unix.PollFd{{Fd: int32(fifo.Fd())}} // POLLERR is always asked for
	for {
		_, err := unix.Poll(poll, -1)
		if err != unix.EINTR {
			return err
		}
	}
}
