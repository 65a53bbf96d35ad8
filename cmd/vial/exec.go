package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/vial-run/vial/container"
)

// statusExec is the exit status of an exec whose process did not come to run.
const statusExec = 255

func execVerb() verb {
	return verb{
		name: "exec", args: "ID COMMAND…", min: 1, max: -1, flagsFirst: true,
		about:   "run one more process in a container",
		example: "vial exec mycont1 ps -ef\nvial exec --tty mycont1 /bin/sh\nvial exec --user 1000:1000 --cwd /tmp mycont1 /bin/sh -c 'echo hello > file'\nvial exec --detach --pid-file pid --process process.json mycont1",
		define:  defineExec,
	}
}

// execFlags are those of exec.
type execFlags struct {
	user                       string
	gids                       texts
	tty, detach, noNewPrivs    bool
	ignorePaused               bool
	consoleSocket, pidfdSocket string
	processLabel, apparmor     string
	env, capabilities, cgroups texts
	cwd, processFile, pidFile  string
	preserveFDs                int
}

func defineExec(fs *flag.FlagSet) action {
	e := &execFlags{}
	both := func(long, short string, define func(name string)) { define(long); define(short) }
	both("process", "p", func(n string) {
		fs.StringVar(&e.processFile, n, "", "run the process that `FILE` describes as JSON; other options for it are ignored")
	})
	both("env", "e", func(n string) { fs.Var(&e.env, n, "add `NAME=VALUE` to the environment; may be given several times") })
	both("user", "u", func(n string) { fs.StringVar(&e.user, n, "", "run as `UID[:GID]`, in numbers") })
	both("additional-gids", "g", func(n string) { fs.Var(&e.gids, n, "add the group `GID`; may be given several times") })
	both("cap", "c", func(n string) { fs.Var(&e.capabilities, n, "add the capability `NAME`; may be given several times") })
	both("tty", "t", func(n string) { fs.BoolVar(&e.tty, n, false, "give the process a terminal") })
	both("detach", "d", func(n string) { fs.BoolVar(&e.detach, n, false, "return once the process runs") })
	fs.StringVar(&e.cwd, "cwd", "", "run in the directory `DIR` of the container")
	fs.StringVar(&e.pidFile, "pid-file", "", "write the pid of the process to `FILE`")
	fs.StringVar(&e.consoleSocket, "console-socket", "", "send the process's terminal to the socket `PATH`")
	fs.StringVar(&e.pidfdSocket, "pidfd-socket", "", "send a pidfd to the socket `PATH`")
	fs.StringVar(&e.processLabel, "process-label", "", "SELinux `LABEL` of the process (not yet)")
	fs.StringVar(&e.apparmor, "apparmor", "", "AppArmor `PROFILE` of the process (not yet)")
	fs.BoolVar(&e.noNewPrivs, "no-new-privs", false, "keep the process from gaining privileges (default: as the container)")
	fs.IntVar(&e.preserveFDs, "preserve-fds", 0, "pass `N` more descriptors on, from 3 on")
	fs.Var(&e.cgroups, "cgroup", "start in the cgroup `PATH` below the container's, on cgroup v1 also CONTROLLER[,CONTROLLER]:PATH")
	fs.BoolVar(&e.ignorePaused, "ignore-paused", false, "wait until a paused container is resumed")
	return func(s *session, args []string) (int, error) {
		status, err := e.do(fs, s, args)
		if err != nil {
			return statusExec, fmt.Errorf("exec failed: %w", err)
		}
		return status, nil
	}
}

func (e *execFlags) do(fs *flag.FlagSet, s *session, args []string) (int, error) {
	o, err := e.options(fs)
	if err != nil {
		return statusExec, err
	}
	o.Args, o.Warn = args[1:], s.log.warn
	if len(o.Args) > 0 && o.Args[0] == "--" {
		o.Args = o.Args[1:]
	}
	if e.detach {
		execution, err := s.runtime.Exec(args[0], o)
		if err != nil {
			return statusExec, err
		}
		execution.Release()
		return 0, nil
	}
	if o.Signals, err = catchAll(); err != nil {
		return statusExec, err
	}
	return s.runtime.ExecWait(args[0], o)
}

func (e *execFlags) options(fs *flag.FlagSet) (container.ExecOptions, error) {
	o := container.ExecOptions{
		ProcessFile: e.processFile, Env: e.env, Cwd: e.cwd, Capabilities: e.capabilities,
		Terminal: e.tty, ConsoleOptions: container.ConsoleOptions{ConsoleSocket: e.consoleSocket},
		PidFile: e.pidFile, PidfdSocket: e.pidfdSocket, PreserveFDs: e.preserveFDs, Cgroups: e.cgroups,
	}
	for _, later := range []struct {
		given bool
		flag  string
	}{
		{e.processLabel != "", "process-label"}, {e.apparmor != "", "apparmor"},
	} {
		if later.given {
			return o, fmt.Errorf("--%s: not supported yet", later.flag)
		}
	}
	fs.Visit(func(f *flag.Flag) {
		if f.Name == "no-new-privs" {
			o.NoNewPrivileges = &e.noNewPrivs
		}
	})
	if e.ignorePaused {
		o.Paused = container.AwaitResume
	}
	var err error
	if o.UID, o.GID, err = parseUser(e.user); err != nil {
		return o, err
	}
	for _, text := range e.gids {
		gid, err := parseID(text)
		if err != nil {
			return o, fmt.Errorf("additional-gids must be a positive number %s", text)
		}
		o.AdditionalGIDs = append(o.AdditionalGIDs, gid)
	}
	return o, nil
}

// parseUser reads UID or UID:GID; what is not given is nil.
func parseUser(text string) (uid, gid *uint32, err error) {
	if text == "" {
		return nil, nil, nil
	}
	first, second, both := strings.Cut(text, ":")
	u, err := parseID(first)
	if err != nil {
		return nil, nil, fmt.Errorf("bad uid: %s", strconv.Quote(first))
	}
	if !both {
		return &u, nil, nil
	}
	g, err := parseID(second)
	if err != nil {
		return nil, nil, fmt.Errorf("bad gid: %s", strconv.Quote(second))
	}
	return &u, &g, nil
}

// parseID reads an id: decimal digits and nothing else, and not -1.
func parseID(text string) (uint32, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err == nil && n == 1<<32-1 {
		err = errors.New("it is -1 to the kernel")
	}
	return uint32(n), err
}

// texts is a flag that may be given several times. Commas do not separate.
type texts []string

func (t *texts) String() string { return strings.Join(*t, " ") }

func (t *texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}
