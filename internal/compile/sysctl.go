package compile

import (
	"strconv"

	"github.com/vial-run/vial/internal/program"
	"golang.org/x/sys/unix"
)

// Everything written below /proc goes through a procfs that was made for this
// and is mounted nowhere, so that nobody can have put anything over a file in
// it (CVE-2019-16884, CVE-2025-52881).

var procFile = program.How{
	Flags:   program.O_WRONLY | program.O_CLOEXEC,
	Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS | unix.RESOLVE_NO_XDEV,
}

// privateProc makes that procfs; the caller closes it.
func (c *compiler) privateProc() program.Slot {
	proc := c.Slot("proc")
	c.Fsopen("proc").Into(c.fs)
	c.FsconfigCreate(c.fs)
	c.Fsmount(c.fs, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV|unix.MOUNT_ATTR_NOEXEC).Into(proc)
	c.Close(c.fs)
	return proc
}

// writeProc writes value to a file of procfs.
func (c *compiler) writeProc(proc program.Slot, path, value string) {
	file := c.target
	c.Openat2(proc.Content(), path, procFile).Into(file)
	c.Write(file.Content(), value)
	c.Close(file)
}

// sysctls sets linux.sysctl, in the order of the keys.
func sysctls(c *compiler) {
	if len(c.cfg.Sysctl) == 0 {
		return
	}
	c.Step(at("linux", "sysctl"), "make a procfs to write sysctls through")
	proc := c.privateProc()
	for _, s := range c.cfg.Sysctl {
		c.Step(at("linux", "sysctl").Key(s.Key), "write "+s.Key)
		c.writeProc(proc, "sys/"+s.File, s.Value)
	}
	c.Close(proc)
}

// oomScoreAdj tells the kernel how gladly to kill the process for memory.
func oomScoreAdj(c *compiler) {
	if c.spec.Process.OOMScoreAdj == nil {
		return
	}
	c.Step(at("process", "oomScoreAdj"), "set the oom score adjustment to "+strconv.Itoa(*c.spec.Process.OOMScoreAdj))
	proc := c.privateProc()
	c.writeProc(proc, "self/oom_score_adj", strconv.Itoa(*c.spec.Process.OOMScoreAdj))
	c.Close(proc)
}
