package integration

import (
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
)

const timeOffsets = "/proc/self/timens_offsets"

// offsets are those that a process of the container reads, without the padding.
func offsets(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return strings.Join(lines, ", ")
}

func TestTimeNamespace(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	t.Run("without offsets", func(t *testing.T) {
		same(t, "offsets", offsets(act(t, b.Report("read", timeOffsets), 0).Text), "monotonic 0 0, boottime 0 0")
	})
	t.Run("with offsets, and for exec", func(t *testing.T) {
		b.Spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{
			"monotonic": {Secs: 7881, Nanosecs: 2718281}, "boottime": {Secs: 1337, Nanosecs: 3141519},
		}
		want := "monotonic 7881 2718281, boottime 1337 3141519"
		same(t, "offsets", offsets(act(t, b.Report("read", timeOffsets), 0).Text), want)
		b.Created("sleep")
		r := b.Vial("exec", b.ID, "/probe", "read", timeOffsets).OK().Report()
		same(t, "offsets of exec", offsets(act(t, r, 0).Text), want)
	})
}

// TestTimeOffsetRefused: the kernel lets no clock go below zero.
func TestTimeOffsetRefused(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Linux.Namespaces = append(b.Spec.Linux.Namespaces, specs.LinuxNamespace{Type: specs.TimeNamespace})
	b.Spec.Linux.TimeOffsets = map[string]specs.LinuxTimeOffset{"monotonic": {Secs: -1 << 40}}
	b.Run("exit", "0").Fails(`linux.timeOffsets["monotonic"]: set the offset of the clock monotonic: write: numerical result out of range`)
}

// TestPersonality reads the bits of personality(2).
func TestPersonality(t *testing.T) {
	t.Parallel()
	for domain, want := range map[specs.LinuxPersonalityDomain]string{"LINUX32": "00000008\n", "LINUX": "00000000\n"} {
		t.Run(string(domain), func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			b.Spec.Linux.Personality = &specs.LinuxPersonality{Domain: domain}
			same(t, "personality", act(t, b.Report("read", "/proc/self/personality"), 0).Text, want)
			b.Created("sleep")
			r := b.Vial("exec", b.ID, "/probe", "read", "/proc/self/personality").OK().Report()
			same(t, "personality of exec", act(t, r, 0).Text, want)
		})
	}
}
