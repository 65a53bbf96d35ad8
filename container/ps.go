package container

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vial-run/vial/internal/cgroup"
	"github.com/vial-run/vial/internal/launch"
	"golang.org/x/sys/unix"
)

// Processes are the pids of all processes in a container, on the host and in
// order; none in one that has stopped.
func (r *Runtime) Processes(id string) ([]int, error) {
	record, err := r.store().Peek(id)
	if err == nil && len(record.Cgroup.Paths) == 0 {
		err = errNoCgroups
	}
	var pids []int
	if err == nil {
		pids, err = cgroup.Pids(record.Cgroup.Paths)
	}
	return pids, within("ps", id, err)
}

// ProcessTable is what the host's ps(1), with these arguments or -ef, prints of
// the processes in a container.
func (r *Runtime) ProcessTable(id string, arguments []string) (string, error) {
	pids, err := r.Processes(id)
	if err != nil {
		return "", err
	}
	if len(arguments) == 0 {
		arguments = []string{"-ef"}
	}
	text, err := runPS(arguments)
	if err == nil {
		text, err = onlyPids(text, pids)
	}
	return text, within("ps", id, err)
}

// runPS is what ps prints.
func runPS(arguments []string) (string, error) {
	path, err := findPS(os.Getenv("PATH"))
	if err != nil {
		return "", err
	}
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return "", err
	}
	defer stdin.Close()
	out, in, err := os.Pipe()
	if err != nil {
		return "", err
	}
	defer out.Close()
	child, err := launch.StartCommand(launch.Command{
		Path: path, Args: append([]string{"ps"}, arguments...), Env: os.Environ(),
		Stdin: int(stdin.Fd()), Output: int(in.Fd()),
	})
	in.Close()
	if err != nil {
		return "", err
	}
	defer child.Release()
	text, err := io.ReadAll(out)
	if err != nil {
		return "", fmt.Errorf("read what ps prints: %w", err)
	}
	switch status, err := child.Wait(); {
	case err != nil:
		return "", fmt.Errorf("wait for ps: %w", err)
	case !status.Exited() || status.ExitStatus() != 0:
		return "", fmt.Errorf("ps %s: exit status %d: %s", strings.Join(arguments, " "), statusAfter(status), strings.TrimSpace(string(text)))
	}
	return string(text), nil
}

// usualPath is for callers that have no PATH, as some engines do.
const usualPath = "/usr/local/bin:/usr/bin:/bin"

func findPS(list string) (string, error) {
	if list == "" {
		list = usualPath
	}
	for _, dir := range filepath.SplitList(list) {
		if file := filepath.Join(dir, "ps"); filepath.IsAbs(dir) && unix.Access(file, unix.X_OK) == nil {
			return file, nil
		}
	}
	return "", fmt.Errorf("the host has no ps(1) in %s: install it (Debian: procps), or use --format json, which needs none", list)
}

// onlyPids keeps the heading and the lines of some processes.
func onlyPids(table string, pids []int) (string, error) {
	heading, rest, _ := strings.Cut(table, "\n")
	column := slices.Index(strings.Fields(heading), "PID")
	if column < 0 {
		return "", errors.New("couldn't find PID field in ps output")
	}
	var kept strings.Builder
	kept.WriteString(heading + "\n")
	for line := range strings.Lines(rest) {
		fields := strings.Fields(line)
		if column >= len(fields) {
			continue
		}
		if pid, err := strconv.Atoi(fields[column]); err == nil && slices.Contains(pids, pid) {
			kept.WriteString(line)
		}
	}
	return kept.String(), nil
}
