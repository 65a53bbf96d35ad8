package compile

import (
	"testing"

	"github.com/vial-run/vial/internal/image"
)

// BenchmarkDefault is the way from a checked default config to the executable.
func BenchmarkDefault(b *testing.B) {
	in := input(b, "testdata/default.v2.create.json")
	b.ReportAllocs()
	for b.Loop() {
		out, err := Compile(in)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := image.Build(out.Program); err != nil {
			b.Fatal(err)
		}
	}
}
