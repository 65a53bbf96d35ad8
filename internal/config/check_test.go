package config

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

func pointer[T any](v T) *T { return &v }

// A refusal is a change to the default spec, and the whole error that it leads to.
type refusal struct {
	name   string
	change func(*specs.Spec)
	want   string
}

func refuses(t *testing.T, cases []refusal) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			s := Default()
			tc.change(s)
			_, err := FromSpec(s)
			wantError(t, err, tc.want)
			if strings.Contains(tc.want, "NUL") || strings.Contains(tc.want, `\x00`) {
				return // the text is refused for it before
			}
			text, err := Encode(s)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(text)
			wantError(t, err, tc.want)
		})
	}
}

// accepted is the config of the default spec with a change.
func accepted(t *testing.T, change func(*specs.Spec)) *Config {
	t.Helper()
	s := Default()
	change(s)
	text, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func wantWarnings(t *testing.T, cfg *Config, want ...string) {
	t.Helper()
	if got := strings.Join(cfg.Warnings, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("warnings:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}

func TestNoSpec(t *testing.T) {
	_, err := FromSpec(nil)
	wantError(t, err, "config cannot be null")
	_, err = Parse([]byte("{}"))
	wantError(t, err, `root must be specified; `+
		`linux.namespaces: there is no mount namespace: vial gives a container its root with pivot_root only, which needs one; `+
		`ociVersion: is required: want a version such as "1.3.0"; process: is required: it says what the container runs`)
}

func TestErrors(t *testing.T) {
	_, err := Parse([]byte("{}"))
	var one *field.Error
	if !errors.As(err, &one) || one.Detail != "root must be specified" {
		t.Errorf("got %v", one)
	}
	_, err = Parse([]byte("{"))
	var text *TextError
	if !errors.As(err, &text) || text.Line != 1 || text.Column != 2 {
		t.Errorf("got %v", text)
	}
}

func TestErrorsAreSortedByPlace(t *testing.T) {
	s := Default()
	s.Process.Cwd = "x"
	for range 10 {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: ""})
	}
	_, err := FromSpec(s)
	var places []string
	for _, one := range err.(Errors) {
		places = append(places, string(one.(*field.Error).Path))
	}
	want := "mounts[7].type mounts[8].type mounts[9].type mounts[10].type mounts[11].type mounts[12].type " +
		"mounts[13].type mounts[14].type mounts[15].type mounts[16].type process.cwd"
	if got := strings.Join(places, " "); got != want {
		t.Errorf("got %s", got)
	}
	for range 100 {
		s.Mounts = append(s.Mounts, specs.Mount{Destination: "/x", Type: ""})
	}
	_, err = FromSpec(s)
	if n := len(err.(Errors)); n != maxProblems+1 || !strings.HasSuffix(err.Error(), "; and 91 more problems") {
		t.Errorf("%d problems: %s", n, err)
	}
}

func TestVersion(t *testing.T) {
	for version, want := range map[string]string{
		"1.0.0": "", "1.0.2-dev": "", "1.2.1+dev": "", "1.1.0-rc.3": "", "1.3.0-rc.1+dev-2": "", "1.3.9": "",
		"0.9.0":                    `ociVersion: "0.9.0" is not supported: want 1.0.0 to 1.3.x`,
		"2.0.0":                    `ociVersion: "2.0.0" is not supported: want 1.0.0 to 1.3.x`,
		"1.0":                      `ociVersion: "1.0" is no version: want one such as "1.3.0"`,
		"1.0.0.0":                  `ociVersion: "1.0.0.0" is no version: want one such as "1.3.0"`,
		"v1.0.0":                   `ociVersion: "v1.0.0" is no version: want one such as "1.3.0"`,
		"1.02.0":                   `ociVersion: "1.02.0" is no version: want one such as "1.3.0"`,
		"1.0.0-":                   `ociVersion: "1.0.0-" is no version: want one such as "1.3.0"`,
		"1.0.0-a..b":               `ociVersion: "1.0.0-a..b" is no version: want one such as "1.3.0"`,
		"1.0.0\n":                  `ociVersion: "1.0.0\n" is no version: want one such as "1.3.0"`,
		"1.99999999999999999999.0": `ociVersion: "1.99999999999999999999.0" is no version: want one such as "1.3.0"`,
	} {
		s := Default()
		s.Version = version
		cfg, err := FromSpec(s)
		if want != "" {
			wantError(t, err, want)
		} else if err != nil || len(cfg.Warnings) > 0 {
			t.Errorf("%s: %v %v", version, err, cfg)
		}
	}
	cfg := accepted(t, func(s *specs.Spec) { s.Version = "1.4.0" })
	wantWarnings(t, cfg, `ociVersion: "1.4.0" is newer than 1.3: fields that are new in it are ignored`)
}

func TestRoot(t *testing.T) {
	refuses(t, []refusal{
		{"none", func(s *specs.Spec) { s.Root = nil }, "root must be specified"},
		{"no path", func(s *specs.Spec) { s.Root.Path = "" }, "root.path: is required"},
		{"a NUL", func(s *specs.Spec) { s.Root.Path = "a\x00" }, "root.path: must not hold a NUL"},
		{"outside of the bundle", func(s *specs.Spec) { s.Root.Path = "a/../../b" },
			`root.path: "a/../../b" leads out of the bundle: a root elsewhere needs an absolute path`},
		{"endless", func(s *specs.Spec) { s.Root.Path = "/" + strings.Repeat("é", 3000) },
			`root.path: "/` + strings.Repeat("é", 39) + `" (6001 bytes) is longer than a path can be`},
		{"an unknown propagation", func(s *specs.Spec) { s.Linux.RootfsPropagation = "foo" },
			"linux.rootfsPropagation: rootfsPropagation=foo is not supported: want shared, slave, private or unbindable, or one of these with an r before it"},
		{"a hostile propagation", func(s *specs.Spec) { s.Linux.RootfsPropagation = "a\nb" },
			`linux.rootfsPropagation: rootfsPropagation="a\nb" is not supported: want shared, slave, private or unbindable, or one of these with an r before it`},
	})
	for _, path := range []string{"rootfs", "/", "/a/../b", "a/..", "./x/"} {
		accepted(t, func(s *specs.Spec) { s.Root.Path = path })
	}
}

func TestHostname(t *testing.T) {
	noUTS := func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[4:] }
	refuses(t, []refusal{
		{"no namespace", noUTS, "hostname: unable to set hostname without a private UTS namespace"},
		{"no namespace for a domain", func(s *specs.Spec) { noUTS(s); s.Hostname, s.Domainname = "", "x" },
			"domainname: unable to set domainname without a private UTS namespace"},
		{"65 bytes", func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 65) },
			`hostname: "` + strings.Repeat("a", 65) + `" has 65 bytes, the kernel takes 64`},
		{"a newline", func(s *specs.Spec) { s.Domainname = "a\nb" }, `domainname: "a\nb" holds a control character`},
	})
	accepted(t, func(s *specs.Spec) { s.Hostname = strings.Repeat("a", 64) })
}

func TestNamespaces(t *testing.T) {
	refuses(t, []refusal{
		{"twice", func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "pid"})
		},
			`linux.namespaces[5]: malformed spec file: duplicated ns "pid"`},
		{"unknown", func(s *specs.Spec) { s.Linux.Namespaces[0].Type = "PID" },
			`linux.namespaces[0].type: namespace "PID" does not exist`},
		{"no mount namespace", func(s *specs.Spec) { s.Linux.Namespaces = s.Linux.Namespaces[:4] },
			"linux.maskedPaths: unable to restrict sys entries without a private MNT namespace; " +
				"linux.namespaces: there is no mount namespace: vial gives a container its root with pivot_root only, which needs one; " +
				"linux.readonlyPaths: unable to restrict sys entries without a private MNT namespace"},
		{"to join", func(s *specs.Spec) { s.Linux.Namespaces[1].Path = "/proc/1/ns/net" },
			"linux.namespaces[1].path: not supported yet: joining a namespace"},
		{"user", func(s *specs.Spec) { s.Linux.Namespaces[0].Type = "user" },
			"linux.namespaces[0].type: not supported yet: user namespaces"},
	})
	cfg := accepted(t, func(s *specs.Spec) {
		s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "cgroup"})
	})
	if want := Namespaces(0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x00020000 | 0x02000000); cfg.Namespaces != want {
		t.Errorf("got %#x, want %#x", cfg.Namespaces, want)
	}
	if !cfg.Namespaces.Has(0x02000000) || cfg.Namespaces.Has(0x10000000) || cfg.Namespaces.Has(0x02000000|0x10000000) {
		t.Error("Has is wrong")
	}
}

func TestPaths(t *testing.T) {
	refuses(t, []refusal{
		{"a relative masked path", func(s *specs.Spec) { s.Linux.MaskedPaths[2] = "proc/kcore" },
			`linux.maskedPaths[2]: "proc/kcore" must be an absolute path`},
		{"an empty readonly path", func(s *specs.Spec) { s.Linux.ReadonlyPaths[1] = "" },
			`linux.readonlyPaths[1]: "" must be an absolute path`},
		{"a NUL", func(s *specs.Spec) { s.Linux.ReadonlyPaths[0] = "/\x00" }, "linux.readonlyPaths[0]: must not hold a NUL"},
	})
}

func TestCleanPath(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "": "/", "//": "/", "/.": "/", "..": "/", "/../..": "/", "a": "/a", "./a": "/a",
		"/a/b": "/a/b", "/a/": "/a", "/a//b": "/a/b", "/a/./b": "/a/b", "/a/../b": "/b", "/a/../../b/..": "/",
		"/.a": "/.a", "/..a/b": "/..a/b", "/a/...": "/a/...", "/a/b/..": "/a",
	} {
		if got := cleanPath(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
}

// The default spec is the one that existing guides know.
func TestDefault(t *testing.T) {
	text, err := Encode(Default())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/default.json", text)
	cfg, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	wantWarnings(t, cfg)
	if c := cfg.Capabilities; c.Bounding != 1<<29|1<<5|1<<10 || c.Ambient|c.Inheritable != 0 {
		t.Errorf("capabilities: %+v", c)
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Errorf("%s differs, got\n%s", name, got)
	}
}
