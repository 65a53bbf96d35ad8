package config

import (
	"fmt"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestHooks(t *testing.T) {
	poststop := func(h ...specs.Hook) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Hooks = &specs.Hooks{Poststop: h} }
	}
	good := specs.Hook{Path: "/x"}
	refuses(t, []refusal{
		{"no path", poststop(good, specs.Hook{}), "hooks.poststop[1].path: is required"},
		{"a relative path", poststop(specs.Hook{Path: "bin/x"}), `hooks.poststop[0].path: "bin/x" must be an absolute path`},
		{"a NUL", poststop(specs.Hook{Path: "/\x00"}), "hooks.poststop[0].path: must not hold a NUL"},
		{"a path too long", poststop(specs.Hook{Path: "/" + strings.Repeat("x", 5000)}),
			`hooks.poststop[0].path: "/` + strings.Repeat("x", 79) + `" (5001 bytes) is longer than a path can be`},
		{"a NUL in args", poststop(specs.Hook{Path: "/x", Args: []string{"x", "a\x00b"}}), "hooks.poststop[0].args[1]: must not hold a NUL"},
		{"no name in env", poststop(specs.Hook{Path: "/x", Env: []string{"A=1", "=2"}}), "hooks.poststop[0].env[1]: want NAME=value, the name is empty"},
		{"no value in env", poststop(specs.Hook{Path: "/x", Env: []string{"A"}}), "hooks.poststop[0].env[0]: want NAME=value, there is no '='"},
		{"no time", poststop(specs.Hook{Path: "/x", Timeout: pointer(0)}), "hooks.poststop[0].timeout: must be greater than zero"},
		{"less than no time", poststop(specs.Hook{Path: "/x", Timeout: pointer(-1)}), "hooks.poststop[0].timeout: must be greater than zero"},
		{"every kind", func(s *specs.Spec) {
			bad := []specs.Hook{{}}
			//lint:ignore SA1019 deprecated, but callers still write it
			s.Hooks = &specs.Hooks{Prestart: bad, CreateRuntime: bad, CreateContainer: bad, StartContainer: bad, Poststart: bad, Poststop: bad}
		}, "hooks.createContainer[0].path: is required; hooks.createRuntime[0].path: is required; hooks.poststart[0].path: is required; " +
			"hooks.poststop[0].path: is required; hooks.prestart[0].path: is required; hooks.startContainer[0].path: is required"},
	})
	cfg := accepted(t, func(s *specs.Spec) {
		s.Hooks = &specs.Hooks{
			CreateRuntime:  []specs.Hook{{Path: "/a", Args: []string{"", "b"}, Env: []string{"A="}, Timeout: pointer(7)}, good},
			StartContainer: []specs.Hook{good},
		}
	})
	want := `{[] [{hooks.createRuntime[0] /a [ b] [A=] 7} {hooks.createRuntime[1] /x [/x] [] 0}] [] [{hooks.startContainer[0] /x [/x] [] 0}] [] []}`
	if got := fmt.Sprint(cfg.Hooks); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
