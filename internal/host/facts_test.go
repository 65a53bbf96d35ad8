package host

import "testing"

func TestAtLeast(t *testing.T) {
	v := Version{6, 1}
	for _, c := range []struct {
		major, minor int
		want         bool
	}{{5, 14, true}, {6, 0, true}, {6, 1, true}, {6, 2, false}, {7, 0, false}} {
		if got := v.AtLeast(c.major, c.minor); got != c.want {
			t.Errorf("%s.AtLeast(%d, %d) = %t", v, c.major, c.minor, got)
		}
	}
}
