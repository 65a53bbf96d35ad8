package config

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Every field that the spec has for Linux must be read: one that is not would
// be ignored in silence. The Spec is filled by reflection, so that a field of
// a newer runtime-spec fails here.
func TestEveryFieldIsRead(t *testing.T) {
	want := fullSpec()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, warnings, err := decode(text, readSpec)
	if err != nil {
		t.Fatal(err)
	}
	if len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
	compareSpecs(t, got, want)
}

func compareSpecs(t *testing.T, got, want *specs.Spec) {
	t.Helper()
	if reflect.DeepEqual(got, want) {
		return
	}
	a, _ := json.MarshalIndent(got, "", " ")
	b, _ := json.MarshalIndent(want, "", " ")
	g, w := strings.Split(string(a), "\n"), strings.Split(string(b), "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			t.Fatalf("line %d differs:\ngot  %s\nwant %s", i+1, g[i], w[i])
		}
	}
	t.Fatalf("the specs differ in nil and empty, or in length: %d and %d lines", len(g), len(w))
}

// A field in another case must be read and told of at every place, so each list
// of known names must be whole.
func TestEveryFieldIsKnown(t *testing.T) {
	text, err := json.Marshal(fullSpec())
	if err != nil {
		t.Fatal(err)
	}
	var tree map[string]any
	if err := json.Unmarshal(text, &tree); err != nil {
		t.Fatal(err)
	}
	n := 0
	eachField(tree, reflect.TypeFor[specs.Spec](), func(object map[string]any, name string) {
		n++
		value := object[name]
		delete(object, name)
		object[strings.ToUpper(name)] = value
		text, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		s, warnings, err := decode(text, readSpec)
		hint := "field \"" + strings.ToUpper(name) + "\" is taken for \"" + name + "\": some runtimes ignore it"
		if !reflect.DeepEqual(s, fullSpec()) {
			t.Errorf("%s: it is not read as what it is taken for", strings.ToUpper(name))
		}
		if err != nil || len(warnings) != 1 || !strings.HasSuffix(warnings[0], hint) {
			t.Errorf("%s: %v, warnings %q", name, err, warnings)
		}
		delete(object, strings.ToUpper(name))
		object[name] = value
	})
	if n < 150 {
		t.Errorf("only %d fields were tried", n)
	}
}

// eachField calls try for every field of every object in the tree.
func eachField(node any, of reflect.Type, try func(object map[string]any, name string)) {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	switch of.Kind() {
	case reflect.Slice:
		for _, element := range node.([]any)[:1] {
			eachField(element, of.Elem(), try)
		}
	case reflect.Map:
		for _, entry := range node.(map[string]any) {
			eachField(entry, of.Elem(), try)
			return
		}
	case reflect.Struct:
		object := node.(map[string]any)
		for i := range of.NumField() {
			f := of.Field(i)
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			switch value, there := object[name]; {
			case f.Anonymous && name == "":
				eachField(node, f.Type, try)
			case there:
				try(object, name)
				eachField(value, f.Type, try)
			}
		}
	}
}

// On what both take, this decoder and encoding/json must agree.
func TestAgreesWithEncodingJSON(t *testing.T) {
	for seed := range uint64(300) {
		text, err := json.Marshal(someSpec(seed))
		if err != nil {
			t.Fatal(err)
		}
		var want specs.Spec
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		got, _, err := decode(text, readSpec)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		emptyToNil(reflect.ValueOf(&want).Elem())
		compareSpecs(t, got, &want)
	}
}

// emptyToNil makes empty slices and maps nil, as decode does.
func emptyToNil(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			emptyToNil(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			emptyToNil(v.Index(i))
		}
		if v.Len() == 0 {
			v.SetZero()
		}
	case reflect.Map:
		if v.Len() == 0 {
			v.SetZero()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			emptyToNil(v.Field(i))
		}
	}
}

// The sections of other platforms are not read, but that they are there is.
func TestForeignSections(t *testing.T) {
	for _, name := range []string{"solaris", "windows", "vm", "zos", "freebsd"} {
		s := Default()
		text, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		with := func(value string) []byte {
			return bytes.Replace(text, []byte("{"), []byte(`{"`+name+`":`+value+`,`), 1)
		}
		_, err = Parse(with(`{"x":[1]}`))
		wantError(t, err, name+": not supported: vial makes Linux containers only")
		if _, err = Parse(with("null")); err != nil {
			t.Errorf("%s: null: %v", name, err)
		}
		_, err = Parse(with("3"))
		wantError(t, err, "config.json: line 1:"+strconv.Itoa(len(name)+5)+": "+name+": want an object, found 3")
	}
}
