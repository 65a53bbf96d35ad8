package program

// CPU is what an image is made for.
type CPU uint8

const (
	AMD64 CPU = iota + 1
	ARM64
)

// CPUs are all that vial makes images for.
var CPUs = []CPU{AMD64, ARM64}

// String is the CPU's name as Go writes it (GOARCH).
func (c CPU) String() string {
	switch c {
	case AMD64:
		return "amd64"
	case ARM64:
		return "arm64"
	}
	return "unknown cpu"
}

// Sys is a system call before a CPU is chosen.
type Sys uint16

const (
	// SysSet is no system call: its first argument becomes its result. It
	// moves a number into a slot, and a negative one fails.
	SysSet Sys = iota
	SysCapset
	SysChdir
	SysChroot
	SysClone3
	SysClose
	SysCloseRange
	SysDup3
	SysExecve
	SysExitGroup
	SysFaccessat2
	SysFchdir
	SysFchown
	SysFchownat
	SysFcntl
	SysFsconfig
	SysFsmount
	SysFsopen
	SysFspick
	SysIoctl
	SysKeyctl
	SysMkdirat
	SysMknodat
	SysMount
	SysMountSetattr
	SysMoveMount
	SysOpenTree
	SysOpenat
	SysOpenat2
	SysPersonality
	SysPivotRoot
	SysPrctl
	SysPrlimit64
	SysRead
	SysRecvfrom
	SysRtSigaction
	SysSendmsg
	SysSendto
	SysSetdomainname
	SysSetgroups
	SysSethostname
	SysSetns
	SysSetresgid
	SysSetresuid
	SysSetsid
	SysSocket
	SysSymlinkat
	SysUmask
	SysUmount2
	SysUnlinkat
	SysUnshare
	SysWrite
	sysCount
)

type sysEntry struct {
	name         string
	amd64, arm64 uint64
}

// From the kernel's arch/x86/entry/syscalls/syscall_64.tbl and
// scripts/syscall.tbl; a test compares them with golang.org/x/sys/unix.
var sysTable = [sysCount]sysEntry{
	SysSet:           {"set", ^uint64(0), ^uint64(0)},
	SysCapset:        {"capset", 126, 91},
	SysChdir:         {"chdir", 80, 49},
	SysChroot:        {"chroot", 161, 51},
	SysClone3:        {"clone3", 435, 435},
	SysClose:         {"close", 3, 57},
	SysCloseRange:    {"close_range", 436, 436},
	SysDup3:          {"dup3", 292, 24},
	SysExecve:        {"execve", 59, 221},
	SysExitGroup:     {"exit_group", 231, 94},
	SysFaccessat2:    {"faccessat2", 439, 439},
	SysFchdir:        {"fchdir", 81, 50},
	SysFchown:        {"fchown", 93, 55},
	SysFchownat:      {"fchownat", 260, 54},
	SysFcntl:         {"fcntl", 72, 25},
	SysFsconfig:      {"fsconfig", 431, 431},
	SysFsmount:       {"fsmount", 432, 432},
	SysFsopen:        {"fsopen", 430, 430},
	SysFspick:        {"fspick", 433, 433},
	SysIoctl:         {"ioctl", 16, 29},
	SysKeyctl:        {"keyctl", 250, 219},
	SysMkdirat:       {"mkdirat", 258, 34},
	SysMknodat:       {"mknodat", 259, 33},
	SysMount:         {"mount", 165, 40},
	SysMountSetattr:  {"mount_setattr", 442, 442},
	SysMoveMount:     {"move_mount", 429, 429},
	SysOpenTree:      {"open_tree", 428, 428},
	SysOpenat:        {"openat", 257, 56},
	SysOpenat2:       {"openat2", 437, 437},
	SysPersonality:   {"personality", 135, 92},
	SysPivotRoot:     {"pivot_root", 155, 41},
	SysPrctl:         {"prctl", 157, 167},
	SysPrlimit64:     {"prlimit64", 302, 261},
	SysRead:          {"read", 0, 63},
	SysRecvfrom:      {"recvfrom", 45, 207},
	SysRtSigaction:   {"rt_sigaction", 13, 134},
	SysSendmsg:       {"sendmsg", 46, 211},
	SysSendto:        {"sendto", 44, 206},
	SysSetdomainname: {"setdomainname", 171, 162},
	SysSetgroups:     {"setgroups", 116, 159},
	SysSethostname:   {"sethostname", 170, 161},
	SysSetns:         {"setns", 308, 268},
	SysSetresgid:     {"setresgid", 119, 149},
	SysSetresuid:     {"setresuid", 117, 147},
	SysSetsid:        {"setsid", 112, 157},
	SysSocket:        {"socket", 41, 198},
	SysSymlinkat:     {"symlinkat", 266, 36},
	SysUmask:         {"umask", 95, 166},
	SysUmount2:       {"umount2", 166, 39},
	SysUnlinkat:      {"unlinkat", 263, 35},
	SysUnshare:       {"unshare", 272, 97},
	SysWrite:         {"write", 1, 64},
}

// String is the system call's name as the kernel writes it.
func (s Sys) String() string {
	if s >= sysCount {
		return "unknown"
	}
	return sysTable[s].name
}

// On is the system call's number on one CPU.
func (s Sys) On(cpu CPU) uint64 {
	if cpu == ARM64 {
		return sysTable[s].arm64
	}
	return sysTable[s].amd64
}
