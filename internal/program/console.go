package program

import "golang.org/x/sys/unix"

// Constructors of calls on terminals (ioctl_tty(2)).

// UnlockTerminal lets the peer of a new terminal be opened; master is its ptmx.
func (b *Builder) UnlockTerminal(master Slot) *Call {
	no := b.Struct(Datum{Kind: DatumStruct, Name: "int", Size: 4, Fields: []Field{{"", 0, 4, Int(0)}}})
	return b.call(SysIoctl, master.Content(), Imm(unix.TIOCSPTLCK, FormIoctl), no)
}

// OpenPeer opens the other end of a terminal by its master alone: no path is
// looked up, which could lead to something else (since Linux 4.13).
func (b *Builder) OpenPeer(master Slot) *Call {
	flags := Arg{kind: argOpenFlags, value: uint64(O_RDWR | O_NOCTTY | O_CLOEXEC)}
	return b.call(SysIoctl, master.Content(), Imm(unix.TIOCGPTPEER, FormIoctl), flags)
}

// SetWindowSize sets the size of a terminal, in characters.
func (b *Builder) SetWindowSize(terminal Slot, rows, columns uint16) *Call {
	size := b.Struct(Datum{Kind: DatumStruct, Name: "winsize", Size: 8, Fields: []Field{
		{"row", 0, 2, Int(int(rows))},
		{"col", 2, 2, Int(int(columns))},
	}})
	return b.call(SysIoctl, terminal.Content(), Imm(unix.TIOCSWINSZ, FormIoctl), size)
}

// ControlTerminal makes a terminal the one that controls the session, which
// the process leads and which has none yet.
func (b *Builder) ControlTerminal(terminal Slot) *Call {
	return b.call(SysIoctl, terminal.Content(), Imm(unix.TIOCSCTTY, FormIoctl), Int(0))
}
