package program

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// constructors has a row for every constructor of calls: how it is used, and
// what the listing says of it. What its bytes are is in testdata/calls.golden.
var constructors = []struct {
	name string
	emit func(b *Builder, fd Slot, l Target)
	text string
}{
	{"Set", func(b *Builder, fd Slot, l Target) { b.Set(Int(-7)).Into(fd) }, "fd = -7"},
	{"FailWith", func(b *Builder, fd Slot, l Target) { b.FailWith(unix.EISDIR, "it is a directory") },
		"-EISDIR  fail: it is a directory"},
	{"Prctl", func(b *Builder, fd Slot, l Target) { b.Prctl(unix.PR_SET_KEEPCAPS, 1) },
		"prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)"},
	{"Prctl2", func(b *Builder, fd Slot, l Target) { b.Prctl2(unix.PR_SET_NO_NEW_PRIVS, Int(1), Int(2)) },
		"prctl(PR_SET_NO_NEW_PRIVS, 1, 2, 0, 0)"},
	{"PrctlAmbient", func(b *Builder, fd Slot, l Target) { b.PrctlAmbient(unix.PR_CAP_AMBIENT_RAISE, 12) },
		"prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 12, 0, 0)"},
	{"CloseRange", func(b *Builder, fd Slot, l Target) { b.CloseRange(3, unix.CLOSE_RANGE_CLOEXEC) },
		"close_range(3, 0xffffffff, CLOSE_RANGE_CLOEXEC)"},
	{"Close", func(b *Builder, fd Slot, l Target) { b.Close(fd) }, "close(fd)"},
	{"CloseFD", func(b *Builder, fd Slot, l Target) { b.CloseFD(5) }, "close(5)"},
	{"Clone3", func(b *Builder, fd Slot, l Target) {
		b.Clone3(unix.CLONE_PARENT|unix.CLONE_NEWPID|unix.CLONE_INTO_CGROUP, 6, l).Into(fd)
	}, "fd = clone3({flags=CLONE_PARENT|CLONE_INTO_CGROUP|CLONE_NEWPID, cgroup=6}, 88)  0: goto END"},
	{"Setns", func(b *Builder, fd Slot, l Target) { b.Setns(FD(4), unix.CLONE_NEWNS|unix.CLONE_NEWPID) },
		"setns(4, CLONE_NEWNS|CLONE_NEWPID)"},
	{"Unshare", func(b *Builder, fd Slot, l Target) { b.Unshare(unix.CLONE_NEWCGROUP) },
		"unshare(CLONE_NEWCGROUP)"},
	{"Setsid", func(b *Builder, fd Slot, l Target) { b.Setsid() }, "setsid()"},
	{"EndOnTERM", func(b *Builder, fd Slot, l Target) { b.EndOnTERM() },
		"rt_sigaction(SIGTERM, {handler=0x4000f0, flags=0x4000000}, 0, 8)"},
	{"JoinSessionKeyring", func(b *Builder, fd Slot, l Target) { b.JoinSessionKeyring("_ses.a").On(unix.ENOSYS, l) },
		`keyctl(KEYCTL_JOIN_SESSION_KEYRING, "_ses.a")  ENOSYS: goto END`},
	{"SetKeyPermissions", func(b *Builder, fd Slot, l Target) { b.SetKeyPermissions(fd, 0x3f1b0000) },
		"keyctl(KEYCTL_SETPERM, fd, 0x3f1b0000)"},
	{"Socket", func(b *Builder, fd Slot, l Target) { b.Socket(unix.AF_INET, unix.SOCK_DGRAM).Into(fd) },
		"fd = socket(AF_INET, SOCK_DGRAM|SOCK_CLOEXEC, 0)"},
	{"SetInterfaceFlags", func(b *Builder, fd Slot, l Target) { b.SetInterfaceFlags(fd, "lo", unix.IFF_UP) },
		`ioctl(fd, SIOCSIFFLAGS, {"lo", flags=IFF_UP})`},
	{"UnlockTerminal", func(b *Builder, fd Slot, l Target) { b.UnlockTerminal(fd) }, "ioctl(fd, TIOCSPTLCK, {0})"},
	{"OpenPeer", func(b *Builder, fd Slot, l Target) { b.OpenPeer(fd).Into(fd) },
		"fd = ioctl(fd, TIOCGPTPEER, O_CLOEXEC|O_RDWR|O_NOCTTY)"},
	{"SetWindowSize", func(b *Builder, fd Slot, l Target) { b.SetWindowSize(fd, 24, 65535) },
		"ioctl(fd, TIOCSWINSZ, {row=24, col=65535})"},
	{"ControlTerminal", func(b *Builder, fd Slot, l Target) { b.ControlTerminal(fd) }, "ioctl(fd, TIOCSCTTY, 0)"},
	{"Openat2", func(b *Builder, fd Slot, l Target) {
		b.Openat2(CWD, "dev", How{Flags: O_RDWR | O_CREAT | O_NOFOLLOW | O_DIRECTORY | O_CLOEXEC, Mode: 0o600, Resolve: unix.RESOLVE_BENEATH})
	}, `openat2(AT_FDCWD, "dev", {flags=O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC|O_RDWR|O_CREAT, mode=0600, resolve=RESOLVE_BENEATH}, 24)`},
	{"Openat", func(b *Builder, fd Slot, l Target) {
		b.Openat(fd.Content(), "a", O_PATH|O_NOFOLLOW|O_CLOEXEC).On(AnyErrno, l)
	}, `openat(fd, "a", O_PATH|O_NOFOLLOW|O_CLOEXEC, 0)  any errno: goto END`},
	{"Faccessat2", func(b *Builder, fd Slot, l Target) { b.Faccessat2(CWD, "/a", unix.X_OK, unix.AT_EACCESS) },
		`faccessat2(AT_FDCWD, "/a", X_OK, AT_EACCESS)`},
	{"Mkdirat", func(b *Builder, fd Slot, l Target) { b.Mkdirat(fd.Content(), "a", 0o755).Then(l) },
		`mkdirat(fd, "a", 0755)  goto END`},
	{"Mknodat", func(b *Builder, fd Slot, l Target) {
		b.Mknodat(fd.Content(), "null", unix.S_IFCHR|0o666, unix.Mkdev(1, 3))
	}, `mknodat(fd, "null", S_IFCHR|0666, 1:3)`},
	{"Symlinkat", func(b *Builder, fd Slot, l Target) { b.Symlinkat("/proc/self/fd", fd.Content(), "fd") },
		`symlinkat("/proc/self/fd", fd, "fd")`},
	{"Fchownat", func(b *Builder, fd Slot, l Target) { b.Fchownat(fd.Content(), "a", 4294967294, 5) },
		`fchownat(fd, "a", 4294967294, 5, AT_SYMLINK_NOFOLLOW)`},
	{"Fchown", func(b *Builder, fd Slot, l Target) { b.Fchown(FD(1), 1000) }, "fchown(1, 1000, -1)"},
	{"Unlinkat", func(b *Builder, fd Slot, l Target) { b.Unlinkat(fd.Content(), "ptmx") }, `unlinkat(fd, "ptmx", 0)`},
	{"Dup3", func(b *Builder, fd Slot, l Target) { b.Dup3(fd, 2) }, "dup3(fd, 2, 0)"},
	{"IsOpen", func(b *Builder, fd Slot, l Target) { b.IsOpen(fd).On(unix.EBADF, l) }, "fcntl(fd, F_GETFD)  EBADF: goto END"},
	{"Personality", func(b *Builder, fd Slot, l Target) { b.Personality(PerLinux32) }, "personality(PER_LINUX32)"},
	{"Umask", func(b *Builder, fd Slot, l Target) { b.Umask(0o22) }, "umask(022)"},
	{"OpenTreeAt", func(b *Builder, fd Slot, l Target) { b.OpenTreeAt(CWD, "/a", unix.AT_SYMLINK_NOFOLLOW) },
		`open_tree(AT_FDCWD, "/a", OPEN_TREE_CLOEXEC|AT_SYMLINK_NOFOLLOW)`},
	{"CloneTree", func(b *Builder, fd Slot, l Target) { b.CloneTree(fd, unix.AT_RECURSIVE).Into(fd) },
		`fd = open_tree(fd, "", OPEN_TREE_CLONE|OPEN_TREE_CLOEXEC|AT_EMPTY_PATH|AT_RECURSIVE)`},
	{"MoveMount", func(b *Builder, fd Slot, l Target) { b.MoveMount(fd, fd) },
		`move_mount(fd, "", fd, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)`},
	{"MountSetattr", func(b *Builder, fd Slot, l Target) {
		b.MountSetattr(fd, unix.AT_RECURSIVE, MountAttr{Set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOATIME, Clear: unix.MOUNT_ATTR__ATIME | unix.MOUNT_ATTR_NOSUID})
	}, `mount_setattr(fd, "", AT_EMPTY_PATH|AT_RECURSIVE, {attr_set=MOUNT_ATTR_RDONLY|MOUNT_ATTR_NOATIME, attr_clr=MOUNT_ATTR_NOSUID|MOUNT_ATTR__ATIME}, 32)`},
	{"MountSetattrAt", func(b *Builder, fd Slot, l Target) {
		b.MountSetattrAt(CWD, "/", 0, MountAttr{Propagation: unix.MS_SLAVE})
	}, `mount_setattr(AT_FDCWD, "/", 0, {propagation=MS_SLAVE}, 32)`},
	{"Fsopen", func(b *Builder, fd Slot, l Target) { b.Fsopen("tmpfs").Into(fd) }, `fd = fsopen("tmpfs", FSOPEN_CLOEXEC)`},
	{"Fspick", func(b *Builder, fd Slot, l Target) { b.Fspick(fd).Into(fd) }, `fd = fspick(fd, "", FSPICK_CLOEXEC|FSPICK_EMPTY_PATH)`},
	{"FsconfigReconfigure", func(b *Builder, fd Slot, l Target) { b.FsconfigReconfigure(fd) },
		"fsconfig(fd, FSCONFIG_CMD_RECONFIGURE, 0, 0, 0)"},
	{"FsconfigStringIn", func(b *Builder, fd Slot, l Target) { b.FsconfigStringIn(fd, "mode", b.Buffer("mode", 8, "755")) },
		`fsconfig(fd, FSCONFIG_SET_STRING, "mode", &mode, 0)`},
	{"FsconfigString", func(b *Builder, fd Slot, l Target) { b.FsconfigString(fd, "mode", "755") },
		`fsconfig(fd, FSCONFIG_SET_STRING, "mode", "755", 0)`},
	{"FsconfigFlag", func(b *Builder, fd Slot, l Target) { b.FsconfigFlag(fd, "ro") },
		`fsconfig(fd, FSCONFIG_SET_FLAG, "ro", 0, 0)`},
	{"FsconfigCreate", func(b *Builder, fd Slot, l Target) { b.FsconfigCreate(fd) },
		"fsconfig(fd, FSCONFIG_CMD_CREATE, 0, 0, 0)"},
	{"Fsmount", func(b *Builder, fd Slot, l Target) { b.Fsmount(fd, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV) },
		"fsmount(fd, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID|MOUNT_ATTR_NODEV)"},
	{"Mount", func(b *Builder, fd Slot, l Target) { b.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, "a=b") },
		`mount(0, "/", 0, MS_REC|MS_SLAVE, "a=b")`},
	{"Umount2", func(b *Builder, fd Slot, l Target) { b.Umount2(".", unix.MNT_DETACH) }, `umount2(".", MNT_DETACH)`},
	{"PivotRoot", func(b *Builder, fd Slot, l Target) { b.PivotRoot(".", ".") }, `pivot_root(".", ".")`},
	{"Fchdir", func(b *Builder, fd Slot, l Target) { b.Fchdir(fd.Content()) }, "fchdir(fd)"},
	{"Chroot", func(b *Builder, fd Slot, l Target) { b.Chroot(".") }, `chroot(".")`},
	{"Chdir", func(b *Builder, fd Slot, l Target) { b.Chdir("/") }, `chdir("/")`},
	{"Sethostname", func(b *Builder, fd Slot, l Target) { b.Sethostname("runc") }, `sethostname("runc", 4)`},
	{"Setdomainname", func(b *Builder, fd Slot, l Target) { b.Setdomainname("a.b") }, `setdomainname("a.b", 3)`},
	{"Setrlimit", func(b *Builder, fd Slot, l Target) { b.Setrlimit(unix.RLIMIT_NOFILE, 1024, unix.RLIM_INFINITY) },
		"prlimit64(0, RLIMIT_NOFILE, {cur=1024, max=RLIM_INFINITY}, 0)"},
	{"Setgroups", func(b *Builder, fd Slot, l Target) { b.Setgroups([]uint32{5, 4294967294}) },
		"setgroups(2, {5, 4294967294})"},
	{"Setgroups of none", func(b *Builder, fd Slot, l Target) { b.Setgroups(nil) }, "setgroups(0, 0)"},
	{"Setresgid", func(b *Builder, fd Slot, l Target) { b.Setresgid(5) }, "setresgid(5, 5, 5)"},
	{"Setresuid", func(b *Builder, fd Slot, l Target) { b.Setresuid(1000) }, "setresuid(1000, 1000, 1000)"},
	{"Capset", func(b *Builder, fd Slot, l Target) { b.Capset(1<<40|1, 1<<40|3, 4) },
		"capset({version=0x20080522}, {effective=0x1, permitted=0x3, inheritable=0x4, effective=0x100, permitted=0x100, inheritable=0x0})"},
	{"Write", func(b *Builder, fd Slot, l Target) { b.Write(fd.Content(), "1\n") }, `write(fd, "1\n", 2)`},
	{"WriteFrom", func(b *Builder, fd Slot, l Target) { b.WriteFrom(FD(5), b.Failure(), MessageSize) }, "write(5, &failure, 16)"},
	{"Read", func(b *Builder, fd Slot, l Target) { b.Read(FD(4), b.Buffer("start", 8, ""), 1) }, "read(4, &start, 1)"},
	{"Send", func(b *Builder, fd Slot, l Target) { b.Send(FD(3), b.Failure(), MessageSize) },
		"sendto(3, &failure, 16, MSG_NOSIGNAL, 0, 0)"},
	{"Receive", func(b *Builder, fd Slot, l Target) {
		b.Receive(FD(3), b.Buffer("home", 32, "HOME=/").At(5), 26).OnZero(l)
	}, "recvfrom(3, &home+5, 26, 0, 0, 0)  0: goto END"},
	{"SendWithFD", func(b *Builder, fd Slot, l Target) { b.SendWithFD(FD(3), b.Buffer("m", 16, ""), 16, fd) },
		"cmsg+16 = fd\nsendmsg(3, {iov={base=&m, len=16}, iovlen=1, control={len=20, level=SOL_SOCKET, type=SCM_RIGHTS}, controllen=24}, MSG_NOSIGNAL)"},
	{"Execve", func(b *Builder, fd Slot, l Target) {
		b.Execve(fd.Content(), b.Strings("argv", []string{"a", "b\x01"}), b.Strings("envp", nil))
	}, `execve(fd, ["a", "b\x01"], [])`},
	{"ExitGroup", func(b *Builder, fd Slot, l Target) { b.ExitGroup(255) }, "exit_group(255)"},
}

// rowProgram is the program of one row: its calls, then the exit at END.
func rowProgram(t *testing.T, emit func(*Builder, Slot, Target)) *Program {
	t.Helper()
	b := NewBuilder()
	b.Step("test", "make the call")
	end := b.Label()
	b.FailTo(end)
	emit(b, b.Slot("fd"), end)
	b.FailTo(0)
	b.Place(end)
	b.ExitGroup(1)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every exported method of Builder that makes a call has its row.
func TestConstructorsAreTested(t *testing.T) {
	rows := make(map[string]bool)
	for _, row := range constructors {
		name, _, _ := strings.Cut(row.name, " ")
		rows[name] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && isConstructor(fn) {
				found++
				if !rows[fn.Name.Name] {
					t.Errorf("%s: no row tests the constructor %s", file, fn.Name.Name)
				}
			}
		}
	}
	if found != len(rows) {
		t.Errorf("%d constructors, %d rows", found, len(rows))
	}
}

func isConstructor(fn *ast.FuncDecl) bool {
	pointerTo := func(fields *ast.FieldList, name string) bool {
		if fields == nil || len(fields.List) != 1 {
			return false
		}
		star, ok := fields.List[0].Type.(*ast.StarExpr)
		if !ok {
			return false
		}
		id, ok := star.X.(*ast.Ident)
		return ok && id.Name == name
	}
	return fn.Name.IsExported() && pointerTo(fn.Recv, "Builder") && pointerTo(fn.Type.Results, "Call")
}

func TestConstructorText(t *testing.T) {
	for _, row := range constructors {
		t.Run(row.name, func(t *testing.T) {
			p := rowProgram(t, row.emit)
			last := len(p.Calls) - 1
			var lines []string
			for i := range p.Calls[:last] {
				line := p.callText(&p.Calls[i])
				if rule := p.outcome(&p.Calls[i]); rule != "" {
					line += "  " + rule
				}
				lines = append(lines, strings.ReplaceAll(line, fmt.Sprintf("goto %d", last), "goto END"))
			}
			if got := strings.Join(lines, "\n"); got != row.text {
				t.Errorf("text:\n%s\nwant:\n%s", got, row.text)
			}
		})
	}
}

// TestConstructorBytes compares the bytes of each row for every CPU with what
// they were when a person last looked at them.
func TestConstructorBytes(t *testing.T) {
	var got strings.Builder
	for _, row := range constructors {
		p := rowProgram(t, row.emit)
		fmt.Fprintf(&got, "%s\n", row.name)
		first := p.Encode(AMD64)
		for _, cpu := range CPUs {
			fmt.Fprintf(&got, "  %s\n", cpu)
			dump(&got, p.Encode(cpu), first, cpu == AMD64)
		}
	}
	compareGolden(t, "testdata/calls.golden", got.String())
}

// dump prints b without the lines that are all zero, and for a second CPU
// without those that are as on the first.
func dump(out *strings.Builder, b, first []byte, whole bool) {
	for at := 0; at < len(b); at += 16 {
		line := b[at:min(at+16, len(b))]
		if len(bytes.Trim(line, "\x00")) > 0 && (whole || !bytes.Equal(line, first[at:at+len(line)])) {
			fmt.Fprintf(out, "    %04x  % x\n", at, line)
		}
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s:%d differs (-update rewrites it):\ngot  %s\nwant %s", file, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Fatalf("%s has %d lines, not %d (-update rewrites it)", file, len(wantLines), len(gotLines))
	}
}

// encodedCall is the layout of a call as encode.go's comment draws it.
type encodedCall struct {
	Number                            uint64
	Args                              [6]uint64
	Result                            uint64
	Content, Retry, Zero, Next, Errno uint32
	Else, Fail, Reserved              uint32
}

// TestConstructorDecode asks what the numbers in the bytes mean: they are
// what Decode gives, and they lead to what the row says.
func TestConstructorDecode(t *testing.T) {
	for _, row := range constructors {
		for _, cpu := range CPUs {
			t.Run(row.name+" "+cpu.String(), func(t *testing.T) {
				p := rowProgram(t, row.emit)
				encoded := p.Encode(cpu)
				d, err := Decode(encoded)
				if err != nil {
					t.Fatal(err)
				}
				calls := make([]encodedCall, len(p.Calls))
				if err := binary.Read(bytes.NewReader(encoded[FirstCallOffset:]), binary.LittleEndian, calls); err != nil {
					t.Fatal(err)
				}
				for i, raw := range calls {
					want := DecodedCall{
						Number: raw.Number, Args: raw.Args, Content: raw.Content, Result: raw.Result, Retry: raw.Retry,
						Zero: raw.Zero, Next: raw.Next, Else: raw.Else, Fail: raw.Fail, Errno: unix.Errno(raw.Errno),
					}
					if d.Calls[i] != want {
						t.Errorf("call %d: decoded %+v\nwant %+v", i, d.Calls[i], want)
					}
					checkEncoded(t, p, i, raw, encoded, cpu)
				}
			})
		}
	}
}

func checkEncoded(t *testing.T, p *Program, i int, raw encodedCall, encoded []byte, cpu CPU) {
	t.Helper()
	c := &p.Calls[i]
	if sys, ok := SysOf(cpu, raw.Number); !ok || sys != c.Sys {
		t.Errorf("call %d: number %d is %s, want %s", i, raw.Number, sys, c.Sys)
	}
	targets := []uint32{raw.Zero, raw.Next, raw.Else, raw.Fail}
	for k, to := range []Target{c.Zero, c.Next, c.Else, c.Fail} {
		if want := uint32(64 + 96*to); to != 0 && targets[k] != want || to == 0 && targets[k] != 0 {
			t.Errorf("call %d: target %d is %d, want call %d", i, k, targets[k], to)
		}
	}
	if unix.Errno(raw.Errno) != c.Errno || raw.Retry != c.Retry || raw.Reserved != 0 {
		t.Errorf("call %d: errno %d, retry %d, reserved %d", i, raw.Errno, raw.Retry, raw.Reserved)
	}
	for n, a := range c.Args {
		v := raw.Args[n]
		if isContent := raw.Content>>n&1 != 0; isContent != (a.kind == argContent) {
			t.Errorf("call %d: argument %d: content %v", i, n, isContent)
		}
		switch a.kind {
		case argImmediate:
			if v != a.value {
				t.Errorf("call %d: argument %d is %#x, want %#x", i, n, v, a.value)
			}
		case argAddress, argContent:
			text := p.Data[a.ref.Datum].Text
			if at := v - 0x600000 - uint64(a.ref.Off); at+uint64(len(text)) > uint64(len(encoded)) || string(encoded[at:at+uint64(len(text))]) != text {
				t.Errorf("call %d: argument %d: %#x does not point to %q", i, n, v, text)
			}
		}
	}
}

// Data do not overlap, what calls write stands before what they only read,
// and numbers are aligned.
func TestLayout(t *testing.T) {
	b := NewBuilder()
	b.Step("test", "lay out")
	end := b.Label()
	b.FailTo(end)
	b.Chdir("odd")
	slot := b.Slot("slot")
	b.Read(FD(0), b.Buffer("b", 3, ""), 3).Into(slot)
	b.Setrlimit(0, 1, 2)
	b.Execve(b.String("odd"), b.Strings("argv", []string{"x", "odd"}), b.Strings("envp", nil))
	b.Place(end)
	b.FailTo(0)
	b.ExitGroup(0)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	offsets, size := p.layout()
	order := make([]int, len(p.Data)-1)
	for i := range order {
		order[i] = i + 1
	}
	slices.SortFunc(order, func(a, b int) int { return offsets[a] - offsets[b] })
	at, readOnly := FirstCallOffset+CallSize*len(p.Calls), false
	for _, i := range order {
		d := p.Data[i]
		if offsets[i] < at {
			t.Errorf("datum %d (%s %q) starts at %d, before %d", i, d.Name, d.Text, offsets[i], at)
		}
		at = offsets[i] + d.Size
		if d.Kind != DatumString && offsets[i]%8 != 0 {
			t.Errorf("datum %d (%s) is not aligned", i, d.Name)
		}
		written := d.Kind == DatumSlot || d.Kind == DatumBuffer
		if written && readOnly {
			t.Errorf("datum %d (%s) is written, but stands behind what is only read", i, d.Name)
		}
		readOnly = readOnly || !written
	}
	if at > size || size%8 != 0 {
		t.Errorf("the data end at %d, the program at %d", at, size)
	}
}
