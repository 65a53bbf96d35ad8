package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Memory is what a runtime needs, in KiB.
type Memory struct {
	Runtime     string `json:"runtime"`
	RunPeak     int    `json:"runPeakKiB"`     // of the calling process of run
	CreatePeak  int    `json:"createPeakKiB"`  // of the calling process of create
	InitRSS     int    `json:"initRSSKiB"`     // of the first process, waiting for start
	InitPrivate int    `json:"initPrivateKiB"` // that part of it which nobody shares
	InitThreads int    `json:"initThreads"`
	RunLimit    int    `json:"runLimitKiB"`    // the least with which run goes well; 0 if that was not measured
	CreateLimit int    `json:"createLimitKiB"` // and create
}

// weighings is how often each is weighed; the median counts.
const weighings = 5

func (b *benchmark) memory() ([]Memory, error) {
	var all []Memory
	for i := range b.runtimes {
		var each []Memory
		for range weighings {
			m, err := b.weigh(&b.runtimes[i])
			if err != nil {
				return nil, err
			}
			each = append(each, m)
		}
		median := func(field func(Memory) int) int {
			values := make([]int, len(each))
			for i, m := range each {
				values[i] = field(m)
			}
			slices.Sort(values)
			return values[len(values)/2]
		}
		run, create, err := b.limits(&b.runtimes[i])
		if err != nil {
			return nil, err
		}
		all = append(all, Memory{
			RunLimit: run, CreateLimit: create,
			Runtime:     b.runtimes[i].Name,
			RunPeak:     median(func(m Memory) int { return m.RunPeak }),
			CreatePeak:  median(func(m Memory) int { return m.CreatePeak }),
			InitRSS:     median(func(m Memory) int { return m.InitRSS }),
			InitPrivate: median(func(m Memory) int { return m.InitPrivate }),
			InitThreads: median(func(m Memory) int { return m.InitThreads }),
		})
	}
	return all, nil
}

func (b *benchmark) weigh(r *Runtime) (m Memory, err error) {
	bundle := b.bundles.standard[0]
	if m.RunPeak, err = b.spawner.peak(r.runCommand(bundle)); err != nil {
		return m, err
	}
	id, pidFile := newID(), filepath.Join(bundle, "pid")
	if m.CreatePeak, err = b.spawner.peak(r.command("create", "--bundle", bundle, "--pid-file", pidFile, id)); err != nil {
		return m, err
	}
	pid, err := readPid(pidFile)
	if err != nil {
		return m, err
	}
	proc := "/proc/" + strconv.Itoa(pid)
	rollup := readText(proc + "/smaps_rollup")
	m.InitRSS = fieldOf(rollup, "Rss")
	m.InitPrivate = fieldOf(rollup, "Private_Clean") + fieldOf(rollup, "Private_Dirty")
	m.InitThreads = fieldOf(readText(proc+"/status"), "Threads")
	_, err = b.spawner.run(r.command("delete", "--force", id))
	reap()
	return m, err
}

// fieldOf is the number behind a name in the text of a file of procfs.
func fieldOf(text, name string) int {
	for line := range strings.Lines(text) {
		value, ok := strings.CutPrefix(line, name+":")
		if !ok {
			continue
		}
		if words := strings.Fields(value); len(words) > 0 {
			n, _ := strconv.Atoi(words[0])
			return n
		}
	}
	return 0
}

// peak runs a command to its end and is its peak resident memory in KiB.
//
// It is not ru_maxrss: Linux keeps that over execve, so a child begins with
// the peak of who forked it (exec_mmap in fs/exec.c). VmHWM in /proc/PID/status
// belongs to the memory of the executed program alone, but is gone with it. So
// the child is traced, stops on its way out (PTRACE_EVENT_EXIT), and is asked
// there. Of a program that executes itself again (crun) it is that of the last
// time.
func (s *spawner) peak(argv []string) (int, error) {
	// Only the thread that traces may ask.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	pid, err := s.start(argv, &syscall.SysProcAttr{Ptrace: true})
	if err != nil {
		return 0, err
	}
	if _, err := wait(pid); err != nil { // stopped behind execve
		return 0, err
	}
	const options = unix.PTRACE_O_TRACEEXIT | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(pid, options); err != nil {
		return 0, fmt.Errorf("ptrace(PTRACE_SETOPTIONS): %w", err)
	}
	peak, signal := 0, 0
	for {
		if err := unix.PtraceCont(pid, signal); err != nil {
			return 0, fmt.Errorf("ptrace(PTRACE_CONT): %w", err)
		}
		status, err := wait(pid)
		if err != nil {
			return 0, err
		}
		if !status.Stopped() {
			return peak, s.judge(argv, status)
		}
		signal = 0
		switch event := int(status) >> 16; {
		case event == unix.PTRACE_EVENT_EXIT:
			peak = fieldOf(readText("/proc/"+strconv.Itoa(pid)+"/status"), "VmHWM")
		case event == 0:
			signal = int(status.StopSignal())
		}
	}
}
