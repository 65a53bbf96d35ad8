package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A spawner starts children that are all alike: the same environment, the null
// device as standard input and output, one file for what they complain about.
type spawner struct {
	null, complaints *os.File
	env              []string
}

func newSpawner(p *place) (*spawner, error) {
	// What a container's process leaves to init comes here instead, so that
	// its end can be waited for.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("prctl(PR_SET_CHILD_SUBREAPER): %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	complaints, err := os.OpenFile(filepath.Join(p.dir, "stderr"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &spawner{
		null: null, complaints: complaints,
		env: []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root"},
	}, nil
}

func (s *spawner) close() {
	s.null.Close()
	s.complaints.Close()
}

func (s *spawner) start(argv []string, attr *syscall.SysProcAttr) (int, error) {
	null := s.null.Fd()
	pid, err := syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env: s.env, Files: []uintptr{null, null, s.complaints.Fd()}, Sys: attr,
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", argv[0], err)
	}
	return pid, nil
}

// run runs a command to its end, and is the time that it took.
func (s *spawner) run(argv []string) (time.Duration, error) {
	begin := time.Now()
	pid, err := s.start(argv, nil)
	if err != nil {
		return 0, err
	}
	status, err := wait(pid)
	took := time.Since(begin)
	if err == nil {
		err = s.judge(argv, status)
	}
	return took, err
}

func wait(pid int) (status syscall.WaitStatus, err error) {
	for {
		_, err = syscall.Wait4(pid, &status, syscall.WALL, nil)
		if err == nil {
			return status, nil
		}
		if err != syscall.EINTR {
			return 0, fmt.Errorf("wait for process %d: %w", pid, err)
		}
	}
}

// judge is the error of a command that did not end well, in its own words.
func (s *spawner) judge(argv []string, status syscall.WaitStatus) error {
	if status.Exited() && status.ExitStatus() == 0 {
		return nil
	}
	how := fmt.Sprintf("status %d", status.ExitStatus())
	if status.Signaled() {
		how = status.Signal().String()
	}
	return fmt.Errorf("%s: %s: %s", strings.Join(argv, " "), how, s.complaint())
}

// complaint is the last line that a child has written.
func (s *spawner) complaint() string {
	if _, err := s.complaints.Seek(0, io.SeekStart); err != nil {
		return err.Error()
	}
	text, err := io.ReadAll(s.complaints)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return lines[len(lines)-1]
}
