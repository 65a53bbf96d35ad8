package integration

import (
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// What follows is counted as skipped in every setting until vial has it.

func TestRootless(t *testing.T) {
	bed.Skip(t, "rootless: user namespaces come later")
}
