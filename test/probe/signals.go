package main

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

func signalWaitAct(p *probe, _ *report.Act, _ []string) error {
	p.print()
	signals := make(chan os.Signal, 8)
	signal.Notify(signals)
	writeAll(1, []byte("ready\n"))
	for s := range signals {
		number, ok := s.(unix.Signal)
		if !ok || number == unix.SIGURG {
			continue // Go's own
		}
		name := unix.SignalName(number)
		if name == "" {
			name = strconv.Itoa(int(number))
		}
		writeAll(1, []byte(name+"\n"))
		return nil
	}
	return nil
}

// notifyAct tells a service manager something, as sd_notify(3) does.
func notifyAct(_ *probe, _ *report.Act, a []string) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, []byte(a[0]), 0, &unix.SockaddrUnix{Name: os.Getenv("NOTIFY_SOCKET")})
}

func spawnAct(_ *probe, _ *report.Act, a []string) error {
	_, err := spawn(a...)
	return err
}

// orphanAct leaves a process whose parent has ended.
func orphanAct(_ *probe, _ *report.Act, a []string) error {
	between, err := spawn("spawn", a[0])
	if err == nil {
		_, err = between.Wait()
	}
	return err
}

func spawn(words ...string) (*os.Process, error) {
	return os.StartProcess("/probe", append([]string{"probe"}, words...), &os.ProcAttr{
		Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}, Sys: &syscall.SysProcAttr{Setsid: true},
	})
}

func killAct(p *probe, _ *report.Act, a []string) error {
	p.print()
	if err := unix.Kill(unix.Getpid(), unix.SignalNum(a[0])); err != nil {
		return err
	}
	// It may be for another thread, which has yet to run.
	time.Sleep(time.Second)
	return nil
}
