// Package faults tries to break the real vial: hosts that have run out of
// something, files of its state that are gone or garbage, vial killed or asked
// to end at any moment, and crowds of vials at once.
//
// A fault is borne if three things hold. The error is one clear line. The host
// is as before: no process, mount, cgroup or directory is left; or where vial
// itself was killed, nothing but what delete --force removes. And a bystander,
// a container that lives through all of it, is untouched to the last byte of
// its state. Each test has the fault of its name, and sees to the three after
// every single try (asBefore).
package faults

import (
	"fmt"
	"os"
	ossignal "os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vial-run/vial/test/integration/bed"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) {
	bed.Through(spoil)
	bed.Main(m)
}

// pidReuse is the fault that has the host to itself: what others start would get
// numbers that have just been somebody else's too, within the hundredth of a second
// that the kernel cannot tell apart.
const pidReuse = "pid reused"

// TestFaults is all faults, at once but for that one, beside the one bystander.
func TestFaults(t *testing.T) {
	t.Cleanup(bury) // after the bystander
	by := newBystander(t)
	for _, f := range []struct {
		name string
		test func(f *fault)
	}{
		{"out of descriptors", outOfDescriptors},
		{"out of processes", outOfProcesses},
		{"a memory limit too small", memoryTooSmall},
		{"state root full", stateRootFull},
		{"state root read-only", stateRootReadOnly},
		{"state root turns read-only", stateRootTurnsReadOnly},
		{"cgroups read-only", cgroupsReadOnly},
		{"no cgroups", noCgroups},
		{"cgroup refused", cgroupRefused},
		{"rootfs removed", rootfsRemoved},
		{"record damaged", recordDamaged},
		{"every record damaged", everyRecordDamaged},
		{"fifo removed", fifoRemoved},
		{"fifo replaced", fifoReplaced},
		{pidReuse, pidReused},
		{"created in another time", createdInAnotherTime},
		{"another boot time", anotherBootTime},
		{"clock set", clockSet},
		{"killed create", killedCreate},
		{"killed delete", killedDelete},
		{"create is asked to end", terminatedCreate},
		{"hook is interrupted", interruptedHook},
		{"signal comes early", earlySignal},
		{"hang-up is ignored", ignoredHangup},
		{"one id wanted by many", oneID},
		{"a crowd", crowd},
	} {
		t.Run(f.name, func(t *testing.T) {
			if f.name != pidReuse {
				t.Parallel()
			}
			f.test(&fault{Bundle: bed.New(t), by: by})
		})
	}
}

// A fault is a bundle that something goes wrong with, and who must not feel it.
type fault struct {
	*bed.Bundle
	by *bystander
}

// asBefore fails the test for anything that is left on the host, and for a
// bystander that is not what it was.
func (f *fault) asBefore(when string) {
	f.T.Helper()
	failed := f.T.Failed()
	f.NothingLeft()
	for _, pid := range holders(f.Dir) {
		f.T.Errorf("process %d is left: %s", pid, text(fmt.Sprintf("/proc/%d/cmdline", pid)))
	}
	f.by.check(f.T)
	if !failed && f.T.Failed() {
		f.T.Errorf("… after %s", when)
	}
}

// fails holds a failed vial to its one line, and the host to how it was.
func (f *fault) fails(r *bed.Result, when string, texts ...string) {
	f.T.Helper()
	r.Fails(texts...)
	f.asBefore(when)
}

// first makes a container and removes it, so that the mount points in the
// rootfs are there and no create is the first one.
func (f *fault) first() {
	f.T.Helper()
	f.Created("sleep")
	f.Vial("delete", f.ID).OK()
}

// holders are the processes whose output goes into a directory: all that come
// of a bundle do, whatever became of their vial.
func holders(dir string) []int {
	links, _ := filepath.Glob("/proc/[0-9]*/fd/[12]")
	var pids []int
	for _, link := range links {
		target, err := os.Readlink(link)
		if err != nil || !strings.HasPrefix(target, dir+"/") {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && !slices.Contains(pids, pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// bury takes leave of orphans, of whose vial Go itself has made an end. Of the
// children that tests have started themselves none has such a name, and of
// those of a container bed does not mind if they are buried already.
func bury() {
	for end := time.Now().Add(bed.Slowly(10 * time.Second)); time.Now().Before(end); time.Sleep(time.Millisecond) {
		children, left := "", 0
		tasks, _ := filepath.Glob("/proc/self/task/*/children")
		for _, task := range tasks {
			children += text(task) + " "
		}
		for word := range strings.FieldsSeq(children) {
			if !strings.HasPrefix(text("/proc/"+word+"/comm"), "vial:") {
				continue
			}
			left++
			if pid, err := strconv.Atoi(word); err == nil {
				_, _ = unix.Wait4(pid, nil, unix.WNOHANG|unix.WALL, nil)
			}
		}
		if left == 0 {
			return
		}
	}
}

func text(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// spoil spoils the world for a process that is about to become vial: words of a
// name, "=" and a value.
func spoil(all string) error {
	for word := range strings.FieldsSeq(all) {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "descriptors":
			err = limitDescriptors(value)
		case "cgroup":
			err = os.WriteFile(value+"/cgroup.procs", []byte("0"), 0)
		case "readonly", "unmounted":
			err = spoilMounts(name, value)
		case "ignored":
			ossignal.Ignore(unix.SIGHUP)
		case "boottime":
			err = shiftBoottime(value)
		default:
			err = unix.EINVAL
		}
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	return nil
}
