package config

import (
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestTime(t *testing.T) {
	withOffset := func(clock string, o specs.LinuxTimeOffset) func(*specs.Spec) {
		return func(s *specs.Spec) {
			s.Linux.Namespaces = append(s.Linux.Namespaces, specs.LinuxNamespace{Type: "time"})
			s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{clock: o}
		}
	}
	refuses(t, []refusal{
		{"no namespace", func(s *specs.Spec) { s.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"boottime": {Secs: 1}} },
			"linux.timeOffsets: time namespace offsets specified, but time namespace isn't enabled in the config"},
		{"no such clock", withOffset("realtime", specs.LinuxTimeOffset{Secs: 1}),
			`linux.timeOffsets["realtime"]: no such clock: it is monotonic or boottime`},
		{"a whole second", withOffset("boottime", specs.LinuxTimeOffset{Nanosecs: 1e9}),
			`linux.timeOffsets["boottime"].nanosecs: must be less than a second`},
	})
	cfg := accepted(t, func(s *specs.Spec) {
		withOffset("monotonic", specs.LinuxTimeOffset{Secs: -5, Nanosecs: 999999999})(s)
		s.Linux.TimeOffsets["boottime"] = specs.LinuxTimeOffset{Secs: 7}
	})
	if want := []TimeOffset{{"boottime", 7, 0}, {"monotonic", -5, 999999999}}; !slices.Equal(cfg.TimeOffsets, want) {
		t.Errorf("got %v, want %v", cfg.TimeOffsets, want)
	}
}

func TestPersonality(t *testing.T) {
	with := func(p specs.LinuxPersonality) func(*specs.Spec) {
		return func(s *specs.Spec) { s.Linux.Personality = &p }
	}
	refuses(t, []refusal{
		{"no domain", with(specs.LinuxPersonality{}), `linux.personality.domain: invalid personality domain "": it is LINUX or LINUX32`},
		{"another", with(specs.LinuxPersonality{Domain: "SVR4"}), `linux.personality.domain: invalid personality domain "SVR4": it is LINUX or LINUX32`},
	})
	accepted(t, with(specs.LinuxPersonality{Domain: "LINUX32"}))
	wantWarnings(t, accepted(t, with(specs.LinuxPersonality{Domain: "LINUX", Flags: []specs.LinuxPersonalityFlag{"ADDR_NO_RANDOMIZE"}})),
		"linux.personality.flags: the spec has none: they are ignored")
}
