package systemd

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/vial-run/vial/test/bus"
)

func connect(t *testing.T, b *bus.Bus, patience time.Duration) *Conn {
	t.Helper()
	c, err := Connect(Bus{Address: b.Address, Patience: patience}, "x.scope")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestCalls: another implementation of D-Bus understands what is asked.
func TestCalls(t *testing.T) {
	b := bus.New(t, func(c bus.Call) bus.Answer {
		if c.Member == "Get" {
			return bus.Answer{Body: []any{dbus.MakeVariant("257.8-1~deb13u2")}}
		}
		return bus.Answer{}
	})
	c := connect(t, b, 0)
	if n, err := c.Version(); n != 257 || err != nil {
		t.Errorf("version %d, %v", n, err)
	}
	list := []Property{
		{"Description", String("vial container é")}, {"Delegate", Bool(true)}, {"PIDs", Array("u", Uint32(7), Uint32(8))},
		{"MemoryMax", Uint64(1 << 40)}, {"AllowedCPUs", Bytes([]byte{1, 2, 3})}, {"After", Array("s", String("a.service"))},
		{"DeviceAllow", Array("(ss)", Struct(String("/dev/null"), String("rw")))}, {"None", Array("(ss)")},
	}
	for _, do := range []func() error{
		func() error { return c.StartTransient(list) },
		func() error { return c.SetProperties(list) },
		c.Stop,
	} {
		if err := do(); err != nil {
			t.Error(err)
		}
	}
	if got, want := b.Members(), "Get StartTransientUnit SetUnitProperties StopUnit"; got != want {
		t.Errorf("asked for %s, want %s", got, want)
	}
	calls := b.Calls()
	pairs := [][]any{
		{"Description", dbus.MakeVariant("vial container é")}, {"Delegate", dbus.MakeVariant(true)}, {"PIDs", dbus.MakeVariant([]uint32{7, 8})},
		{"MemoryMax", dbus.MakeVariant(uint64(1 << 40))}, {"AllowedCPUs", dbus.MakeVariant([]byte{1, 2, 3})},
		{"After", dbus.MakeVariant([]string{"a.service"})},
		{"DeviceAllow", dbus.MakeVariantWithSignature([][]any{{"/dev/null", "rw"}}, dbus.ParseSignatureMust("a(ss)"))},
		{"None", dbus.MakeVariantWithSignature([][]any{}, dbus.ParseSignatureMust("a(ss)"))},
	}
	for i, want := range [][]any{
		1: {"x.scope", "fail", pairs, [][]any{}}, 2: {"x.scope", true, pairs}, 3: {"x.scope", "replace"},
	} {
		if want != nil && !reflect.DeepEqual(calls[i].Body, want) {
			t.Errorf("%s:\ngot  %v\nwant %v", calls[i].Member, calls[i].Body, want)
		}
	}
}

// TestDirect is a connection to systemd itself, which is no bus: nobody is called
// by a name.
func TestDirect(t *testing.T) {
	b := bus.New(t, nil)
	c := connect(t, b, 0)
	c.direct = true
	if err := c.StartTransient(nil); err != nil {
		t.Error(err)
	}
	if err := c.Stop(); err != nil {
		t.Error(err)
	}
	for _, call := range b.Calls() {
		if call.Destination != "" {
			t.Errorf("%s is for %s", call.Member, call.Destination)
		}
	}
	if b.Greeted() {
		t.Error("systemd is taken for a bus")
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer bus.Answer
		do     func(*Conn) error
		want   string // "" is success
	}{
		{"start refused", bus.Answer{Error: UnitExists, Text: "Unit x.scope was already loaded."}, start, "start the unit x.scope: Unit x.scope was already loaded"},
		{"start refused without words", bus.Answer{Error: "org.x.Y"}, start, "start the unit x.scope: org.x.Y"},
		{"job failed", bus.Answer{Result: "failed"}, start, `start the unit x.scope: its job ended with the result "failed" (journalctl -u x.scope may tell why)`},
		{"job forged", bus.Answer{Forged: "done", Result: "failed"}, start, `start the unit x.scope: its job ended with the result "failed" (journalctl -u x.scope may tell why)`},
		{"job forged the other way", bus.Answer{Forged: "failed"}, start, ""},
		{"no answer", bus.Answer{Silent: true}, start, "start the unit x.scope: no answer within 50ms"},
		{"job does not end", bus.Answer{Hold: true}, start, "start the unit x.scope: wait for its job: no answer within 50ms"},
		{"hangs up", bus.Answer{Hangup: true}, start, "start the unit x.scope: the bus has closed the connection"},
		{"stop: gone already", bus.Answer{Error: noSuchUnit, Text: "Unit x.scope not loaded."}, (*Conn).Stop, ""},
		{"stop refused", bus.Answer{Error: "org.freedesktop.DBus.Error.AccessDenied", Text: "No"}, (*Conn).Stop, "stop the unit x.scope: No"},
		{"set refused", bus.Answer{Error: "x.y", Text: "No"}, func(c *Conn) error { return c.SetProperties(nil) }, "set properties of the unit x.scope: No"},
		{"version is no text", bus.Answer{Body: []any{dbus.MakeVariant(7)}}, version, "ask systemd for its version: it is no text"},
		{"version is no number", bus.Answer{Body: []any{dbus.MakeVariant("x")}}, version, `systemd's version is "x"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			patience := time.Duration(0)
			if strings.Contains(c.want, "50ms") {
				patience = 50 * time.Millisecond
			}
			err := c.do(connect(t, bus.New(t, func(bus.Call) bus.Answer { return c.answer }), patience))
			if fmt.Sprint(err) != c.want && (err != nil || c.want != "") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func start(c *Conn) error { return c.StartTransient(nil) }

func version(c *Conn) error { _, err := c.Version(); return err }

func TestConnectFails(t *testing.T) {
	t.Run("rejected", func(t *testing.T) {
		b := bus.New(t, nil).Rejecting("REJECTED ANONYMOUS")
		if err := start(connect(t, b, 0)); err == nil || !strings.Contains(err.Error(), `not in: it says "REJECTED ANONYMOUS"`) {
			t.Error(err)
		}
	})
	for address, want := range map[string]string{
		"unix:path=/nowhere/bus": "connect to systemd: connect /nowhere/bus: no such file or directory",
		"tcp:host=localhost":     `connect to systemd: the bus address "tcp:host=localhost" names no unix socket`,
		"unix:path=%":            `connect to systemd: the bus address "unix:path=%": it ends within an escape`,
	} {
		_, err := Connect(Bus{Address: address}, "x.scope")
		if err == nil || err.Error() != want {
			t.Errorf("%s: got  %v\nwant %s", address, err, want)
		}
	}
}

func TestSocketOf(t *testing.T) {
	for addresses, want := range map[string]string{
		"unix:path=/run/a":                     "/run/a",
		"unix:path=/run/a,guid=0":              "/run/a",
		"unix:guid=0,path=/a%2fb%20c":          "/a/b c",
		"tcp:host=x,port=1;unix:abstract=/t/x": "@/t/x",
	} {
		if got, err := socketOf(addresses); got != want || err != nil {
			t.Errorf("%s: %q, %v; want %q", addresses, got, err, want)
		}
	}
}
