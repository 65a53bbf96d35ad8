package vm

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// A bench is a process whose data the tests of single calls fill.
type bench struct {
	p    *Process
	next uint64 // address of free data
}

func newBench(t *testing.T) *bench {
	t.Helper()
	s := newSketch()
	s.Read(program.FD(0), s.Buffer("room", 2048, ""), 1)
	s.endings(s.setupFailed)
	_, p, err := load(s.finish(t).Encode(program.AMD64), inherited)
	if err != nil {
		t.Fatal(err)
	}
	for n, kind := range []Kind{File, Path, FsContext, Superblock, Mount, Socket, PidFD} {
		p.Descriptors.set(Descriptor{Number: firstOfKinds + n, Kind: kind, Name: kind.String(), Cloexec: true, Readable: true})
	}
	return &bench{p, program.Base + p.Memory.data}
}

// Descriptors of the bench beside the inherited ones, by kind.
const (
	firstOfKinds = 10 + iota
	pathFD
	contextFD
	superblockFD
	mountFD
	socketFD
	pidFD
)

const fileFD = firstOfKinds

// put places data and is its address.
func (b *bench) put(data string) uint64 {
	at := b.next
	copy(b.p.Memory.bytes[at-program.Base:], data)
	b.next += uint64(len(data)+8) &^ 7
	return at
}

// words are numbers as a struct holds them.
func words(v ...uint64) string {
	var out []byte
	for _, w := range v {
		out = binary.LittleEndian.AppendUint64(out, w)
	}
	return string(out)
}

// halves are 32-bit numbers as a struct holds them.
func halves(v ...uint32) string {
	var out []byte
	for _, w := range v {
		out = binary.LittleEndian.AppendUint32(out, w)
	}
	return string(out)
}

// args makes arguments: numbers stay, text is placed and becomes its address.
func (b *bench) args(t *testing.T, given []any) (args [6]uint64) {
	t.Helper()
	for n, a := range given {
		switch a := a.(type) {
		case int:
			args[n] = uint64(a)
		case string:
			args[n] = b.put(a)
		case func(*bench) uint64:
			args[n] = a(b)
		default:
			t.Fatalf("argument %d: %T", n, a)
		}
	}
	return args
}

func path(s string) string { return s + "\x00" }

// array is an address of an array of strings.
func array(texts ...string) func(*bench) uint64 {
	return func(b *bench) uint64 {
		var pointers []uint64
		for _, s := range texts {
			pointers = append(pointers, b.put(path(s)))
		}
		return b.put(words(append(pointers, 0)...))
	}
}

// rights is a struct msghdr of one message and one descriptor.
func rights(fd uint32) func(*bench) uint64 {
	return func(b *bench) uint64 {
		iov := b.put(words(b.put(words(program.MessageRequest, 0)), program.MessageSize))
		control := b.put(words(20) + halves(unix.SOL_SOCKET, unix.SCM_RIGHTS, fd, 0))
		return b.put(words(0, 0, iov, 1, control, 24, 0))
	}
}

const (
	cwd     = unix.AT_FDCWD
	none    = -1
	cloexec = 0x80000
	opath   = 0x200000
	empty   = unix.AT_EMPTY_PATH
)

// good are calls that the real kernel takes, at least one for each system call.
var good = []struct {
	sys    program.Sys
	args   []any
	result int64
}{
	{program.SysCapset, []any{halves(unix.LINUX_CAPABILITY_VERSION_3, 0), halves(1, 3, 0, 4, 4, 4)}, 0},
	{program.SysChdir, []any{path("/")}, 0},
	{program.SysChroot, []any{path(".")}, 0},
	{program.SysClone3, []any{words(unix.CLONE_PARENT|unix.CLONE_INTO_CGROUP, 0, 0, 0, 0, 0, 0, 0, 0, 0, 6), 88}, firstPid},
	{program.SysClose, []any{fileFD}, 0},
	{program.SysCloseRange, []any{3, 0xffffffff, unix.CLOSE_RANGE_CLOEXEC}, 0},
	{program.SysCloseRange, []any{7, 9, 0}, 0},
	{program.SysDup3, []any{fileFD, 0, 0}, 0},
	{program.SysExecve, []any{path("/a"), array("a", "b"), array()}, 0},
	{program.SysExitGroup, []any{255}, 0},
	{program.SysFaccessat2, []any{mountFD, path("."), unix.F_OK, unix.AT_EACCESS}, 0},
	{program.SysFaccessat2, []any{cwd, path("/bin/sh/."), unix.F_OK, 0}, -int64(unix.ENOTDIR)},
	{program.SysFchdir, []any{pathFD}, 0},
	{program.SysFchown, []any{fileFD, 5, none}, 0},
	{program.SysFchownat, []any{pathFD, path("a"), 5, 5, unix.AT_SYMLINK_NOFOLLOW}, 0},
	{program.SysFcntl, []any{fileFD, unix.F_GETFD}, unix.FD_CLOEXEC},
	{program.SysFcntl, []any{0, unix.F_GETFD}, 0},
	{program.SysFcntl, []any{99, unix.F_GETFD}, -int64(unix.EBADF)},
	{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_SET_FLAG, path("ro"), 0, 0}, 0},
	{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_SET_STRING, path("a"), path(strings.Repeat("x", 255)), 0}, 0},
	{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_CMD_CREATE, 0, 0, 0}, 0},
	{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_CMD_RECONFIGURE, 0, 0, 0}, 0},
	{program.SysFspick, []any{pathFD, path(""), unix.FSPICK_CLOEXEC | unix.FSPICK_EMPTY_PATH}, 7},
	{program.SysFsmount, []any{superblockFD, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID}, 7},
	{program.SysFsopen, []any{path("tmpfs"), unix.FSOPEN_CLOEXEC}, 7},
	{program.SysIoctl, []any{socketFD, unix.SIOCSIFFLAGS, "lo" + strings.Repeat("\x00", 38)}, 0},
	{program.SysKeyctl, []any{unix.KEYCTL_JOIN_SESSION_KEYRING, path("_ses")}, 0x12345678},
	{program.SysKeyctl, []any{unix.KEYCTL_SETPERM, 5, 0x3f1b0000}, 0},
	{program.SysMkdirat, []any{pathFD, path("a"), 0o755}, 0},
	{program.SysMknodat, []any{cwd, path("/a/b"), unix.S_IFCHR | 0o666, 259}, 0},
	{program.SysMknodat, []any{pathFD, path("a"), unix.S_IFREG | 0o755, 0}, 0},
	{program.SysMount, []any{0, path("/"), 0, unix.MS_REC | unix.MS_SLAVE, 0}, 0},
	{program.SysMountSetattr, []any{mountFD, path(""), empty | unix.AT_RECURSIVE, words(1|unix.MOUNT_ATTR_NOATIME, unix.MOUNT_ATTR__ATIME, 0, 0), 32}, 0},
	{program.SysMountSetattr, []any{cwd, path("/"), 0, words(0, 0, unix.MS_SHARED, 0), 32}, 0},
	{program.SysMoveMount, []any{mountFD, path(""), pathFD, path(""), unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH}, 0},
	{program.SysOpenTree, []any{pathFD, path(""), empty | unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE}, 7},
	{program.SysOpenat, []any{cwd, path("/a"), cloexec | unix.O_RDWR, 0}, 7},
	{program.SysOpenat2, []any{pathFD, path("a"), words(cloexec|unix.O_CREAT|unix.O_WRONLY, 0o600, unix.RESOLVE_BENEATH), 24}, 7},
	{program.SysOpenat2, []any{pathFD, path("/a"), words(cloexec|opath, 0, unix.RESOLVE_IN_ROOT), 24}, 7},
	{program.SysPivotRoot, []any{path("."), path(".")}, 0},
	{program.SysPrctl, []any{unix.PR_SET_DUMPABLE, 0}, 0},
	{program.SysPrctl, []any{unix.PR_SET_KEEPCAPS, 1}, 0},
	{program.SysPrctl, []any{unix.PR_SET_NAME, "vial"}, 0},
	{program.SysPrctl, []any{unix.PR_SET_NO_NEW_PRIVS, 1}, 0},
	{program.SysPrctl, []any{unix.PR_CAPBSET_DROP, 40}, 0},
	{program.SysPrctl, []any{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL}, 0},
	{program.SysPrctl, []any{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, 12}, 0},
	{program.SysPrlimit64, []any{0, 7, words(1, ^uint64(0)), 0}, 0},
	{program.SysRead, []any{4, words(0), 1}, 1},
	{program.SysRtSigaction, []any{int(unix.SIGTERM), words(program.TerminatedAddress, 0x04000000, 0, 0), 0, 8}, 0},
	{program.SysSendmsg, []any{3, rights(fileFD), unix.MSG_NOSIGNAL}, 16},
	{program.SysSendto, []any{3, words(program.MessageRequest, 0), 16, unix.MSG_NOSIGNAL}, 16},
	{program.SysRecvfrom, []any{3, words(0), 8}, 8},
	{program.SysSetdomainname, []any{path("a.b"), 3}, 0},
	{program.SysSetgroups, []any{2, halves(5, 6)}, 0},
	{program.SysSetgroups, []any{0, 0}, 0},
	{program.SysSethostname, []any{path("a"), 1}, 0},
	{program.SysSetresgid, []any{5, 5, 5}, 0},
	{program.SysSetresuid, []any{0xfffffffe, 0, 0}, 0},
	{program.SysSetsid, nil, 1},
	{program.SysSocket, []any{unix.AF_INET, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC}, 7},
	{program.SysSymlinkat, []any{path("/proc/self/fd"), mountFD, path("fd")}, 0},
	{program.SysPersonality, []any{8}, 0},
	{program.SysUmask, []any{0o777}, 0o022},
	{program.SysUmount2, []any{path("."), unix.MNT_DETACH}, 0},
	{program.SysUnlinkat, []any{mountFD, path("a")}, 0},
	{program.SysUnshare, []any{unix.CLONE_NEWCGROUP}, 0},
	{program.SysSetns, []any{pidFD, unix.CLONE_NEWPID}, 0},
	{program.SysWrite, []any{1, path("x"), 1}, 1},
}

// call asks the fake kernel for one call. A receive has a question before it.
func (b *bench) call(sys program.Sys, args [6]uint64) (Answer, error) {
	if sys == program.SysRecvfrom {
		b.p.Messages = []Message{{First: program.MessageRequest}}
	}
	return (&Fake{CPU: program.AMD64}).Call(b.p, sys.On(program.AMD64), args)
}

// What the real kernel takes, the fake one does; but every argument that the
// system call does not have must be 0.
func TestGoodCalls(t *testing.T) {
	tested := make(map[program.Sys]bool)
	for _, test := range good {
		tested[test.sys] = true
		b := newBench(t)
		answer, err := b.call(test.sys, b.args(t, test.args))
		if err != nil || answer.Result != test.result {
			t.Errorf("%s: %d, %v, want %d", test.sys, answer.Result, err, test.result)
		}
		for n := arity[test.sys]; n < 6; n++ {
			b := newBench(t)
			args := b.args(t, test.args)
			args[n] = 1
			want := test.sys.String() + ": argument " + strconv.Itoa(n) + " is 0x1, not 0"
			if _, err := b.call(test.sys, args); errorText(err) != want {
				t.Errorf("%s with argument %d: %v, want %s", test.sys, n, err, want)
			}
		}
	}
	for sys := range handlers {
		if !tested[sys] {
			t.Errorf("no good call of %s", sys)
		}
		if _, ok := arity[sys]; !ok {
			t.Errorf("nobody says how many arguments %s takes", sys)
		}
	}
}

// arity is how many arguments a system call takes, as its manual page has it;
// of a call whose later arguments have to be 0 here, up to those.
var arity = map[program.Sys]int{
	program.SysCapset: 2, program.SysChdir: 1, program.SysChroot: 1, program.SysClone3: 2, program.SysClose: 1, program.SysCloseRange: 3,
	program.SysDup3: 3, program.SysExecve: 3, program.SysExitGroup: 1, program.SysFaccessat2: 4, program.SysFchdir: 1,
	program.SysFchown: 3, program.SysFchownat: 5, program.SysFcntl: 2, program.SysFsconfig: 4, program.SysFsmount: 3,
	program.SysFsopen: 2, program.SysFspick: 3, program.SysIoctl: 3, program.SysKeyctl: 3, program.SysMkdirat: 3, program.SysMknodat: 4,
	program.SysMount: 5, program.SysMountSetattr: 5, program.SysMoveMount: 5, program.SysOpenTree: 3, program.SysOpenat: 4,
	program.SysOpenat2: 4, program.SysPersonality: 1, program.SysPivotRoot: 2, program.SysPrctl: 3, program.SysPrlimit64: 3, program.SysRead: 3,
	program.SysRecvfrom: 3, program.SysRtSigaction: 4, program.SysSendmsg: 3, program.SysSendto: 4, program.SysSetdomainname: 2, program.SysSetgroups: 2,
	program.SysSethostname: 2, program.SysSetresgid: 3, program.SysSetresuid: 3, program.SysSetsid: 0, program.SysSocket: 2,
	program.SysSymlinkat: 3, program.SysUmask: 1, program.SysUmount2: 2, program.SysUnlinkat: 3, program.SysUnshare: 1, program.SysSetns: 2,
	program.SysWrite: 3,
}

// What the real kernel refuses whoever asks is a bug of the program.
func TestBadCalls(t *testing.T) {
	msghdr := func(at int, v uint64) func(*bench) uint64 {
		return func(b *bench) uint64 {
			header := rights(fileFD)(b)
			binary.LittleEndian.PutUint64(b.p.Memory.bytes[header-program.Base+uint64(at):], v)
			return header
		}
	}
	for _, test := range []struct {
		sys  program.Sys
		args []any
		want string
	}{
		{program.SysCapset, []any{halves(0x19980330, 0), halves(0, 0, 0, 0, 0, 0)}, "version 0x19980330"},
		{program.SysCapset, []any{halves(unix.LINUX_CAPABILITY_VERSION_3, 9), halves(0, 0, 0, 0, 0, 0)}, "pid 9"},
		{program.SysChdir, []any{8}, "argument 0: 1 bytes at 0x8 lie outside the program"},
		{program.SysClone3, []any{words(unix.CLONE_VM, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 88}, "unknown flags 0x100"},
		{program.SysClone3, []any{words(0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0), 88}, "clone_args has 0x11 at offset 32"},
		{program.SysClone3, []any{words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 64}, "argument 1 is 0x40, not 0x58"},
		{program.SysClose, []any{none}, "argument 0: descriptor -1 is not open"},
		{program.SysCloseRange, []any{5, 4, 0}, "no range: 5 to 4"},
		{program.SysCloseRange, []any{5, 9, unix.CLOSE_RANGE_UNSHARE}, "argument 2 holds unknown flags 0x2"},
		{program.SysDup3, []any{fileFD, fileFD, 0}, `descriptor 10 cannot be made a copy of 10 (file "file")`},
		{program.SysExecve, []any{path("/a"), 8, array()}, "argv: 8 bytes at 0x8 lie outside the program"},
		{program.SysExecve, []any{path("/a"), array("a"), 8}, "envp: 8 bytes at 0x8 lie outside the program"},
		{program.SysExitGroup, []any{256}, "status 256"},
		{program.SysFaccessat2, []any{cwd, path("a"), 8, 0}, "argument 2 holds unknown flags 0x8"},
		{program.SysFaccessat2, []any{socketFD, path("a"), 0, 0}, `argument 0: descriptor 15 (socket "socket") is of the wrong kind`},
		{program.SysFchown, []any{pathFD, 0, 0}, `argument 0: descriptor 11 (path "path") is of the wrong kind`},
		{program.SysFchownat, []any{pathFD, path("a"), 0, 0, 0}, "it would follow a link"},
		{program.SysFcntl, []any{fileFD, unix.F_SETFD}, "argument 1 is 0x2, not 0x1"},
		{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_SET_FLAG, path("ro"), 1, 0}, "argument 3 is 0x1, not 0"},
		{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_CMD_CREATE, path("x"), 0, 0}, "argument 2 is 0x"},
		{program.SysFsconfig, []any{contextFD, unix.FSCONFIG_SET_FD, 0, 0, 0}, "unknown command 5"},
		{program.SysFsconfig, []any{superblockFD, unix.FSCONFIG_CMD_CREATE, 0, 0, 0}, `argument 0: descriptor 13 (superblock "superblock") is of the wrong kind`},
		{program.SysFsmount, []any{superblockFD, 0, 0}, `the new descriptor (mount "superblock") is not close-on-exec`},
		{program.SysFsmount, []any{superblockFD, unix.FSMOUNT_CLOEXEC, 0x100}, "argument 2 holds unknown flags 0x100"},
		{program.SysFsopen, []any{path("tmpfs"), 0}, `the new descriptor (filesystem context "tmpfs") is not close-on-exec`},
		{program.SysFspick, []any{pathFD, path(""), unix.FSPICK_CLOEXEC}, `the path "" does not fit the flags`},
		{program.SysIoctl, []any{socketFD, unix.SIOCGIFFLAGS, strings.Repeat("\x00", 40)}, "unknown request 0x8913"},
		{program.SysIoctl, []any{socketFD, unix.SIOCSIFFLAGS, strings.Repeat("\x00", 40)}, "is empty or has no end"},
		{program.SysKeyctl, []any{unix.KEYCTL_SETPERM, none, 0}, "no key has the number -1"},
		{program.SysKeyctl, []any{unix.KEYCTL_REVOKE}, "unknown operation 3"},
		{program.SysMkdirat, []any{pathFD, path(""), 0}, `argument 1: "" is no name`},
		{program.SysMkdirat, []any{pathFD, path(".."), 0}, `argument 1: ".." is no name`},
		{program.SysMkdirat, []any{pathFD, path("a"), 0o10000}, "argument 2 holds unknown flags 0x1000"},
		{program.SysMknodat, []any{pathFD, path("a"), unix.S_IFREG, 1}, "device 0x1 for what is none"},
		{program.SysMknodat, []any{pathFD, path("a"), unix.S_IFDIR, 0}, "mode 040000 has no type that mknod makes"},
		{program.SysMount, []any{8, path("/"), 0, 0, 0}, "argument 0: 1 bytes at 0x8 lie outside the program"},
		{program.SysMountSetattr, []any{mountFD, path(""), 0, words(0, 0, 0, 0), 32}, `the path "" does not fit the flags`},
		{program.SysMountSetattr, []any{mountFD, path(""), empty, words(0x100000, 0, 0, 0), 32}, "unknown attributes 0x100000"},
		{program.SysMountSetattr, []any{mountFD, path(""), empty, words(0, unix.MOUNT_ATTR_NOATIME, 0, 0), 32}, "access times are cleared in part"},
		{program.SysMountSetattr, []any{mountFD, path(""), empty, words(0, 0, unix.MS_SHARED|unix.MS_REC, 0), 32}, "propagation 0x104000"},
		{program.SysMountSetattr, []any{mountFD, path(""), empty, words(0, 0, 0, 3), 32}, "a user namespace without MOUNT_ATTR_IDMAP"},
		{program.SysMoveMount, []any{mountFD, path(""), pathFD, path("x"), 0x44}, `the path "x" does not fit the flags`},
		{program.SysMoveMount, []any{mountFD, path(""), contextFD, path(""), 0x44}, `argument 2: descriptor 12 (filesystem context "filesystem context") is of the wrong kind`},
		{program.SysOpenTree, []any{cwd, path("/"), unix.OPEN_TREE_CLOEXEC | unix.AT_RECURSIVE}, "AT_RECURSIVE without OPEN_TREE_CLONE"},
		{program.SysOpenTree, []any{cwd, path("/"), unix.OPEN_TREE_CLONE}, `the new descriptor (mount "/") is not close-on-exec`},
		{program.SysOpenat, []any{cwd, path("a"), cloexec | unix.O_TRUNC, 0}, "unknown flags 0x200"},
		{program.SysOpenat, []any{cwd, path("a"), cloexec | unix.O_WRONLY | unix.O_RDWR, 0}, "flags 0x80003 are neither for reading nor for writing"},
		{program.SysOpenat2, []any{cwd, path(""), words(cloexec|opath, 0, 0), 24}, "the path is empty"},
		{program.SysOpenat2, []any{cwd, path("/a"), words(cloexec|opath, 0, unix.RESOLVE_BENEATH), 24}, `RESOLVE_BENEATH refuses the absolute path "/a"`},
		{program.SysOpenat2, []any{cwd, path("a"), words(cloexec|opath, 0, unix.RESOLVE_BENEATH|unix.RESOLVE_IN_ROOT), 24}, "RESOLVE_BENEATH and RESOLVE_IN_ROOT exclude each other"},
		{program.SysOpenat2, []any{cwd, path("a"), words(cloexec|opath, 0, 0x40), 24}, "unknown flags 0x40 in resolve"},
		{program.SysOpenat2, []any{cwd, path("a"), words(cloexec|opath, 0, 0), 32}, "argument 3 is 0x20, not 0x18"},
		{program.SysPrctl, []any{unix.PR_SET_DUMPABLE, 2}, "argument 1 holds unknown flags 0x2"},
		{program.SysPrctl, []any{unix.PR_SET_NO_NEW_PRIVS, 0}, "argument 1 is 0x0, not 0x1"},
		{program.SysPrctl, []any{unix.PR_CAPBSET_DROP, 64}, "no capability has the number 64"},
		{program.SysPrctl, []any{unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, 64}, "no capability has the number 64"},
		{program.SysPrctl, []any{9999}, "unknown operation 9999"},
		{program.SysPrlimit64, []any{0, 16, words(1, 1), 0}, "no resource has the number 16"},
		{program.SysPrlimit64, []any{1, 7, words(1, 1), 0}, "argument 0 is 0x1, not 0x0"},
		{program.SysRead, []any{pathFD, words(0), 1}, `argument 0: descriptor 11 (path "path") is of the wrong kind`},
		{program.SysRead, []any{0, program.Base + 64, 1}, "argument 1: 1 bytes at 0x600040 are not data"},
		{program.SysRecvfrom, []any{3, words(0), 0}, "no room for an answer"},
		{program.SysRtSigaction, []any{int(unix.SIGHUP), words(program.TerminatedAddress, 0x04000000, 0, 0), 0, 8}, "argument 0 is 0x1, not 0xf"},
		{program.SysRtSigaction, []any{int(unix.SIGTERM), words(program.Base, 0x04000000, 0, 0), 0, 8}, "the action has 0x600000 at offset 0, not 0x4000f0"},
		{program.SysRtSigaction, []any{int(unix.SIGTERM), words(program.TerminatedAddress, 0x04000000, 0, 0), 1, 8}, "argument 2 is 0x1, not 0x0"},
		{program.SysSendmsg, []any{3, msghdr(24, 2), unix.MSG_NOSIGNAL}, "struct msghdr does not describe one message and one descriptor"},
		{program.SysSendmsg, []any{3, msghdr(16, 8), unix.MSG_NOSIGNAL}, "16 bytes at 0x8 lie outside the program"},
		{program.SysSendmsg, []any{3, msghdr(32, program.Base), unix.MSG_NOSIGNAL}, "struct cmsghdr does not describe one descriptor"},
		{program.SysSendmsg, []any{3, rights(99), unix.MSG_NOSIGNAL}, "descriptor 99, to be sent, is not open"},
		{program.SysSendto, []any{3, words(1, 2), 15, unix.MSG_NOSIGNAL}, "a message of 15 bytes"},
		{program.SysSendto, []any{3, words(1, 2), 16, 0}, "argument 3 is 0x0, not 0x4000"},
		{program.SysSendto, []any{1, words(1, 2), 16, unix.MSG_NOSIGNAL}, `argument 0: descriptor 1 (file "stdout") is of the wrong kind`},
		{program.SysSetgroups, []any{65537, halves(1)}, "65537 groups"},
		{program.SysSethostname, []any{path("a"), 65}, "a name of 65 bytes"},
		{program.SysSethostname, []any{path("a"), 2}, `the name "a\x00" is shorter than said`},
		{program.SysSocket, []any{unix.AF_INET, unix.SOCK_CLOEXEC}, "unknown type 0x80000"},
		{program.SysSocket, []any{unix.AF_INET, unix.SOCK_DGRAM}, `the new descriptor (socket "socket") is not close-on-exec`},
		{program.SysSymlinkat, []any{path(""), pathFD, path("a")}, "the target is empty"},
		{program.SysUmask, []any{0o1000}, "argument 0 holds unknown flags 0x200"},
		{program.SysUmount2, []any{path("."), unix.MNT_FORCE}, "argument 1 holds unknown flags 0x1"},
		{program.SysSetns, []any{pidFD, 0}, "it joins nothing"},
		{program.SysSetns, []any{3, unix.CLONE_NEWPID}, "wrong kind"},
		{program.SysPersonality, []any{0x40000}, "execution domain 0x40000"},
		{program.SysUnshare, []any{unix.CLONE_VM}, "argument 0 holds unknown flags 0x100"},
		{program.SysWrite, []any{fileFD, path("x"), 1}, `10 (file "file") is not open for writing`},
		{program.SysWrite, []any{1, path("x"), 4096}, "lie outside the program"},
	} {
		b := newBench(t)
		_, err := b.call(test.sys, b.args(t, test.args))
		if got := errorText(err); !strings.HasPrefix(got, test.sys.String()+": ") || !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.sys, got, test.want)
		}
	}
	if _, err := (&Fake{CPU: program.ARM64}).Call(nil, 4000, [6]uint64{}); errorText(err) != "no system call has the number 4000 on arm64" {
		t.Error(err)
	}
}

// The table of descriptors changes as the kernel's does.
func TestDescriptors(t *testing.T) {
	b := newBench(t)
	do := func(sys program.Sys, args ...any) int64 {
		t.Helper()
		answer, err := b.call(sys, b.args(t, args))
		if err != nil {
			t.Fatal(err)
		}
		return answer.Result
	}
	table := func() string {
		var out []string
		for _, d := range b.p.Descriptors {
			if d.Kind != Closed && !d.Cloexec {
				out = append(out, strconv.Itoa(d.Number)+"!")
			} else if d.Kind != Closed {
				out = append(out, strconv.Itoa(d.Number))
			}
		}
		return strings.Join(out, " ")
	}
	for _, test := range []struct {
		name string
		do   func() int64
		want int64
		then string
	}{
		{"at first", func() int64 { return 0 }, 0, "0! 1! 2! 3 4 5 6 10 11 12 13 14 15 16"},
		{"the lowest free number", func() int64 { return do(program.SysFsopen, path("a"), 1) }, 7, "0! 1! 2! 3 4 5 6 7 10 11 12 13 14 15 16"},
		{"the next one", func() int64 { return do(program.SysFsopen, path("a"), 1) }, 8, "0! 1! 2! 3 4 5 6 7 8 10 11 12 13 14 15 16"},
		{"closing", func() int64 { return do(program.SysClose, 7) }, 0, "0! 1! 2! 3 4 5 6 8 10 11 12 13 14 15 16"},
		{"the hole first", func() int64 { return do(program.SysFsopen, path("a"), 1) }, 7, "0! 1! 2! 3 4 5 6 7 8 10 11 12 13 14 15 16"},
		{"a range", func() int64 { return do(program.SysCloseRange, 7, 12, 0) }, 0, "0! 1! 2! 3 4 5 6 13 14 15 16"},
		{"a copy without the flag", func() int64 { return do(program.SysDup3, 4, 20, 0) }, 20, "0! 1! 2! 3 4 5 6 13 14 15 16 20!"},
		{"a copy over another", func() int64 { return do(program.SysDup3, 4, 1, cloexec) }, 1, "0! 1 2! 3 4 5 6 13 14 15 16 20!"},
		{"the flag for a range", func() int64 { return do(program.SysCloseRange, 2, 0xffffffff, unix.CLOSE_RANGE_CLOEXEC) }, 0, "0! 1 2 3 4 5 6 13 14 15 16 20"},
		{"all but the first", func() int64 { return do(program.SysCloseRange, 1, 0xffffffff, 0) }, 0, "0!"},
		{"from the start again", func() int64 { return do(program.SysFsopen, path("a"), 1) }, 1, "0! 1"},
	} {
		if got := test.do(); got != test.want {
			t.Errorf("%s: result %d, want %d", test.name, got, test.want)
		}
		if got := table(); got != test.then {
			t.Errorf("%s: descriptors %s, want %s", test.name, got, test.then)
		}
	}
}
