package state

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vial-run/vial/internal/sys"
	"golang.org/x/sys/unix"
)

// ErrNotRunning says that the recorded process is gone.
var ErrNotRunning = errors.New("container not running")

// BootID is the id of the running boot. A pid and its start time mean nothing
// in another one: both count from the boot.
func BootID() (string, error) {
	text, err := readProc("/proc/sys/kernel/random/boot_id", make([]byte, 64))
	return string(bytes.TrimSpace(text)), err
}

// StartTime reads when a process started, in clock ticks since the boot. A
// process that is dead is ErrNotRunning, even while its parent has not waited.
func StartTime(pid int) (uint64, error) {
	state, start, err := readStat(pid)
	if err == nil && (state == 'Z' || state == 'X') {
		return 0, ErrNotRunning
	}
	return start, err
}

// readStat reads the state of a process, dead or alive, and its start time.
func readStat(pid int) (state byte, start uint64, err error) {
	text, err := readProc("/proc/"+strconv.Itoa(pid)+"/stat", make([]byte, 1024))
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		// ESRCH: it was reaped between open and read.
		return 0, 0, ErrNotRunning
	case err != nil:
		return 0, 0, err
	}
	state, start, ok := parseStat(text)
	if !ok {
		err = fmt.Errorf("/proc/%d/stat: cannot find the start time in %q", pid, text)
	}
	return state, start, err
}

// Exiting tells whether a process is on its way out or gone. That it cannot be
// seen to have ended yet may be because it has to wait: the first process of a
// pid namespace kills the others, and lets nothing new in, before it ends.
func Exiting(pid int) (bool, error) {
	const exiting = 1 << 2 // PF_EXITING (include/linux/sched.h): the same since Linux 2.0
	text, err := readProc("/proc/"+strconv.Itoa(pid)+"/stat", make([]byte, 1024))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	fields := statFields(text)
	if len(fields) < 9-2 {
		return false, fmt.Errorf("/proc/%d/stat: cannot find the flags in %q", pid, text)
	}
	flags, err := strconv.ParseUint(string(fields[9-3]), 10, 32)
	return flags&exiting != 0, err
}

// parseStat takes the state (field 3) and the start time (field 22) from the
// line of proc_pid_stat(5).
func parseStat(line []byte) (state byte, start uint64, ok bool) {
	rest := statFields(line)
	if len(rest) < 20 || len(rest[0]) != 1 {
		return 0, 0, false
	}
	start, err := strconv.ParseUint(string(rest[22-3]), 10, 64)
	return rest[0][0], start, err == nil
}

// statFields are the fields of proc_pid_stat(5) from the third on. The command in
// field 2 may hold any byte, blanks and parentheses too, so the fields are counted
// from the last one that closes.
func statFields(line []byte) [][]byte {
	end := bytes.LastIndexByte(line, ')')
	if end < 0 {
		return nil
	}
	return bytes.Fields(line[end+1:])
}

// InnerPid is a process's pid in its own pid namespace.
func InnerPid(pid int) (int, error) {
	status, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if all, ok := bytes.CutPrefix(line, []byte("NSpid:")); ok {
			if fields := bytes.Fields(all); len(fields) > 0 {
				return strconv.Atoi(string(fields[len(fields)-1]))
			}
		}
	}
	return pid, nil // a kernel without pid namespaces
}

// Alive tells whether the recorded process still runs in this boot. Another
// process that has got its number since does not count, nor does a zombie.
func (r *Record) Alive(bootID string) (bool, error) {
	if r.Pid <= 0 || r.BootID != bootID {
		return false, nil
	}
	start, err := StartTime(r.Pid)
	if errors.Is(err, ErrNotRunning) {
		return false, nil
	}
	return err == nil && start == r.StartTime, err
}

// Names tells whether the process with the recorded number, alive or a zombie, is
// the recorded one.
func (r *Record) Names() (bool, error) {
	bootID, err := BootID()
	if err != nil || r.BootID != bootID {
		return false, err
	}
	_, start, err := readStat(r.Pid)
	if errors.Is(err, ErrNotRunning) {
		return false, nil
	}
	return err == nil && start == r.StartTime, err
}

// Pidfd is a descriptor of the recorded process, or ErrNotRunning. It is opened
// first and the identity checked after, so whatever is sent or awaited through
// it can never meet a process that got the number later.
func (r *Record) Pidfd(bootID string) (int, error) {
	if r.Pid <= 0 || r.BootID != bootID {
		return -1, ErrNotRunning
	}
	fd, err := sys.PidfdOpen(r.Pid, 0)
	if err == unix.ESRCH {
		return -1, ErrNotRunning
	}
	if err != nil {
		return -1, fmt.Errorf("pidfd_open %d: %w", r.Pid, err)
	}
	alive, err := r.Alive(bootID)
	if err == nil && !alive {
		err = ErrNotRunning
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// readProc reads a short file of procfs, which comes in one piece.
func readProc(path string, buf []byte) ([]byte, error) {
	fd, err := retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	defer unix.Close(fd)
	n, err := retry(func() (int, error) { return unix.Read(fd, buf) })
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return buf[:n], nil
}

// retry repeats a system call that a signal has interrupted. The Go runtime
// sends itself signals, and not every filesystem restarts.
func retry(call func() (int, error)) (int, error) {
	for {
		n, err := call()
		if err != unix.EINTR {
			return n, err
		}
	}
}
