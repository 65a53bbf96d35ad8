package console

import "golang.org/x/sys/unix"

// lastOutput is how much output is written of a process that has ended, in bytes.
// It is more than a terminal holds (drivers/tty/tty_buffer.c, 640 KiB): what
// other processes go on to write need not come to an end.
const lastOutput = 1 << 20

// A source tells when there is output: an epoll(7) of the master and the process.
type source struct{ events, process int }

func (f source) close() { closeAll(f.events, f.process) }

func closeAll(fds ...int) {
	for _, fd := range fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// show writes the output of the process where the caller sees it.
func (s *Session) show(from source) {
	defer close(s.shown)
	defer from.close()
	buffer := make([]byte, 32<<10)
	for ended, more := false, lastOutput; more > 0; {
		n, open := s.read(buffer)
		switch {
		case !open, n == 0 && ended:
			return
		case n == 0:
			ended = from.await()
		case !writeAll(s.caller.Stdout, buffer[:n]):
			// Whoever read it is gone, and with it the use of the terminal.
			s.hangUp()
			return
		case ended:
			more -= n
		}
	}
}

// read is how much output there is at the moment. Once nobody has the terminal
// open it is an error, EIO, until somebody opens it again.
func (s *Session) read(buffer []byte) (n int, open bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.master >= 0 {
		n, err := unix.Read(s.master, buffer)
		if err != unix.EINTR {
			return max(n, 0), true
		}
	}
	return 0, false
}

// await waits for output, and tells whether the process has ended.
func (f source) await() bool {
	var list [2]unix.EpollEvent
	for {
		n, err := unix.EpollWait(f.events, list[:], -1)
		if err == unix.EINTR {
			continue
		}
		for _, e := range list[:max(n, 0)] {
			if e.Fd == int32(f.process) {
				return true
			}
		}
		return err != nil
	}
}

func writeAll(fd int, text []byte) bool {
	for len(text) > 0 {
		n, err := unix.Write(fd, text)
		switch err {
		case nil:
			text = text[n:]
		case unix.EINTR:
		case unix.EAGAIN: // the caller's descriptor, and its choice
			_, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, -1)
		default:
			return false
		}
	}
	return true
}

// enter types what the caller does. An input that comes to its end ends for the
// process too, by the character that means it; a terminal that does is gone. The
// null device was never meant to be an input.
func (s *Session) enter(typing bool, ends ends) {
	defer close(s.typed)
	defer s.noMoreKeys(ends)
	stdin := s.caller.Stdin
	if isNull(stdin) {
		return
	}
	buffer, last := make([]byte, 4096), byte('\n')
	for ends.before(stdin, unix.POLLIN) {
		n, err := unix.Read(stdin, buffer)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN:
			continue
		case n > 0:
			last = buffer[n-1]
		case typing:
			s.hangUp()
			return
		default:
			s.enterEnd(last, ends)
			return
		}
		if !s.put(buffer[:n], ends) {
			return
		}
	}
}

func (s *Session) noMoreKeys(ends ends) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hungUp = -1
	ends.close()
}

// enterEnd types the end of the input: twice behind a line without an end, for the
// first only completes that.
func (s *Session) enterEnd(last byte, ends ends) {
	s.mu.Lock()
	end := []byte{endOfFile(s.master)}
	s.mu.Unlock()
	if last != '\n' {
		end = append(end, end[0])
	}
	s.put(end, ends)
}

// ends are what ends the input whatever else happens: the end of the process, and
// that of the terminal.
type ends struct{ process, hungUp int }

func (e ends) close() { closeAll(e.process, e.hungUp) }

// before waits until fd is ready; it is false if it is too late for that.
func (e ends) before(fd int, events int16) bool {
	poll := []unix.PollFd{
		{Fd: int32(fd), Events: events}, {Fd: int32(e.process), Events: unix.POLLIN}, {Fd: int32(e.hungUp), Events: unix.POLLIN},
	}
	for {
		_, err := unix.Poll(poll, -1)
		if err != unix.EINTR {
			return err == nil && poll[1].Revents|poll[2].Revents == 0 && poll[0].Revents&unix.POLLNVAL == 0
		}
	}
}

// put hands text to the terminal, as fast as it takes it. It is false once there
// is no terminal any more.
func (s *Session) put(text []byte, ends ends) bool {
	for len(text) > 0 {
		s.mu.Lock()
		master := s.master
		n, err := -1, error(unix.EBADF)
		if master >= 0 {
			n, err = unix.Write(master, text)
		}
		s.mu.Unlock()
		switch err {
		case nil:
			text = text[n:]
		case unix.EINTR:
		case unix.EAGAIN:
			if !ends.before(master, unix.POLLOUT) {
				return false
			}
		case unix.EIO:
			return true // nobody has the terminal open: nobody reads this
		default:
			return false
		}
	}
	return true
}

func isNull(fd int) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR && st.Rdev == unix.Mkdev(1, 3)
}
