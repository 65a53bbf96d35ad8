package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Host is what the numbers depend on.
type Host struct {
	Kernel       string   `json:"kernel"`
	CPUs         int      `json:"cpus"`
	Governor     string   `json:"governor"`
	Load         string   `json:"load"` // of the last minute, before the first case
	Cgroup       string   `json:"cgroup"`
	CgroupView   string   `json:"cgroupView"`
	CgroupDriver string   `json:"cgroupDriver"`
	Controllers  []string `json:"controllers"`
	FavorDynMods bool     `json:"favordynmods"`
	RCUExpedited string   `json:"rcuExpedited"`
	RCUNormal    string   `json:"rcuNormal"`
	Mounts       int      `json:"mounts"` // that every new mount namespace copies
}

func describeHost(p *place) Host {
	var uts unix.Utsname
	unix.Uname(&uts)
	h := Host{
		Kernel:       unix.ByteSliceToString(uts.Release[:]) + " " + unix.ByteSliceToString(uts.Machine[:]),
		CPUs:         runtime.NumCPU(),
		Governor:     firstWord("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "none"),
		Load:         firstWord("/proc/loadavg", "unknown"),
		Cgroup:       cgroupMode(),
		CgroupView:   p.view,
		CgroupDriver: "fs",
		RCUExpedited: firstWord("/sys/kernel/rcu_expedited", "unknown"),
		RCUNormal:    firstWord("/sys/kernel/rcu_normal", "unknown"),
		Mounts:       strings.Count(readText("/proc/self/mountinfo"), "\n"),
	}
	for _, m := range cgroupMounts() {
		h.FavorDynMods = h.FavorDynMods || strings.Contains(","+m.options+",", ",favordynmods,")
		if m.v2 {
			h.Controllers = append(h.Controllers, strings.Fields(readText(m.mountpoint+"/cgroup.controllers"))...)
		} else {
			h.Controllers = append(h.Controllers, m.controllers()...)
		}
	}
	return h
}

func readText(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}

func firstWord(path, otherwise string) string {
	if words := strings.Fields(readText(path)); len(words) > 0 {
		return words[0]
	}
	return otherwise
}

// cgroupMode is the arrangement of cgroups that is to be seen.
func cgroupMode() string {
	mode := "none"
	for _, m := range cgroupMounts() {
		switch {
		case m.v2 && m.mountpoint == cgroupRoot:
			return "v2"
		case m.v2:
			return "hybrid"
		}
		mode = "v1"
	}
	return mode
}

type cgroupMount struct {
	mountpoint, options string
	v2                  bool
}

func cgroupMounts() []cgroupMount { return parseCgroupMounts(readText("/proc/self/mountinfo")) }

// parseCgroupMounts takes the cgroup mounts below /sys/fs/cgroup from the text of mountinfo, v2 first.
func parseCgroupMounts(mountinfo string) []cgroupMount {
	var v1, v2 []cgroupMount
	for line := range strings.Lines(mountinfo) {
		before, after, ok := strings.Cut(line, " - cgroup")
		fields, tail := strings.Fields(before), strings.Fields(after)
		if !ok || len(fields) < 5 || len(tail) == 0 {
			continue
		}
		m := cgroupMount{mountpoint: fields[4], options: tail[len(tail)-1], v2: strings.HasPrefix(after, "2")}
		switch {
		case m.mountpoint != cgroupRoot && !strings.HasPrefix(m.mountpoint, cgroupRoot+"/"):
		case m.v2:
			v2 = append(v2, m)
		default:
			v1 = append(v1, m)
		}
	}
	return append(v2, v1...)
}

func (m *cgroupMount) controllers() []string {
	var list []string
	for option := range strings.SplitSeq(m.options, ",") {
		switch option {
		case "rw", "ro", "xattr", "noprefix", "clone_children", "favordynmods", "nofavordynmods":
		default:
			list = append(list, option)
		}
	}
	return list
}

// Text is the host in lines.
func (h *Host) Text() string {
	favor := "off"
	if h.FavorDynMods {
		favor = "on"
	}
	return fmt.Sprintf("host      Linux %s, %d cpus, governor %s, load %s, %d mounts\n"+
		"cgroups   %s (%s), %s driver, favordynmods %s, controllers %s\nrcu       expedited %s, normal %s\n",
		h.Kernel, h.CPUs, h.Governor, h.Load, h.Mounts,
		h.Cgroup, h.CgroupView, h.CgroupDriver, favor, strings.Join(h.Controllers, " "), h.RCUExpedited, h.RCUNormal)
}
