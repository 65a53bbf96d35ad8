// Package console is vial's side of terminals.
//
// What comes in: the master of a terminal that a program has made in the
// container's devpts (package compile, console.go), and the caller's standard
// descriptors. What goes out: a master that is known to be one (CheckMaster),
// and a Session, which copies between it and the caller until the process has
// ended:
//
//	keys ───▶ stdin ──▶ master ═══ terminal: descriptors 0, 1 and 2
//	screen ◀─ stdout ◀─ master               of the process
//
// While a session lasts the caller's terminal is in raw mode, so that ^C and
// the like are characters on their way to the container's terminal, which makes
// signals of them there. Whoever begins a session has to end it.
//
// The package knows nothing of containers, and has no state but its sessions.
package console

import "golang.org/x/sys/unix"

// A Caller is who uses the terminal of a process: descriptors, any of which may
// be something else than a terminal.
type Caller struct{ Stdin, Stdout, Stderr int }

func isTerminal(fd int) bool {
	_, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	return err == nil
}

// Prepare fits the terminal of a process that does not run yet to the caller's.
func (c Caller) Prepare(master int) error {
	c.fit(master)
	if isTerminal(c.Stdin) && isTerminal(c.Stdout) {
		return nil
	}
	// No terminal in raw mode sees the output: lines end as they are written,
	// for a file, or for a terminal that returns the carriage by itself.
	modes, err := unix.IoctlGetTermios(master, unix.TCGETS)
	if err != nil {
		return err
	}
	modes.Oflag &^= unix.ONLCR
	return unix.IoctlSetTermios(master, unix.TCSETS, modes)
}

// fit makes a terminal as large as the caller's, if there is one that has a size.
func (c Caller) fit(master int) {
	for _, fd := range [...]int{c.Stdin, c.Stdout, c.Stderr} {
		size, err := unix.IoctlGetWinsize(fd, unix.TIOCGWINSZ)
		if err != nil {
			continue
		}
		if size.Row != 0 || size.Col != 0 {
			_ = unix.IoctlSetWinsize(master, unix.TIOCSWINSZ, size)
		}
		return
	}
}

// rawModes are the modes in which a terminal passes on every character as it
// is (termios(3), cfmakeraw). Without a screen its output stays as it was.
func rawModes(modes unix.Termios, screen bool) unix.Termios {
	modes.Iflag &^= unix.IGNBRK | unix.BRKINT | unix.PARMRK | unix.ISTRIP | unix.INLCR | unix.IGNCR | unix.ICRNL | unix.IXON
	modes.Lflag &^= unix.ECHO | unix.ECHONL | unix.ICANON | unix.ISIG | unix.IEXTEN
	modes.Cflag = modes.Cflag&^(unix.CSIZE|unix.PARENB) | unix.CS8
	modes.Cc[unix.VMIN], modes.Cc[unix.VTIME] = 1, 0
	if screen {
		modes.Oflag &^= unix.OPOST
	}
	return modes
}

// endOfFile is the character that says to who reads a terminal that nothing
// more comes.
func endOfFile(master int) byte {
	const ctrlD = 4
	modes, err := unix.IoctlGetTermios(master, unix.TCGETS)
	if err != nil || modes.Lflag&unix.ICANON == 0 || modes.Cc[unix.VEOF] == 0 {
		return ctrlD
	}
	return modes.Cc[unix.VEOF]
}
