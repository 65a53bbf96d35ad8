package container

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/vial-run/vial/internal/host"
	"github.com/vial-run/vial/internal/host/gather"
	"golang.org/x/sys/unix"
)

// TestPureV2 runs the tests once more where there is nothing but cgroup2, if
// the host has more than that.
func TestPureV2(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	facts, err := gather.Facts()
	if err != nil {
		t.Fatal(err)
	}
	if facts.Cgroup == host.V2 {
		t.Skip("this host has nothing but cgroup2: the other tests have run there")
	}
	cmd := exec.Command("/proc/self/exe", "-test.v="+verbose(), "-test.skip=^TestPureV2$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), worldVariable+"="+enterV2, "VIAL_TEST_VIAL="+vialBinary, "VIAL_TEST_PROBE="+probeBinary)
	runtime.LockOSThread() // Pdeathsig is about the thread that started it
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("%v:\n%s", err, out)
	} else if testing.Verbose() {
		t.Logf("%s", out)
	}
}

func verbose() string {
	if testing.Verbose() {
		return "true"
	}
	return "false"
}
