package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/vial-run/vial/internal/field"
	"golang.org/x/sys/unix"
)

// A Sysctl is one entry of linux.sysctl.
type Sysctl struct {
	Key   string
	File  string // below /proc/sys: `net/ipv4/conf/eth0.1/forwarding`
	Value string
}

// checkSysctl lets only those parameters through that belong to a namespace of
// the container's own; every other one is the host's. The kernel does not help
// here: it takes a write to kernel.core_pattern from wherever it comes.
func checkSysctl(c *checker) {
	if c.spec.Linux == nil || len(c.spec.Linux.Sysctl) == 0 {
		return
	}
	at := field.At("linux", "sysctl")
	files := make(map[string]string, len(c.spec.Linux.Sysctl))
	for _, key := range slices.Sorted(maps.Keys(c.spec.Linux.Sysctl)) {
		value := c.spec.Linux.Sysctl[key]
		file, ok := sysctlFile(key)
		if !ok {
			c.refuse(at.Key(clipKey(key)), "is no name of a sysctl")
			continue
		}
		if problem := c.sysctlProblem(key, file); problem != "" {
			c.refuse(at.Key(key), problem)
			continue
		}
		if sysctlBadValue(value) {
			c.refuse(at.Key(key), show(value)+": a value is one line, of at most 4095 bytes")
		}
		if other, twice := files[file]; twice {
			c.refuse(at.Key(key), "is the same as "+show(other))
		}
		files[file] = key
		c.cfg.Sysctl = append(c.cfg.Sysctl, Sysctl{Key: key, File: file, Value: value})
	}
}

// sysctlFile is the file of a key, which sysctl(8) takes with dots or with
// slashes between its parts; the other one then stands for itself, as in
// net.ipv4.conf.eth0/1.forwarding.
//
// A key is one file: parts that are empty or dots, and all characters with
// which a key was ever made to mean a second one (CVE-2022-0811), are refused.
func sysctlFile(key string) (string, bool) {
	const longest = 256
	first := strings.IndexAny(key, "./")
	if first <= 0 || len(key) > longest {
		return "", false
	}
	dots := key[first] == '.'
	file := []byte(key)
	for i, c := range file {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z', c >= '0' && c <= '9', c == '_', c == '-', c == ':', c == '@':
		case c == '.' && dots:
			file[i] = '/'
		case c == '/' && dots:
			file[i] = '.'
		case c == '.', c == '/':
		default:
			return "", false
		}
	}
	for part := range strings.SplitSeq(string(file), "/") {
		if part == "" || part == "." || part == ".." {
			return "", false
		}
	}
	return string(file), true
}

// sysctlProblem says why a parameter is not the container's, or "".
func (c *checker) sysctlProblem(key, file string) string {
	switch file {
	case "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall",
		"kernel/shmmax", "kernel/shmmni", "kernel/shm_rmid_forced":
		return c.sysctlNeeds(unix.CLONE_NEWIPC, key, "is not allowed in the hosts ipc namespace")
	case "kernel/domainname":
		return c.sysctlNeeds(unix.CLONE_NEWUTS, key, "is not in a separate kernel namespace")
	case "kernel/hostname":
		return "sysctl " + show(key) + ` is not allowed as it conflicts with the OCI "hostname" field`
	}
	top, _, _ := strings.Cut(file, "/")
	switch {
	case strings.HasPrefix(file, "fs/mqueue/"):
		return c.sysctlNeeds(unix.CLONE_NEWIPC, key, "is not allowed in the hosts ipc namespace")
	case top == "net":
		return c.sysctlNeeds(unix.CLONE_NEWNET, key, "not allowed in host network namespace")
	case top == "user":
		if !c.cfg.Namespaces.Has(unix.CLONE_NEWUSER) {
			return "setting ucounts without a user namespace not allowed: " + key
		}
		return ""
	}
	return "sysctl " + show(key) + " is not in a separate kernel namespace"
}

func (c *checker) sysctlNeeds(flag uint64, key, otherwise string) string {
	if c.cfg.Namespaces.Has(flag) {
		return ""
	}
	return "sysctl " + show(key) + " " + otherwise
}

// sysctlBadValue tells whether a value is no single line. The kernel's own
// parameters of several numbers take tabs between them.
func sysctlBadValue(value string) bool {
	return len(value) > 4095 || control(strings.ReplaceAll(value, "\t", " "))
}
