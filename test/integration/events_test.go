package integration

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// stats are the keys of statistics that these tests look at.
type stats struct {
	CPU struct {
		Usage struct{ Total uint64 }
	}
	Memory struct {
		Usage struct{ Limit, Usage uint64 }
		Raw   map[string]uint64
	}
	Pids              struct{ Current, Limit uint64 }
	Hugetlb           map[string]any
	IntelRdt          map[string]any `json:"intel_rdt"`
	NetworkInterfaces *[]any         `json:"network_interfaces"`
}

type event struct {
	Type, ID string
	Data     *stats
}

// events are the lines that vial events has printed.
func events(b *bed.Bundle, text string) (all []event) {
	b.T.Helper()
	for line := range strings.Lines(text) {
		if !strings.HasSuffix(line, "\n") {
			break // it is about to print the rest
		}
		var e event
		b.Must(json.Unmarshal([]byte(line), &e))
		all = append(all, e)
	}
	return all
}

func TestEventsStats(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	if _, limited := limits(t); limited {
		b.Resources().Memory = &specs.LinuxMemory{Limit: number(int64(128 << 20))}
		b.Resources().Pids = &specs.LinuxPids{Limit: number(int64(77))}
	}
	b.Created("children", "3", "sleep")
	b.Vial("start", b.ID).OK()
	b.Until("the children are there", func() bool { return len(pidsOf(b)) == 4 })
	text := b.Vial("events", "--stats", b.ID).OK().Stdout
	begin := `{"type":"stats","id":"` + b.ID + `","data":{"cpu":{"usage":{"total":`
	if !strings.HasPrefix(text, begin) || strings.Count(text, "\n") != 1 || !strings.Contains(text, `"network_interfaces":null`) || !strings.Contains(text, `"intel_rdt":{}`) {
		t.Errorf("events: %s", text)
	}
	s := events(b, text)[0].Data
	if s.Pids.Current < 4 || s.CPU.Usage.Total == 0 || s.Hugetlb == nil {
		t.Errorf("%s", text)
	}
	if _, limited := limits(t); limited && (s.Memory.Usage.Limit != 128<<20 || s.Memory.Usage.Usage == 0 || len(s.Memory.Raw) == 0 || s.Pids.Limit != 77) {
		t.Errorf("%s", text)
	}
	b.Vial("pause", b.ID).OK()
	b.Vial("events", "--stats", b.ID).OK()
	b.Vial("kill", b.ID, "KILL").OK()
	b.Until("it has stopped", func() bool { return b.Status() == "stopped" })
	for _, words := range [][]string{{"events", b.ID}, {"events", "--stats", b.ID}} {
		b.Vial(words...).Fails("events "+b.ID, "container with id "+b.ID+" is not running")
	}
}

// limits tells whether this setting can limit memory and processes.
func limits(t *testing.T) (list string, ok bool) {
	t.Helper()
	if !bed.V2() {
		return "", true
	}
	list = readHost(t, "/sys/fs/cgroup/cgroup.controllers")
	return list, strings.Contains(list, "memory") && strings.Contains(list, "pids")
}

// The stream ends with the container, whichever way that ends.
func TestEventsStream(t *testing.T) {
	t.Parallel()
	for _, end := range [][]string{{"kill", "KILL"}, {"delete", "--force"}} {
		b := running(t, nil)
		p := b.Launch("events", "--interval", "5ms", b.ID)
		b.Until("there are three records", func() bool { return len(events(b, p.Output())) >= 3 })
		b.Vial(append([]string{end[0], b.ID}, end[1:]...)...).OK()
		for _, e := range events(b, p.Wait().OK().Stdout) {
			if e.Type != "stats" || e.ID != b.ID || e.Data == nil {
				t.Errorf("%+v", e)
			}
		}
	}
	b := running(t, nil)
	p := b.Launch("events", b.ID) // in five seconds from now at the earliest
	b.Until("it watches", func() bool { return watches(p.Pid()) })
	b.Vial("kill", b.ID, "KILL").OK()
	same(t, "the output", p.Wait().OK().Stdout, "")
}

// watches tells whether vial events waits: one of its threads is in poll(2), by
// which time it has asked the kernel for all that it wants to hear of.
func watches(pid int) bool {
	files, _ := filepath.Glob("/proc/" + itoa(pid) + "/task/*/syscall")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		number, _, _ := strings.Cut(string(text), " ")
		if number == itoa(unix.SYS_PPOLL) || number == "7" { // poll, where there is one
			return true
		}
	}
	return false
}

// TestEventsOOM: a process is killed for want of memory, and there is a record;
// the last one comes even when that ends the container.
func TestEventsOOM(t *testing.T) {
	t.Parallel()
	needs(t, "memory")
	hungry := func(b *bed.Bundle) {
		b.Resources().Memory = &specs.LinuxMemory{Limit: number(int64(48 << 20)), Swap: number(int64(48 << 20))}
	}
	ooms := func(b *bed.Bundle, text string) (n int) {
		for _, e := range events(b, text) {
			if e.Type == "oom" {
				n++
			}
		}
		return n
	}
	t.Run("a child", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		hungry(b)
		b.Created("attend", "eat", "signal-wait")
		p := b.Launch("events", "--interval", "10m", b.ID) // nothing but the record, however slow the machine
		b.Until("it watches", func() bool { return watches(p.Pid()) })
		b.Vial("start", b.ID).OK()
		b.Until("there is a record", func() bool { return ooms(b, p.Output()) > 0 })
		if text := p.Output(); !strings.HasPrefix(text, `{"type":"oom","id":"`+b.ID+`"}`+"\n") {
			t.Errorf("events: %s", text)
		}
		b.Until("the child has ended", func() bool { return strings.Contains(b.Output(), "ready") })
		same(t, "how it ended", act(t, b.Parse(b.Output()), 0).Text, "signal: killed")
		b.Vial("kill", b.ID, "TERM").OK()
		p.Wait().OK()
	})
	t.Run("the container's first process", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		hungry(b)
		b.Created("eat")
		p := b.Launch("events", b.ID)
		b.Until("it watches", func() bool { return watches(p.Pid()) })
		b.Vial("start", b.ID).OK()
		if text := p.Wait().OK().Stdout; ooms(b, text) == 0 {
			t.Errorf("events: %q", text)
		}
		same(t, "the status", b.Status(), "stopped")
	})
}
