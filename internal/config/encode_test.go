package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

var update = flag.Bool("update", false, "write the golden files anew")

// What Encode writes is what encoding/json would.
func TestEncode(t *testing.T) {
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "\t")
	for _, s := range []*specs.Spec{fullSpec(), Default()} {
		want.Reset()
		if err := e.Encode(s); err != nil {
			t.Fatal(err)
		}
		got, err := Encode(s)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want.Bytes()) {
			t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
		}
	}
}

func TestEncodeAndDecode(t *testing.T) {
	for seed := range uint64(300) {
		want := someSpec(seed)
		text, err := Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := decode(text, readSpec)
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, text)
		}
		compareSpecs(t, got, want)
	}
}

func TestEncodeRefuses(t *testing.T) {
	_, err := Encode(nil)
	wantError(t, err, "encode config.json: there is no spec")
	s := Default()
	s.Hostname = "a\xff"
	_, err = Encode(s)
	wantError(t, err, `encode config.json: "a\xff" is not UTF-8`)
}
