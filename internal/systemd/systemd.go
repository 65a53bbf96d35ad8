// Package systemd has systemd make, change and stop units.
//
// What comes in: the name of a unit and its properties, as values with their
// D-Bus types (Value; ParseText reads them from the text of an annotation). What
// goes out: a job that systemd has done, or its refusal in its own words.
//
//	Connect ──▶ who it is ──▶ first call: Hello, AddMatch and the call in one write
//	StartTransient, Stop: the call, its reply with a job, the signal JobRemoved
//
// It is a D-Bus client of its own, of the few messages that this takes. What the
// libraries for it import (net, crypto, os/user …) every command would pay for
// with a fifth of its start-up time, and most never speak to systemd.
//
// The package knows nothing of containers and cgroups, and keeps nothing between
// calls but the connection. Every wait is bounded.
package systemd

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Running tells whether systemd runs this host (sd_booted(3)).
func Running() bool {
	var st unix.Stat_t
	return unix.Lstat("/run/systemd/system", &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

const (
	managerName  = "org.freedesktop.systemd1"
	managerPath  = "/org/freedesktop/systemd1"
	managerIface = "org.freedesktop.systemd1.Manager"
)

// Names of refusals.
const (
	UnitExists = "org.freedesktop.systemd1.UnitExists"
	noSuchUnit = "org.freedesktop.systemd1.NoSuchUnit"
)

// A Refusal is what systemd, or the bus, says instead of doing it.
type Refusal struct {
	Name string // of the error, such as UnitExists
	Text string // for people; it names the property that is wrong, if one is
}

func (r *Refusal) Error() string {
	if r.Text == "" {
		return r.Name
	}
	return strings.TrimSuffix(r.Text, ".")
}

// manager is a call of a method of the manager.
func manager(member string, body ...Value) call {
	return call{managerName, managerPath, member, managerIface, body}
}

// Version is systemd's: 257 for "257.8-1".
func (c *Conn) Version() (int, error) {
	get := manager("Get", String(managerIface), String("Version"))
	get.iface = "org.freedesktop.DBus.Properties"
	reply, err := c.call(get, time.Now().Add(c.patience))
	if err != nil {
		return 0, fmt.Errorf("ask systemd for its version: %w", err)
	}
	if reply.signature != "v" || reply.body.signature() != "s" {
		return 0, fmt.Errorf("ask systemd for its version: it is no text")
	}
	text := reply.body.string()
	digits := strings.TrimPrefix(text, "v")
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		digits = digits[:i]
	}
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0, fmt.Errorf("systemd's version is %q", text)
	}
	return n, nil
}

// StartTransient has systemd make and start the unit, and waits until it is
// there. A unit of that name must not exist.
func (c *Conn) StartTransient(properties []Property) error {
	err := c.job(manager("StartTransientUnit", String(c.unit), String("fail"), settings(properties), Array("(sa(sv))")))
	if err != nil {
		return fmt.Errorf("start the unit %s: %w", c.unit, err)
	}
	return nil
}

// Stop stops the unit, and waits until it is gone. What is gone already is fine.
func (c *Conn) Stop() error {
	err := c.job(manager("StopUnit", String(c.unit), String("replace")))
	if refusal := (*Refusal)(nil); errors.As(err, &refusal) && refusal.Name == noSuchUnit {
		return nil
	}
	if err != nil {
		return fmt.Errorf("stop the unit %s: %w", c.unit, err)
	}
	return nil
}

// SetProperties changes properties of the unit for as long as it lives.
func (c *Conn) SetProperties(properties []Property) error {
	_, err := c.call(manager("SetUnitProperties", String(c.unit), Bool(true), settings(properties)), time.Now().Add(c.patience))
	if err != nil {
		return fmt.Errorf("set properties of the unit %s: %w", c.unit, err)
	}
	return nil
}

func settings(properties []Property) Value {
	list := make([]Value, len(properties))
	for i, p := range properties {
		list[i] = Struct(String(p.Name), Variant(p.Value))
	}
	return Array("(sv)", list...)
}

// job calls a method that starts a job, and waits for the job's end.
func (c *Conn) job(do call) error {
	deadline := time.Now().Add(c.patience)
	reply, err := c.call(do, deadline)
	if err != nil {
		return err
	}
	path := reply.first()
	for {
		for _, e := range c.ended {
			// Anybody may send such a signal over the bus; the bus says who did.
			if e.job == path && e.sender == reply.sender {
				if e.result != "done" {
					return fmt.Errorf("its job ended with the result %q (journalctl -u %s may tell why)", e.result, c.unit)
				}
				return nil
			}
		}
		c.ended = nil
		if _, err := c.receive(deadline); err != nil {
			return fmt.Errorf("wait for its job: %w", err)
		}
	}
}
