package hostile

import (
	"os"
	"strconv"
	"testing"

	"github.com/vial-run/vial/test/integration/bed"
)

// TestExecIsNotSeen has a process of the container look into everything that
// exec starts, from its first moment on (CVE-2016-9962, CVE-2019-5736).
func TestExecIsNotSeen(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Mkdir(b.In("tmp"))
	b.Capabilities("CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_SETUID")
	b.Created("spy", "/tmp/stop")
	b.Vial("start", b.ID).OK()
	for range bed.Rounds(100) {
		b.Vial("exec", b.ID, "/probe", "exit", "0").OK()
	}
	b.File(b.In("tmp/stop"), "")
	b.Until("the spy has ended", func() bool { return b.Status() == "stopped" })
	spied := b.Parse(b.Output()).Acts[0]
	if n, err := strconv.Atoi(spied.Text); err != nil || n < 10 {
		t.Errorf("the spy met %s processes only", spied.Text)
	}
	if len(spied.Names) > 0 {
		t.Errorf("the spy saw %v", spied.Names)
	}
}

// TestExecGetsNothingOfTheHost leaks directories of the host to exec and looks
// for them inside (CVE-2024-21626).
func TestExecGetsNothingOfTheHost(t *testing.T) {
	t.Parallel()
	b := bed.New(t)
	b.Spec.Process.Args = []string{"/probe", "sleep"}
	b.Detached().OK()
	secret := b.File(b.Path("secret"), "of the host")
	host, err := os.Open("/")
	b.Must(err)
	defer host.Close()
	b.Stdio = map[int]*os.File{3: host, 7: host, 10: host}
	b.Env = append(b.Env, "SECRET=1")
	r := b.Vial("exec", b.ID, "/probe", "report", "hunt", secret+"=of the host").OK().Report()
	if len(r.Acts[0].Names) > 0 || len(r.Process.Descriptors) != 3 {
		t.Errorf("found %v, descriptors %v", r.Acts[0].Names, r.Process.Descriptors)
	}
	for _, kv := range r.Process.Env {
		if kv == "SECRET=1" {
			t.Error("the caller's environment got through")
		}
	}
	for _, cwd := range []string{"/proc/self/fd/7", "/proc/self/fd/3/tmp", "/proc/1/cwd", "/proc/thread-self/fd/10"} {
		if r := b.Vial("exec", "--cwd", cwd, b.ID, "/probe", "hunt", secret+"=of the host"); r.Status == 0 && len(r.Report().Acts[0].Names) > 0 {
			t.Errorf("--cwd %s leads out: %v", cwd, r.Report().Acts[0].Names)
		}
	}
}
