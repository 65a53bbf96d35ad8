package integration

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

// A manager is a service manager that vial is called by.
type manager struct {
	t      *testing.T
	b      *bed.Bundle
	socket *net.UnixConn
}

func newManager(t *testing.T, b *bed.Bundle, name string) *manager {
	t.Helper()
	address := name
	if !strings.HasPrefix(name, "@") {
		address = b.Path(name)
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: address, Net: "unixgram"})
	b.Must(err)
	t.Cleanup(func() { socket.Close() })
	b.Env = append(b.Env, "NOTIFY_SOCKET="+address)
	return &manager{t, b, socket}
}

// next is what the manager is told next. What comes along is closed, which lets
// who waits behind a barrier go on.
func (m *manager) next() string {
	m.t.Helper()
	m.b.Must(m.socket.SetReadDeadline(time.Now().Add(bed.Slowly(20 * time.Second))))
	text, control := make([]byte, 4096), make([]byte, 256)
	n, oob, _, _, err := m.socket.ReadMsgUnix(text, control)
	m.b.Must(err)
	parts, err := unix.ParseSocketControlMessage(control[:oob])
	m.b.Must(err)
	for i := range parts {
		fds, err := unix.ParseUnixRights(&parts[i])
		m.b.Must(err)
		for _, fd := range fds {
			unix.Close(fd)
		}
	}
	return string(text[:n])
}

// told sees to it that the manager is told of the service's process, and then
// nothing before vial has gone on.
func (m *manager) told(pid int) {
	m.t.Helper()
	same(m.t, "first", m.next(), "READY=1")
	same(m.t, "second", m.next(), fmt.Sprintf("MAINPID=%d", pid))
	same(m.t, "third", m.next(), "BARRIER=1")
}

// TestNotify: a process in the container says that it is ready, and the service
// manager hears it of vial, with the process that the service is.
func TestNotify(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"notify", "@vial-test-notify"} {
		t.Run("run --detach "+address, func(t *testing.T) {
			t.Parallel()
			b := bed.New(t)
			if address[0] == '@' {
				address += b.ID
			}
			m := newManager(t, b, address)
			b.Write("notify", "STATUS=soon", "notify", "STATUS=now\nREADY=1\n", "sleep")
			p := b.Launch("run", "--detach", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID)
			b.Until("the pid file is there", func() bool { _, err := os.Stat(b.Path("pid")); return err == nil })
			m.told(b.Adopt(b.Path("pid")))
			same(t, "the status", p.Wait().OK().Status, 0)
		})
	}
	t.Run("create, start", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		m := newManager(t, b, "notify")
		b.Spec.Process.User.UID = 1000
		pid := b.Created("notify", "READY=1", "sleep")
		p := b.Launch("start", b.ID)
		m.told(pid)
		p.Wait().OK()
		b.Vial("delete", "--force", b.ID).OK()
		b.NothingLeft()
	})
	t.Run("start waits, others need not", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		newManager(t, b, "notify")
		b.Created("sleep")
		p := b.Launch("start", b.ID)
		b.Until("it runs", func() bool { return b.Status() == "running" })
		b.Vial("delete", "--force", b.ID).OK()
		p.Wait().OK() // it has ended before it was ready
	})
	t.Run("in the foreground", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		m := newManager(t, b, "notify")
		b.Write("notify", "READY=1", "exit", "7")
		p := b.Launch("run", "--bundle", b.Dir, b.ID)
		m.told(p.Pid())
		same(t, "the status", p.Wait().Status, 7)
		b.NothingLeft()
	})
	t.Run("nobody is told of what is not ready", func(t *testing.T) {
		t.Parallel()
		b := bed.New(t)
		newManager(t, b, "notify")
		same(t, "the status", b.Run("notify", "STATUS=no", "exit", "3").Status, 3)
	})
}

// TestNotifyInside: what the process is given, and what an exec is not.
func TestNotifyInside(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	m := newManager(t, b, "notify")
	b.Spec.Root.Readonly = true
	b.Mount("/run", "tmpfs", "tmpfs")
	b.Write("write", "/run/notify/x", "", "unlink", "/run/notify/notify.sock", "notify", "READY=1", "report")
	p := b.Launch("run", "--detach", "--bundle", b.Dir, "--pid-file", b.Path("pid"), b.ID)
	same(t, "what the manager hears", m.next(), "READY=1")
	m.next()
	m.next()
	p.Wait().OK()
	b.Adopt(b.Path("pid"))
	b.Until("the container has stopped", func() bool { return b.Status() == "stopped" })
	r := b.Parse(p.Output())
	same(t, "the environment", r.Process.Env[len(r.Process.Env)-1], "NOTIFY_SOCKET=/run/notify/notify.sock")
	same(t, "write beside the socket", act(t, r, 0).Errno, "EROFS")
	same(t, "unlink the socket", act(t, r, 1).Errno, "EROFS")
	for _, mount := range bed.Mounts(r.Process.Mountinfo) {
		if mount.Point == "/run/notify" && !strings.HasPrefix(mount.Options, "ro,nosuid,nodev,noexec") {
			t.Errorf("it is mounted with %s", mount.Options)
		}
	}
}

// TestNotifyGone: a manager that is not there is a warning; the container runs.
func TestNotifyGone(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Env = append(b.Env, "NOTIFY_SOCKET="+b.Path("nobody"))
	r := b.Run("notify", "READY=1", "exit", "3")
	if r.Status != 3 || !strings.HasPrefix(r.Stderr, "vial: warning: NOTIFY_SOCKET: connect to ") {
		t.Errorf("status %d, %q", r.Status, r.Stderr)
	}
	b = bed.New(t)
	b.Env = append(b.Env, "NOTIFY_SOCKET=vsock:2:1234")
	p := b.Process()
	if strings.Contains(strings.Join(p.Env, " "), "NOTIFY_SOCKET") {
		t.Errorf("it is passed on: %q", p.Env)
	}
}
