package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Whatever comes in, nothing panics; and what is taken means the same when it
// has been written and read again.
func FuzzParse(f *testing.F) {
	add := func(s *specs.Spec) {
		text, err := Encode(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	add(Default())
	add(fullSpec())
	text, err := Encode(Default())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(strings.NewReplacer(`"process"`, `"Process"`, `"linux"`, `"LINUX"`, `"namespaces"`, `"nameSpaces"`).Replace(string(text))))
	f.Add([]byte(`{"hostname":"\ud83c\udf0d\u00e9","x":[1.5e3,{"a":null}],"PROCESS":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if s, _, err := decode(data, readSpec); err == nil {
			again(t, s)
		}
		cfg, err := Parse(data)
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without text")
			}
			return
		}
		text, err := Encode(cfg.Spec)
		if err != nil {
			t.Fatal(err)
		}
		second, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		shared, err := ParseForExec(data)
		if err != nil {
			t.Fatalf("for exec: %v", err)
		}
		if shared.Namespaces != cfg.Namespaces || !reflect.DeepEqual(shared.Spec.Process, cfg.Spec.Process) {
			t.Fatalf("another meaning for exec:\n%+v\n%+v", shared, cfg)
		}
		cfg.Warnings, second.Warnings = nil, nil
		if !reflect.DeepEqual(cfg, second) {
			t.Fatalf("another meaning:\n%+v\n%+v", cfg, second)
		}
	})
}

// again writes and reads a spec, and has encoding/json read it too.
func again(t *testing.T, s *specs.Spec) {
	if s.Solaris != nil || s.Windows != nil || s.VM != nil || s.ZOS != nil || s.FreeBSD != nil {
		return // of these is known only that they are there
	}
	text, err := Encode(s)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := decode(text, readSpec)
	if err != nil {
		t.Fatal(err)
	}
	var other specs.Spec
	if err := json.Unmarshal(text, &other); err != nil {
		t.Fatal(err)
	}
	emptyToNil(reflect.ValueOf(&other).Elem())
	if !reflect.DeepEqual(s, second) || !reflect.DeepEqual(s, &other) {
		t.Fatalf("another spec:\n%s", text)
	}
}

func BenchmarkParseDefault(b *testing.B) {
	text, err := Encode(Default())
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeDefault(b *testing.B) {
	text, err := Encode(Default())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := decode(text, readSpec); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncodingJSON(b *testing.B) {
	text, err := Encode(Default())
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var s specs.Spec
		if err := json.Unmarshal(text, &s); err != nil {
			b.Fatal(err)
		}
	}
}
