package program

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// constants are the integer constants of golang.org/x/sys/unix for one CPU. Its
// files were made from the kernel's headers for that CPU, which no machine has
// installed for all of them.
func constants(t *testing.T, cpu CPU) map[string]uint64 {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	dir := filepath.Join(strings.TrimSpace(string(out)), "unix")
	found := make(map[string]uint64, 8000)
	for _, name := range []string{"zerrors_linux", "ztypes_linux", "zerrors_linux_" + cpu.String(), "ztypes_linux_" + cpu.String(), "zsysnum_linux_" + cpu.String()} {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name+".go"), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok {
				collect(found, spec)
			}
			return true
		})
	}
	if len(found) < 4000 {
		t.Fatalf("only %d constants found in %s", len(found), dir)
	}
	return found
}

func collect(found map[string]uint64, spec *ast.ValueSpec) {
	for i, name := range spec.Names {
		if i >= len(spec.Values) {
			return
		}
		if lit, ok := spec.Values[i].(*ast.BasicLit); ok && lit.Kind == token.INT {
			if v, err := strconv.ParseUint(lit.Value, 0, 64); err == nil {
				found[name.Name] = v
			}
		}
	}
}

func TestSysNumbers(t *testing.T) {
	for _, cpu := range CPUs {
		known := constants(t, cpu)
		for s := SysSet + 1; s < sysCount; s++ {
			name := "SYS_" + strings.ToUpper(s.String())
			if want, ok := known[name]; !ok || s.On(cpu) != want {
				t.Errorf("%s: %s is %d, want %d (%s)", cpu, s, s.On(cpu), want, name)
			}
			if back, ok := SysOf(cpu, s.On(cpu)); !ok || back != s {
				t.Errorf("%s: number %d is %s, want %s", cpu, s.On(cpu), back, s)
			}
		}
		if SysSet.On(cpu) != ^uint64(0) {
			t.Errorf("%s: set is %#x", cpu, SysSet.On(cpu))
		}
		if _, ok := SysOf(cpu, 4000); ok {
			t.Errorf("%s: number 4000 is a system call", cpu)
		}
	}
}

func TestOpenFlags(t *testing.T) {
	for _, cpu := range CPUs {
		known := constants(t, cpu)
		var all, want uint64
		for bit, flag := range openFlagTable {
			f := OpenFlags(1) << bit
			value, ok := known[flag.name]
			if !ok || f.On(cpu) != value {
				t.Errorf("%s: %s is %#x, want %#x", cpu, flag.name, f.On(cpu), value)
			}
			// A name stands for what the constant of that name is.
			if text := f.String(); text != flag.name && text != "O_RDONLY|"+flag.name {
				t.Errorf("%s prints as %s", flag.name, text)
			}
			all |= uint64(f)
			want |= value
		}
		if got := OpenFlags(all).On(cpu); got != want {
			t.Errorf("%s: all flags are %#x, want %#x", cpu, got, want)
		}
	}
	for _, test := range []struct {
		flags OpenFlags
		name  string
	}{
		{O_PATH, "O_PATH"}, {O_DIRECTORY, "O_RDONLY|O_DIRECTORY"}, {O_NOFOLLOW, "O_RDONLY|O_NOFOLLOW"},
		{O_CLOEXEC, "O_RDONLY|O_CLOEXEC"}, {O_WRONLY, "O_WRONLY"}, {O_RDWR, "O_RDWR"}, {O_CREAT, "O_RDONLY|O_CREAT"},
		{O_EXCL, "O_RDONLY|O_EXCL"}, {O_NONBLOCK, "O_RDONLY|O_NONBLOCK"}, {O_NOCTTY, "O_RDONLY|O_NOCTTY"}, {O_RDONLY, "O_RDONLY"},
	} {
		if got := test.flags.String(); got != test.name {
			t.Errorf("%s prints as %s", test.name, got)
		}
	}
}

// Numbers of words are the same on every CPU, or they would have to stay
// symbolic until Encode.
func TestWords(t *testing.T) {
	for _, cpu := range CPUs {
		known := constants(t, cpu)
		known["X_OK"] = unix.X_OK // of no generated file
		known["SIGTERM"] = uint64(unix.SIGTERM)
		// linux/personality.h
		known["PER_LINUX"], known["PER_LINUX32"] = 0, 8
		for f := firstNamed + 1; f < formCount(); f++ {
			for _, w := range vocabularyOf(f).words {
				if want, ok := known[w.name]; !ok || w.value != want {
					t.Errorf("%s: %s is %#x, want %#x", cpu, w.name, w.value, want)
				}
			}
		}
	}
}

// formCount is one more than the last form: the first without words.
func formCount() Form {
	f := firstNamed + 1
	for len(vocabularyOf(f).words) > 0 {
		f++
	}
	return f
}

// Every form that the constants name is reached by TestWords: the last in the
// order of their declaration has words, and none before it is without.
func TestFormsAreComplete(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "forms.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	ast.Inspect(f, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && strings.HasPrefix(spec.Names[0].Name, "Form") {
			named++
		}
		return true
	})
	// firstNamed takes a number of its own.
	if got := int(formCount()) - 1; got != named {
		t.Errorf("%d forms are declared, %d have numbers before the first without words", named, got)
	}
}

func TestFormText(t *testing.T) {
	for _, test := range []struct {
		form  Form
		value uint64
		want  string
	}{
		{FormInt, ^uint64(0), "-1"},
		{FormHex, 255, "0xff"},
		{FormFD, 3, "3"},
		{FormFD, CWD.value, "AT_FDCWD"},
		{FormErrno, ^uint64(unix.ENOENT) + 1, "-ENOENT"},
		{FormMode, 0o755, "0755"},
		{FormMode, 0, "0"},
		{FormNode, unix.S_IFBLK | 0o600, "S_IFBLK|0600"},
		{FormNode, unix.S_IFIFO | 0o644, "S_IFIFO|0644"},
		{FormNode, unix.S_IFREG, "S_IFREG|0"},
		{FormDevice, unix.Mkdev(259, 1<<18), "259:262144"},
		{FormLimit, 0, "0"},
		{FormLimit, ^uint64(0), "RLIM_INFINITY"},
		{FormAccess, 0, "F_OK"},
		{FormAccess, 1, "X_OK"},
		{FormAccess, 2, "0x2"},
		{FormMS, 0, "0"},
		{FormMS, unix.MS_REC | unix.MS_PRIVATE, "MS_REC|MS_PRIVATE"},
		{FormMS, unix.MS_REC | 1<<40, "MS_REC|0x10000000000"},
		{FormMountAttr, unix.MOUNT_ATTR__ATIME, "MOUNT_ATTR__ATIME"},
		{FormMountAttr, unix.MOUNT_ATTR_NOATIME, "MOUNT_ATTR_NOATIME"},
		{FormMountAttr, unix.MOUNT_ATTR_STRICTATIME | unix.MOUNT_ATTR_RDONLY, "MOUNT_ATTR_RDONLY|MOUNT_ATTR_STRICTATIME"},
		{FormRlimit, 15, "RLIMIT_RTTIME"},
		{FormRlimit, 16, "0x10"},
	} {
		if got := test.form.text(test.value); got != test.want {
			t.Errorf("form %d prints %#x as %s, want %s", test.form, test.value, got, test.want)
		}
	}
}

// Structs have the kernel's size, and their fields its offsets and widths, as
// golang.org/x/sys/unix took them from the headers.
func TestStructs(t *testing.T) {
	b := NewBuilder()
	b.Step("test", "make every struct")
	end := b.Label()
	b.FailTo(end)
	fd := b.Slot("fd")
	b.Openat2(CWD, "a", How{Flags: O_CREAT, Mode: 1, Resolve: 1})
	b.MountSetattrAt(CWD, "/", 0, MountAttr{Set: 1, Clear: 1, Propagation: 1})
	b.Setrlimit(0, 1, 1)
	b.Capset(1, 1, 1)
	b.SendWithFD(FD(3), b.Buffer("m", 16, ""), 16, fd)
	b.SetWindowSize(fd, 1, 1)
	b.FailTo(0)
	b.Place(end)
	b.ExitGroup(0)
	p, err := b.Finish()
	if err != nil {
		t.Fatal(err)
	}
	kernel := map[string]struct {
		structure any
		names     map[string]string // where x/sys spells a field otherwise
		behind    int               // bytes behind the struct that belong to the datum
	}{
		"open_how":        {unix.OpenHow{}, nil, 0},
		"mount_attr":      {unix.MountAttr{}, nil, 0},
		"rlimit":          {unix.Rlimit{}, nil, 0},
		"cap_user_header": {unix.CapUserHeader{}, nil, 0},
		"cap_user_data":   {[2]unix.CapUserData{}, nil, 0},
		"iovec":           {unix.Iovec{}, nil, 0},
		"winsize":         {unix.Winsize{}, nil, 0},
		"msghdr":          {unix.Msghdr{}, nil, 0},
		"cmsg":            {unix.Cmsghdr{}, nil, unix.SizeofPtr},
	}
	seen := 0
	for _, d := range p.Data {
		if d.Kind != DatumStruct {
			continue
		}
		k, ok := kernel[d.Name]
		if !ok {
			t.Errorf("nothing to compare struct %s with", d.Name)
			continue
		}
		seen++
		typ := reflect.TypeOf(k.structure)
		if int(typ.Size())+k.behind != d.Size {
			t.Errorf("struct %s has %d bytes, want %d", d.Name, d.Size, int(typ.Size())+k.behind)
		}
		for _, f := range d.Fields {
			checkField(t, d.Name, f, typ)
		}
	}
	if seen != len(kernel) {
		t.Errorf("%d structs were made, want %d", seen, len(kernel))
	}
}

func checkField(t *testing.T, name string, f Field, typ reflect.Type) {
	t.Helper()
	off := f.Off
	if typ.Kind() == reflect.Array {
		typ = typ.Elem()
		off %= int(typ.Size())
	}
	plain := strings.ReplaceAll(f.Name, "_", "")
	field, ok := typ.FieldByNameFunc(func(s string) bool { return strings.EqualFold(s, plain) || strings.EqualFold(s, f.Name) })
	if !ok {
		t.Errorf("struct %s has no field %s", name, f.Name)
		return
	}
	if int(field.Offset) != off || int(field.Type.Size()) != f.Width {
		t.Errorf("struct %s: field %s is %d bytes at %d, want %d at %d", name, f.Name, f.Width, off, field.Type.Size(), field.Offset)
	}
}
