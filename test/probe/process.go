package main

import (
	"os"
	"strconv"
	"strings"

	"github.com/vial-run/vial/test/probe/report"
	"golang.org/x/sys/unix"
)

// reportAct is the act "report".
func reportAct(p *probe, _ *report.Act, _ []string) error {
	p.out.Process = p.process()
	return nil
}

func (p *probe) process() *report.Process {
	r := &report.Process{
		Args: os.Args, Env: os.Environ(),
		Pid: unix.Getpid(), Ppid: unix.Getppid(),
		Umask:        umask(),
		Rlimits:      rlimits(),
		Capabilities: capabilities(),
		Descriptors:  p.descriptors,
		Namespaces:   namespaces(),
		Mountinfo:    readText("/proc/self/mountinfo"),
		Cgroup:       readText("/proc/self/cgroup"),
		Status:       readText("/proc/self/status"),
		OOMScoreAdj:  strings.TrimSpace(readText("/proc/self/oom_score_adj")),
		Interfaces:   interfaces(),
	}
	r.Session, _ = unix.Getsid(0)
	r.Cwd, _ = unix.Getwd()
	r.Exe = readlink("/proc/self/exe")
	r.UID = ids(unix.Getresuid())
	r.GID = ids(unix.Getresgid())
	groups, _ := unix.Getgroups()
	for _, g := range groups {
		r.Groups = append(r.Groups, uint32(g))
	}
	nnp, _ := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	r.NoNewPrivs = nnp == 1
	r.Securebits, _ = unix.PrctlRetInt(unix.PR_GET_SECUREBITS, 0, 0, 0, 0)
	if fd, err := unix.Open("/dev/tty", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0); err == nil {
		r.Terminal = true
		unix.Close(fd)
	}
	r.Keyring, _ = unix.KeyctlString(unix.KEYCTL_DESCRIBE, unix.KEY_SPEC_SESSION_KEYRING)
	r.KeyringID, _ = unix.KeyctlGetKeyringID(unix.KEY_SPEC_SESSION_KEYRING, false)
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		r.Hostname = unix.ByteSliceToString(uts.Nodename[:])
		r.Domainname = unix.ByteSliceToString(uts.Domainname[:])
	}
	return r
}

// ids are what the kernel knows them as: unsigned.
func ids(real, effective, saved int) [3]uint32 {
	return [3]uint32{uint32(real), uint32(effective), uint32(saved)}
}

func umask() int {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return mask
}

// rlimitNames are in the order of the numbers in asm-generic/resource.h.
var rlimitNames = [...]string{
	"CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE",
	"MEMLOCK", "AS", "LOCKS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME",
}

// rlimits is what is set. Go's start has raised the soft limit on NOFILE to the
// hard one by now.
func rlimits() map[string][2]uint64 {
	all := map[string][2]uint64{}
	for n, name := range rlimitNames {
		var l unix.Rlimit
		if unix.Prlimit(0, n, nil, &l) == nil {
			all["RLIMIT_"+name] = [2]uint64{l.Cur, l.Max}
		}
	}
	return all
}

// capabilities asks by system calls, so that no /proc is needed.
func capabilities() (c report.Capabilities) {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) == nil {
		c.Effective = uint64(data[1].Effective)<<32 | uint64(data[0].Effective)
		c.Permitted = uint64(data[1].Permitted)<<32 | uint64(data[0].Permitted)
		c.Inheritable = uint64(data[1].Inheritable)<<32 | uint64(data[0].Inheritable)
	}
	for n := range 64 {
		if set, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(n), 0, 0, 0); err == nil && set == 1 {
			c.Bounding |= 1 << n
		}
		if set, err := unix.PrctlRetInt(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_IS_SET, uintptr(n), 0, 0); err == nil && set == 1 {
			c.Ambient |= 1 << n
		}
	}
	return c
}

// openDescriptors tries every number instead of listing /proc/self/fd, which
// may not be there. It comes first of all: later acts may open something.
func openDescriptors() map[int]string {
	all := map[int]string{}
	for fd := range 4096 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil {
			continue
		}
		target := readlink("/proc/self/fd/" + strconv.Itoa(fd))
		if target == "" {
			var st unix.Stat_t
			_ = unix.Fstat(fd, &st)
			target = fileType(st.Mode)
		}
		all[fd] = target
	}
	return all
}

func namespaces() map[string]string {
	all := map[string]string{}
	for _, name := range []string{"cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"} {
		if target := readlink("/proc/self/ns/" + name); target != "" {
			all[name] = target
		}
	}
	return all
}

// interfaces lists /proc/net/dev, or knows of lo alone where there is no /proc.
func interfaces() []report.Interface {
	names := []string{"lo"}
	if text := readText("/proc/self/net/dev"); text != "" {
		names = nil
		for line := range strings.Lines(text) {
			if name, _, ok := strings.Cut(line, ":"); ok {
				names = append(names, strings.TrimSpace(name))
			}
		}
	}
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(socket)
	var all []report.Interface
	for _, name := range names {
		request, err := unix.NewIfreq(name)
		if err != nil || unix.IoctlIfreq(socket, unix.SIOCGIFFLAGS, request) != nil {
			continue
		}
		i := report.Interface{Name: name, Up: request.Uint16()&unix.IFF_UP != 0}
		if unix.IoctlIfreq(socket, unix.SIOCGIFADDR, request) == nil {
			if a, err := request.Inet4Addr(); err == nil {
				i.Address = strconv.Itoa(int(a[0])) + "." + strconv.Itoa(int(a[1])) + "." + strconv.Itoa(int(a[2])) + "." + strconv.Itoa(int(a[3]))
			}
		}
		all = append(all, i)
	}
	return all
}
