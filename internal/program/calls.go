package program

import "golang.org/x/sys/unix"

// Constructors of calls, one per system call, in the order of the manual
// pages. Arguments come as: what, where, how. Flags that vial always passes
// (close-on-exec, empty paths) are not arguments.

// Set moves a value into the call's slot; it is no system call. The negative
// of an errno makes it fail with that errno.
func (b *Builder) Set(value Arg) *Call { return b.call(SysSet, value) }

// FailWith fails with errno and text.
func (b *Builder) FailWith(errno unix.Errno, text string) *Call {
	return b.call(SysSet, Arg{value: -uint64(errno), form: FormErrno}).Saying(text)
}

// Prctl is prctl(2): op(a, 0, 0, 0).
func (b *Builder) Prctl(op int, a uint64) *Call {
	return b.Prctl2(op, Imm(a, FormInt), Int(0))
}

// Prctl2 is prctl(2): op(x, y, 0, 0).
func (b *Builder) Prctl2(op int, x, y Arg) *Call {
	return b.call(SysPrctl, Imm(uint64(op), FormPrctl), x, y, Int(0), Int(0))
}

// PrctlAmbient is prctl(PR_CAP_AMBIENT, op, capability).
func (b *Builder) PrctlAmbient(op uint64, capability int) *Call {
	return b.Prctl2(unix.PR_CAP_AMBIENT, Imm(op, FormAmbient), Int(capability))
}

// CloseRange closes descriptors from first on, or with CLOSE_RANGE_CLOEXEC
// marks them to be closed by execve.
func (b *Builder) CloseRange(first int, flags uint64) *Call {
	return b.call(SysCloseRange, FD(first), Imm(0xffffffff, FormHex), Imm(flags, FormCloseRange))
}

// Close closes the descriptor in s.
func (b *Builder) Close(s Slot) *Call { return b.call(SysClose, s.Content()) }

// CloseFD closes the descriptor of that number.
func (b *Builder) CloseFD(fd int) *Call { return b.call(SysClose, FD(fd)) }

// Clone3 makes the container's first process in namespaces of its own. The
// new process goes on at label child. cgroup is the descriptor of a cgroup v2
// directory to be born in, used if flags hold CLONE_INTO_CGROUP.
func (b *Builder) Clone3(flags uint64, cgroup int, child Target) *Call {
	args := b.Struct(Datum{Kind: DatumStruct, Name: "clone_args", Size: 88, Fields: []Field{
		{"flags", 0, 8, Imm(flags, FormClone)},
		{"cgroup", 80, 8, FD(cgroup)},
	}})
	return b.call(SysClone3, args, Int(88)).OnZero(child)
}

// Unshare moves the process into new namespaces.
func (b *Builder) Unshare(flags uint64) *Call {
	return b.call(SysUnshare, Imm(flags, FormClone))
}

// Setns joins namespaces: of a process, if fd is its pidfd, those that flags
// name, all or none (setns(2), since Linux 5.8).
func (b *Builder) Setns(fd Arg, flags uint64) *Call {
	return b.call(SysSetns, fd, Imm(flags, FormClone))
}

// Setsid starts a session.
func (b *Builder) Setsid() *Call { return b.call(SysSetsid) }

// JoinSessionKeyring replaces the session keyring by a new or existing one.
func (b *Builder) JoinSessionKeyring(name string) *Call {
	return b.call(SysKeyctl, Imm(unix.KEYCTL_JOIN_SESSION_KEYRING, FormKeyctl), b.String(name))
}

// SetKeyPermissions is keyctl(KEYCTL_SETPERM).
func (b *Builder) SetKeyPermissions(key Slot, permissions uint32) *Call {
	k := key.Content()
	k.form = FormInt
	return b.call(SysKeyctl, Imm(unix.KEYCTL_SETPERM, FormKeyctl), k, Imm(uint64(permissions), FormHex))
}

// Socket makes a socket.
func (b *Builder) Socket(domain, kind uint64) *Call {
	return b.call(SysSocket, Imm(domain, FormDomain), Imm(kind|unix.SOCK_CLOEXEC, FormSocket), Int(0))
}

// SetInterfaceFlags is ioctl(SIOCSIFFLAGS) on the interface of that name.
func (b *Builder) SetInterfaceFlags(socket Slot, name string, flags uint16) *Call {
	request := b.Struct(Datum{Kind: DatumStruct, Name: "ifreq", Size: 40, Text: name, Fields: []Field{
		{"flags", 16, 2, Imm(uint64(flags), FormInterface)},
	}})
	return b.call(SysIoctl, socket.Content(), Imm(unix.SIOCSIFFLAGS, FormIoctl), request)
}

// Openat2 opens path beneath dir. RESOLVE_* lookups answer EAGAIN when a
// rename or mount anywhere on the host raced with a ".." in a link, so the
// call is repeated; an attacker who keeps on renaming makes it fail.
func (b *Builder) Openat2(dir Arg, path string, how How) *Call {
	c := b.call(SysOpenat2, dir, b.String(path), b.how(how), Int(24))
	c.Retry = 128
	return c
}

func (b *Builder) how(how How) Arg {
	ref, ok := b.hows[how]
	if !ok {
		fields := []Field{{"flags", 0, 8, Arg{kind: argOpenFlags, value: uint64(how.Flags)}}}
		if how.Mode != 0 {
			fields = append(fields, Field{"mode", 8, 8, Imm(uint64(how.Mode), FormMode)})
		}
		fields = append(fields, Field{"resolve", 16, 8, Imm(how.Resolve, FormResolve)})
		ref = b.datum(Datum{Kind: DatumStruct, Name: "open_how", Size: 24, Fields: fields})
		b.hows[how] = ref
	}
	return Arg{kind: argAddress, ref: ref}
}

// Openat opens a path that nobody but the user's own process depends on.
func (b *Builder) Openat(dir Arg, path string, flags OpenFlags) *Call {
	return b.call(SysOpenat, dir, b.String(path), Arg{kind: argOpenFlags, value: uint64(flags)}, Int(0))
}

// Faccessat2 asks whether path beneath dir may be used as mode says (X_OK,
// F_OK …); flags may hold AT_EACCESS, to ask for the effective ids.
func (b *Builder) Faccessat2(dir Arg, path string, mode, flags uint64) *Call {
	return b.call(SysFaccessat2, dir, b.String(path), Imm(mode, FormAccess), Imm(flags, FormAtAccess))
}

// Mkdirat makes a directory in dir; name has one component.
func (b *Builder) Mkdirat(dir Arg, name string, mode uint32) *Call {
	return b.call(SysMkdirat, dir, b.String(name), Imm(uint64(mode), FormMode))
}

// Mknodat makes a file in dir; name has one component, mode holds its type.
func (b *Builder) Mknodat(dir Arg, name string, mode uint32, device uint64) *Call {
	return b.call(SysMknodat, dir, b.String(name), Imm(uint64(mode), FormNode), Imm(device, FormDevice))
}

// Symlinkat makes a symbolic link in dir.
func (b *Builder) Symlinkat(target string, dir Arg, name string) *Call {
	return b.call(SysSymlinkat, b.String(target), dir, b.String(name))
}

// Fchownat changes the owner of what dir/name is itself, never of what a link leads to.
func (b *Builder) Fchownat(dir Arg, name string, uid, gid uint32) *Call {
	return b.call(SysFchownat, dir, b.String(name), Int(int(uid)), Int(int(gid)), Imm(unix.AT_SYMLINK_NOFOLLOW, FormAt))
}

// Fchown changes the owner of what fd is open on.
func (b *Builder) Fchown(fd Arg, uid uint32) *Call {
	return b.call(SysFchown, fd, Int(int(uid)), Int(-1))
}

// Unlinkat removes the file dir/name.
func (b *Builder) Unlinkat(dir Arg, name string) *Call {
	return b.call(SysUnlinkat, dir, b.String(name), Int(0))
}

// Dup3 makes descriptor to mean what s is open on; execve keeps it.
func (b *Builder) Dup3(s Slot, to int) *Call {
	return b.call(SysDup3, s.Content(), FD(to), Int(0))
}

// IsOpen asks whether s holds an open descriptor: EBADF when it does not.
func (b *Builder) IsOpen(s Slot) *Call {
	return b.call(SysFcntl, s.Content(), Imm(unix.F_GETFD, FormFcntl))
}

// Personality sets the execution domain (personality(2)).
func (b *Builder) Personality(domain uint64) *Call {
	return b.call(SysPersonality, Imm(domain, FormPersonality))
}

// Umask sets the mask of new files' modes.
func (b *Builder) Umask(mask uint32) *Call { return b.call(SysUmask, Imm(uint64(mask), FormMode)) }

// OpenTreeAt opens the mount at path; with OPEN_TREE_CLONE a detached copy.
func (b *Builder) OpenTreeAt(dir Arg, path string, flags uint64) *Call {
	return b.call(SysOpenTree, dir, b.String(path), Imm(flags|unix.OPEN_TREE_CLOEXEC, FormOpenTree))
}

// CloneTree makes a detached copy of what descriptor s is open on.
func (b *Builder) CloneTree(s Slot, flags uint64) *Call {
	return b.OpenTreeAt(s.Content(), "", flags|unix.OPEN_TREE_CLONE|unix.AT_EMPTY_PATH)
}

// MoveMount attaches the detached mount in slot tree on top of what target is
// open on. Both are descriptors: no path is looked up, so nothing inside the
// rootfs can redirect the mount.
func (b *Builder) MoveMount(tree, target Slot) *Call {
	const flags = unix.MOVE_MOUNT_F_EMPTY_PATH | unix.MOVE_MOUNT_T_EMPTY_PATH
	empty := b.String("")
	return b.call(SysMoveMount, tree.Content(), empty, target.Content(), empty, Imm(flags, FormMoveMount))
}

// MountAttr is struct mount_attr of mount_setattr(2).
type MountAttr struct {
	Set, Clear  uint64 // MOUNT_ATTR_*
	Propagation uint64 // MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE
}

// MountSetattr changes attributes of the mount that s is open on; flags may
// hold AT_RECURSIVE.
func (b *Builder) MountSetattr(s Slot, flags uint64, attr MountAttr) *Call {
	return b.MountSetattrAt(s.Content(), "", flags|unix.AT_EMPTY_PATH, attr)
}

// MountSetattrAt changes attributes of the mount at path.
func (b *Builder) MountSetattrAt(dir Arg, path string, flags uint64, attr MountAttr) *Call {
	return b.call(SysMountSetattr, dir, b.String(path), Imm(flags, FormAtRecursive), b.mountAttr(attr), Int(32))
}

func (b *Builder) mountAttr(attr MountAttr) Arg {
	ref, ok := b.attrs[attr]
	if !ok {
		var fields []Field
		if attr.Set != 0 {
			fields = append(fields, Field{"attr_set", 0, 8, Imm(attr.Set, FormMountAttr)})
		}
		if attr.Clear != 0 {
			fields = append(fields, Field{"attr_clr", 8, 8, Imm(attr.Clear, FormMountAttr)})
		}
		if attr.Propagation != 0 {
			fields = append(fields, Field{"propagation", 16, 8, Imm(attr.Propagation, FormMS)})
		}
		ref = b.datum(Datum{Kind: DatumStruct, Name: "mount_attr", Size: 32, Fields: fields})
		b.attrs[attr] = ref
	}
	return Arg{kind: argAddress, ref: ref}
}

// Fsopen starts to configure a filesystem of that type.
func (b *Builder) Fsopen(fstype string) *Call {
	return b.call(SysFsopen, b.String(fstype), Imm(unix.FSOPEN_CLOEXEC, FormFsopen))
}

// Fspick starts to configure the filesystem of the mount that s is open on anew.
func (b *Builder) Fspick(s Slot) *Call {
	return b.call(SysFspick, s.Content(), b.String(""), Imm(unix.FSPICK_CLOEXEC|unix.FSPICK_EMPTY_PATH, FormFspick))
}

// FsconfigString sets a parameter of a filesystem. The kernel takes up to 255
// bytes of value (fs/fsopen.c).
func (b *Builder) FsconfigString(fs Slot, key, value string) *Call {
	return b.fsconfig(fs, unix.FSCONFIG_SET_STRING, b.String(key), b.String(value))
}

// FsconfigStringIn sets a parameter to the C string in a buffer.
func (b *Builder) FsconfigStringIn(fs Slot, key string, buffer Arg) *Call {
	return b.fsconfig(fs, unix.FSCONFIG_SET_STRING, b.String(key), buffer)
}

// FsconfigFlag sets a parameter that takes no value.
func (b *Builder) FsconfigFlag(fs Slot, key string) *Call {
	return b.fsconfig(fs, unix.FSCONFIG_SET_FLAG, b.String(key), Int(0))
}

// FsconfigCreate makes the superblock.
func (b *Builder) FsconfigCreate(fs Slot) *Call {
	return b.fsconfig(fs, unix.FSCONFIG_CMD_CREATE, Int(0), Int(0))
}

// FsconfigReconfigure changes the superblock.
func (b *Builder) FsconfigReconfigure(fs Slot) *Call {
	return b.fsconfig(fs, unix.FSCONFIG_CMD_RECONFIGURE, Int(0), Int(0))
}

func (b *Builder) fsconfig(fs Slot, command uint64, key, value Arg) *Call {
	return b.call(SysFsconfig, fs.Content(), Imm(command, FormFsconfig), key, value, Int(0))
}

// Fsmount makes a detached mount of a configured filesystem.
func (b *Builder) Fsmount(fs Slot, attributes uint64) *Call {
	return b.call(SysFsmount, fs.Content(), Imm(unix.FSMOUNT_CLOEXEC, FormFsmount), Imm(attributes, FormMountAttr))
}

// Mount is mount(2), for what the newer calls cannot do.
func (b *Builder) Mount(source, target, fstype string, flags uint64, data string) *Call {
	return b.call(SysMount, b.optional(source), b.String(target), b.optional(fstype), Imm(flags, FormMS), b.optional(data))
}

func (b *Builder) optional(s string) Arg {
	if s == "" {
		return Int(0)
	}
	return b.String(s)
}

// Umount2 takes away the mount at path.
func (b *Builder) Umount2(path string, flags uint64) *Call {
	return b.call(SysUmount2, b.String(path), Imm(flags, FormUmount))
}

// PivotRoot makes newRoot the root of the mount namespace and puts the old
// one at putOld.
func (b *Builder) PivotRoot(newRoot, putOld string) *Call {
	return b.call(SysPivotRoot, b.String(newRoot), b.String(putOld))
}

// Chroot makes the directory at path the root of the process, and of no other.
func (b *Builder) Chroot(path string) *Call { return b.call(SysChroot, b.String(path)) }

// Fchdir makes the directory that dir is open on the working directory.
func (b *Builder) Fchdir(dir Arg) *Call { return b.call(SysFchdir, dir) }

// Chdir changes the working directory.
func (b *Builder) Chdir(path string) *Call { return b.call(SysChdir, b.String(path)) }

// Sethostname sets the hostname of the uts namespace.
func (b *Builder) Sethostname(name string) *Call {
	return b.call(SysSethostname, b.String(name), Int(len(name)))
}

// Setdomainname sets the NIS domain name of the uts namespace.
func (b *Builder) Setdomainname(name string) *Call {
	return b.call(SysSetdomainname, b.String(name), Int(len(name)))
}

// Setrlimit sets a resource limit of the process.
func (b *Builder) Setrlimit(resource int, soft, hard uint64) *Call {
	limit := b.Struct(Datum{Kind: DatumStruct, Name: "rlimit", Size: 16, Fields: []Field{
		{"cur", 0, 8, Imm(soft, FormLimit)},
		{"max", 8, 8, Imm(hard, FormLimit)},
	}})
	return b.call(SysPrlimit64, Int(0), Imm(uint64(resource), FormRlimit), limit, Int(0))
}

// Setgroups sets the supplementary groups.
func (b *Builder) Setgroups(gids []uint32) *Call {
	if len(gids) == 0 {
		return b.call(SysSetgroups, Int(0), Int(0))
	}
	list := Datum{Kind: DatumStruct, Name: "gids", Size: 4 * len(gids)}
	for i, gid := range gids {
		list.Fields = append(list.Fields, Field{"", 4 * i, 4, Int(int(gid))})
	}
	return b.call(SysSetgroups, Int(len(gids)), b.Struct(list))
}

// Setresgid sets the real, effective and saved group id.
func (b *Builder) Setresgid(gid uint32) *Call {
	return b.call(SysSetresgid, Int(int(gid)), Int(int(gid)), Int(int(gid)))
}

// Setresuid sets the real, effective and saved user id.
func (b *Builder) Setresuid(uid uint32) *Call {
	return b.call(SysSetresuid, Int(int(uid)), Int(int(uid)), Int(int(uid)))
}

// Capset sets the capability sets of the process.
func (b *Builder) Capset(effective, permitted, inheritable uint64) *Call {
	header := b.Struct(Datum{Kind: DatumStruct, Name: "cap_user_header", Size: 8, Fields: []Field{
		{"version", 0, 4, Imm(unix.LINUX_CAPABILITY_VERSION_3, FormHex)},
	}})
	data := Datum{Kind: DatumStruct, Name: "cap_user_data", Size: 24}
	for half := range 2 {
		shift := 32 * half
		data.Fields = append(data.Fields,
			Field{"effective", 12 * half, 4, Imm(effective>>shift&0xffffffff, FormHex)},
			Field{"permitted", 12*half + 4, 4, Imm(permitted>>shift&0xffffffff, FormHex)},
			Field{"inheritable", 12*half + 8, 4, Imm(inheritable>>shift&0xffffffff, FormHex)})
	}
	return b.call(SysCapset, header, b.Struct(data))
}

// Write writes text to fd.
func (b *Builder) Write(fd Arg, text string) *Call {
	return b.call(SysWrite, fd, b.String(text), Int(len(text)))
}

// WriteFrom writes size bytes at data to fd.
func (b *Builder) WriteFrom(fd, data Arg, size int) *Call {
	return b.call(SysWrite, fd, data, Int(size))
}

// Read reads up to size bytes from fd into buffer.
func (b *Builder) Read(fd, buffer Arg, size int) *Call {
	return b.call(SysRead, fd, buffer, Int(size))
}

// Send sends size bytes at data as one message on a socket.
func (b *Builder) Send(socket, data Arg, size int) *Call {
	return b.call(SysSendto, socket, data, Int(size), Imm(unix.MSG_NOSIGNAL, FormMsg), Int(0), Int(0))
}

// Receive waits for one message on a socket.
func (b *Builder) Receive(socket, buffer Arg, size int) *Call {
	return b.call(SysRecvfrom, socket, buffer, Int(size), Int(0), Int(0), Int(0))
}

// SendWithFD sends message as one message on a socket, and with it the
// descriptor in slot s.
func (b *Builder) SendWithFD(socket, message Arg, size int, s Slot) *Call {
	// The copy writes eight bytes over the descriptor's four and the
	// padding that CMSG_SPACE leaves behind them.
	control := b.Struct(Datum{Kind: DatumStruct, Name: "cmsg", Size: 24, Fields: []Field{
		{"len", 0, 8, Int(20)},
		{"level", 8, 4, Imm(unix.SOL_SOCKET, FormSocketLevel)},
		{"type", 12, 4, Imm(unix.SCM_RIGHTS, FormScm)},
	}})
	b.Set(s.Content()).Into(control.At(16).Slot())
	iov := b.Struct(Datum{Kind: DatumStruct, Name: "iovec", Size: 16, Fields: []Field{
		{"base", 0, 8, message},
		{"len", 8, 8, Int(size)},
	}})
	header := b.Struct(Datum{Kind: DatumStruct, Name: "msghdr", Size: 56, Fields: []Field{
		{"iov", 16, 8, iov},
		{"iovlen", 24, 8, Int(1)},
		{"control", 32, 8, control},
		{"controllen", 40, 8, Int(24)},
	}})
	return b.call(SysSendmsg, socket, header, Imm(unix.MSG_NOSIGNAL, FormMsg))
}

// EndOnTERM makes SIGTERM end the process, which it does not by default to the
// first one of a pid namespace (pid_namespaces(7)). execve(2) undoes it.
func (b *Builder) EndOnTERM() *Call {
	// The kernel's struct sigaction, the same on both CPUs. amd64 does not take a
	// handler without a restorer, which here is for none that returns.
	const restorer = 0x04000000 // SA_RESTORER (asm/signal.h)
	action := b.Struct(Datum{Kind: DatumStruct, Name: "sigaction", Size: 32, Fields: []Field{
		{"handler", 0, 8, Imm(TerminatedAddress, FormHex)},
		{"flags", 8, 8, Imm(restorer, FormHex)},
	}})
	return b.call(SysRtSigaction, Imm(uint64(unix.SIGTERM), FormSignal), action, Int(0), Int(8))
}

// Execve becomes the program at path, an address, so that it can be chosen
// while the container is made.
func (b *Builder) Execve(path, argv, envp Arg) *Call {
	return b.call(SysExecve, path, argv, envp)
}

// ExitGroup ends the process.
func (b *Builder) ExitGroup(status int) *Call { return b.call(SysExitGroup, Int(status)) }
