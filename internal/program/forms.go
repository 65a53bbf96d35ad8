package program

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A Form says how a listing prints a number.
type Form uint8

const (
	FormInt Form = iota
	FormHex
	FormFD
	FormErrno
	FormMode
	FormNode
	FormDevice
	FormLimit
	firstNamed // from here on: names of flags or of values
	FormAccess
	FormAmbient
	FormAt
	FormAtAccess
	FormAtRecursive
	FormClone
	FormCloseRange
	FormDomain
	FormFcntl
	FormFsconfig
	FormFsmount
	FormFsopen
	FormFspick
	FormInterface
	FormIoctl
	FormKeyctl
	FormMS
	FormMountAttr
	FormMoveMount
	FormMsg
	FormOpenTree
	FormPersonality
	FormPrctl
	FormResolve
	FormRlimit
	FormScm
	FormSignal
	FormSocket
	FormSocketLevel
	FormUmount
)

// Execution domains (linux/personality.h); package unix does not have them.
const (
	PerLinux   = 0
	PerLinux32 = 8
)

// A vocabulary names the values of one kind of argument. In a set of flags
// several names may hold at once, in an enumeration one does.
type vocabulary struct {
	enum  bool
	words []word
}

type word struct {
	name  string
	value uint64
}

func vocabularyOf(f Form) vocabulary {
	switch f {
	case FormAccess:
		return vocabulary{true, []word{{"X_OK", 1}, {"F_OK", 0}}}
	case FormAmbient:
		return vocabulary{true, []word{{"PR_CAP_AMBIENT_RAISE", unix.PR_CAP_AMBIENT_RAISE}, {"PR_CAP_AMBIENT_CLEAR_ALL", unix.PR_CAP_AMBIENT_CLEAR_ALL}}}
	case FormAt:
		return vocabulary{false, []word{{"AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW}}}
	case FormAtAccess:
		return vocabulary{false, []word{{"AT_EACCESS", unix.AT_EACCESS}}}
	case FormAtRecursive:
		return vocabulary{false, []word{{"AT_EMPTY_PATH", unix.AT_EMPTY_PATH}, {"AT_RECURSIVE", unix.AT_RECURSIVE}}}
	case FormClone:
		return vocabulary{false, cloneWords}
	case FormCloseRange:
		return vocabulary{false, []word{{"CLOSE_RANGE_CLOEXEC", unix.CLOSE_RANGE_CLOEXEC}}}
	case FormDomain:
		return vocabulary{true, []word{{"AF_INET", unix.AF_INET}, {"AF_UNIX", unix.AF_UNIX}}}
	case FormFcntl:
		return vocabulary{true, []word{{"F_GETFD", unix.F_GETFD}}}
	case FormFsconfig:
		return vocabulary{true, []word{{"FSCONFIG_SET_FLAG", unix.FSCONFIG_SET_FLAG}, {"FSCONFIG_SET_STRING", unix.FSCONFIG_SET_STRING}, {"FSCONFIG_CMD_CREATE", unix.FSCONFIG_CMD_CREATE}, {"FSCONFIG_CMD_RECONFIGURE", unix.FSCONFIG_CMD_RECONFIGURE}}}
	case FormPersonality:
		return vocabulary{true, []word{{"PER_LINUX", PerLinux}, {"PER_LINUX32", PerLinux32}}}
	case FormFsmount:
		return vocabulary{false, []word{{"FSMOUNT_CLOEXEC", unix.FSMOUNT_CLOEXEC}}}
	case FormFsopen:
		return vocabulary{false, []word{{"FSOPEN_CLOEXEC", unix.FSOPEN_CLOEXEC}}}
	case FormFspick:
		return vocabulary{false, []word{{"FSPICK_CLOEXEC", unix.FSPICK_CLOEXEC}, {"FSPICK_EMPTY_PATH", unix.FSPICK_EMPTY_PATH}}}
	case FormInterface:
		return vocabulary{false, []word{{"IFF_UP", unix.IFF_UP}}}
	case FormIoctl:
		return vocabulary{true, ioctlWords}
	case FormKeyctl:
		return vocabulary{true, []word{{"KEYCTL_JOIN_SESSION_KEYRING", unix.KEYCTL_JOIN_SESSION_KEYRING}, {"KEYCTL_SETPERM", unix.KEYCTL_SETPERM}}}
	case FormMsg:
		return vocabulary{false, []word{{"MSG_NOSIGNAL", unix.MSG_NOSIGNAL}}}
	case FormPrctl:
		return vocabulary{true, prctlWords}
	case FormResolve:
		return vocabulary{false, resolveWords}
	case FormRlimit:
		return vocabulary{true, rlimitWords}
	case FormScm:
		return vocabulary{true, []word{{"SCM_RIGHTS", unix.SCM_RIGHTS}}}
	case FormSignal:
		return vocabulary{true, []word{{"SIGTERM", uint64(unix.SIGTERM)}}}
	case FormSocket:
		return vocabulary{false, []word{{"SOCK_DGRAM", unix.SOCK_DGRAM}, {"SOCK_CLOEXEC", unix.SOCK_CLOEXEC}}}
	case FormSocketLevel:
		return vocabulary{true, []word{{"SOL_SOCKET", unix.SOL_SOCKET}}}
	}
	return mountVocabularyOf(f)
}

func mountVocabularyOf(f Form) vocabulary {
	switch f {
	case FormMS:
		return vocabulary{false, msWords}
	case FormMountAttr:
		return vocabulary{false, mountAttrWords}
	case FormMoveMount:
		return vocabulary{false, []word{{"MOVE_MOUNT_F_EMPTY_PATH", unix.MOVE_MOUNT_F_EMPTY_PATH}, {"MOVE_MOUNT_T_EMPTY_PATH", unix.MOVE_MOUNT_T_EMPTY_PATH}}}
	case FormOpenTree:
		return vocabulary{false, []word{{"OPEN_TREE_CLONE", unix.OPEN_TREE_CLONE}, {"OPEN_TREE_CLOEXEC", unix.OPEN_TREE_CLOEXEC}, {"AT_EMPTY_PATH", unix.AT_EMPTY_PATH}, {"AT_RECURSIVE", unix.AT_RECURSIVE}, {"AT_SYMLINK_NOFOLLOW", unix.AT_SYMLINK_NOFOLLOW}}}
	case FormUmount:
		return vocabulary{false, []word{{"MNT_DETACH", unix.MNT_DETACH}}}
	}
	return vocabulary{}
}

var (
	cloneWords = []word{
		{"CLONE_PARENT", unix.CLONE_PARENT}, {"CLONE_INTO_CGROUP", unix.CLONE_INTO_CGROUP},
		{"CLONE_NEWCGROUP", unix.CLONE_NEWCGROUP}, {"CLONE_NEWIPC", unix.CLONE_NEWIPC},
		{"CLONE_NEWNET", unix.CLONE_NEWNET}, {"CLONE_NEWNS", unix.CLONE_NEWNS},
		{"CLONE_NEWPID", unix.CLONE_NEWPID}, {"CLONE_NEWTIME", unix.CLONE_NEWTIME},
		{"CLONE_NEWUSER", unix.CLONE_NEWUSER}, {"CLONE_NEWUTS", unix.CLONE_NEWUTS},
	}
	ioctlWords = []word{
		{"SIOCSIFFLAGS", unix.SIOCSIFFLAGS}, {"TIOCGPTPEER", unix.TIOCGPTPEER}, {"TIOCSCTTY", unix.TIOCSCTTY},
		{"TIOCSPTLCK", unix.TIOCSPTLCK}, {"TIOCSWINSZ", unix.TIOCSWINSZ},
	}
	prctlWords = []word{
		{"PR_SET_DUMPABLE", unix.PR_SET_DUMPABLE}, {"PR_SET_KEEPCAPS", unix.PR_SET_KEEPCAPS},
		{"PR_CAPBSET_DROP", unix.PR_CAPBSET_DROP}, {"PR_SET_NO_NEW_PRIVS", unix.PR_SET_NO_NEW_PRIVS},
		{"PR_CAP_AMBIENT", unix.PR_CAP_AMBIENT}, {"PR_SET_NAME", unix.PR_SET_NAME},
	}
	resolveWords = []word{
		{"RESOLVE_BENEATH", unix.RESOLVE_BENEATH}, {"RESOLVE_IN_ROOT", unix.RESOLVE_IN_ROOT},
		{"RESOLVE_NO_MAGICLINKS", unix.RESOLVE_NO_MAGICLINKS}, {"RESOLVE_NO_SYMLINKS", unix.RESOLVE_NO_SYMLINKS},
		{"RESOLVE_NO_XDEV", unix.RESOLVE_NO_XDEV},
	}
	// In the order of the numbers, include/uapi/asm-generic/resource.h.
	rlimitWords = []word{
		{"RLIMIT_CPU", 0}, {"RLIMIT_FSIZE", 1}, {"RLIMIT_DATA", 2}, {"RLIMIT_STACK", 3}, {"RLIMIT_CORE", 4},
		{"RLIMIT_RSS", 5}, {"RLIMIT_NPROC", 6}, {"RLIMIT_NOFILE", 7}, {"RLIMIT_MEMLOCK", 8}, {"RLIMIT_AS", 9},
		{"RLIMIT_LOCKS", 10}, {"RLIMIT_SIGPENDING", 11}, {"RLIMIT_MSGQUEUE", 12}, {"RLIMIT_NICE", 13},
		{"RLIMIT_RTPRIO", 14}, {"RLIMIT_RTTIME", 15},
	}
	msWords = []word{
		{"MS_RDONLY", unix.MS_RDONLY}, {"MS_NOSUID", unix.MS_NOSUID}, {"MS_NODEV", unix.MS_NODEV},
		{"MS_NOEXEC", unix.MS_NOEXEC}, {"MS_REMOUNT", unix.MS_REMOUNT}, {"MS_BIND", unix.MS_BIND},
		{"MS_REC", unix.MS_REC}, {"MS_PRIVATE", unix.MS_PRIVATE}, {"MS_SLAVE", unix.MS_SLAVE},
		{"MS_SHARED", unix.MS_SHARED}, {"MS_UNBINDABLE", unix.MS_UNBINDABLE}, {"MS_RELATIME", unix.MS_RELATIME},
		{"MS_STRICTATIME", unix.MS_STRICTATIME}, {"MS_SYNCHRONOUS", unix.MS_SYNCHRONOUS}, {"MS_DIRSYNC", unix.MS_DIRSYNC},
		{"MS_MANDLOCK", unix.MS_MANDLOCK}, {"MS_LAZYTIME", unix.MS_LAZYTIME}, {"MS_I_VERSION", unix.MS_I_VERSION},
		{"MS_NOATIME", unix.MS_NOATIME}, {"MS_NODIRATIME", unix.MS_NODIRATIME}, {"MS_NOSYMFOLLOW", unix.MS_NOSYMFOLLOW},
	}
	mountAttrWords = []word{
		{"MOUNT_ATTR_RDONLY", unix.MOUNT_ATTR_RDONLY}, {"MOUNT_ATTR_NOSUID", unix.MOUNT_ATTR_NOSUID},
		{"MOUNT_ATTR_NODEV", unix.MOUNT_ATTR_NODEV}, {"MOUNT_ATTR_NOEXEC", unix.MOUNT_ATTR_NOEXEC},
		{"MOUNT_ATTR__ATIME", unix.MOUNT_ATTR__ATIME},
		{"MOUNT_ATTR_NOATIME", unix.MOUNT_ATTR_NOATIME}, {"MOUNT_ATTR_STRICTATIME", unix.MOUNT_ATTR_STRICTATIME},
		{"MOUNT_ATTR_NODIRATIME", unix.MOUNT_ATTR_NODIRATIME}, {"MOUNT_ATTR_NOSYMFOLLOW", unix.MOUNT_ATTR_NOSYMFOLLOW},
	}
)

// text prints v as the form says.
func (f Form) text(v uint64) string {
	switch f {
	case FormInt:
		return strconv.FormatInt(int64(v), 10)
	case FormFD:
		if int64(v) == unix.AT_FDCWD {
			return "AT_FDCWD"
		}
		return strconv.FormatInt(int64(v), 10)
	case FormErrno:
		return "-" + unix.ErrnoName(unix.Errno(-v))
	case FormMode:
		return fmt.Sprintf("%#o", v)
	case FormNode:
		return nodeText(v)
	case FormDevice:
		return fmt.Sprintf("%d:%d", unix.Major(v), unix.Minor(v))
	case FormLimit:
		if v == unix.RLIM_INFINITY {
			return "RLIM_INFINITY"
		}
		return strconv.FormatUint(v, 10)
	}
	if f > firstNamed {
		return vocabularyOf(f).text(v)
	}
	return fmt.Sprintf("%#x", v)
}

func nodeText(v uint64) string {
	kind := map[uint64]string{unix.S_IFCHR: "S_IFCHR", unix.S_IFBLK: "S_IFBLK", unix.S_IFIFO: "S_IFIFO", unix.S_IFREG: "S_IFREG"}[v&unix.S_IFMT]
	return fmt.Sprintf("%s|%#o", kind, v&^unix.S_IFMT)
}

func (voc vocabulary) text(v uint64) string {
	if voc.enum {
		for _, w := range voc.words {
			if w.value == v {
				return w.name
			}
		}
		return fmt.Sprintf("%#x", v)
	}
	if v == 0 {
		return "0"
	}
	var names []string
	for _, w := range voc.words {
		if w.value != 0 && v&w.value == w.value {
			names = append(names, w.name)
			v &^= w.value
		}
	}
	if v != 0 {
		names = append(names, fmt.Sprintf("%#x", v))
	}
	return strings.Join(names, "|")
}
