package config

import (
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/vial-run/vial/internal/field"
)

var processFields = []string{
	"terminal", "consoleSize", "user", "args", "commandLine", "env", "cwd", "capabilities", "rlimits",
	"noNewPrivileges", "apparmorProfile", "oomScoreAdj", "scheduler", "selinuxLabel", "ioPriority",
	"execCPUAffinity",
}

func readProcess(d *decoder, p *specs.Process) {
	for key := range d.object {
		switch key {
		case "terminal":
			readBool(d, &p.Terminal)
		case "consoleSize":
			readOptional(d, &p.ConsoleSize, readBox)
		case "user":
			readUser(d, &p.User)
		case "args":
			readTexts(d, &p.Args)
		case "commandLine":
			readText(d, &p.CommandLine)
		case "env":
			readTexts(d, &p.Env)
		case "cwd":
			readText(d, &p.Cwd)
		case "capabilities":
			readOptional(d, &p.Capabilities, readCapabilities)
		case "rlimits":
			readList(d, &p.Rlimits, readRlimit)
		case "noNewPrivileges":
			readBool(d, &p.NoNewPrivileges)
		case "apparmorProfile":
			readText(d, &p.ApparmorProfile)
		case "oomScoreAdj":
			readOptional(d, &p.OOMScoreAdj, readSigned)
		case "scheduler":
			readOptional(d, &p.Scheduler, readScheduler)
		case "selinuxLabel":
			readText(d, &p.SelinuxLabel)
		case "ioPriority":
			readOptional(d, &p.IOPriority, readIOPriority)
		case "execCPUAffinity":
			readOptional(d, &p.ExecCPUAffinity, readCPUAffinity)
		default:
			d.unknown(key, processFields)
		}
	}
}

var boxFields = []string{"height", "width"}

func readBox(d *decoder, b *specs.Box) {
	for key := range d.object {
		switch key {
		case "height":
			readUnsigned(d, &b.Height)
		case "width":
			readUnsigned(d, &b.Width)
		default:
			d.unknown(key, boxFields)
		}
	}
}

var userFields = []string{"uid", "gid", "umask", "additionalGids", "username"}

func readUser(d *decoder, u *specs.User) {
	for key := range d.object {
		switch key {
		case "uid":
			readUnsigned(d, &u.UID)
		case "gid":
			readUnsigned(d, &u.GID)
		case "umask":
			readOptional(d, &u.Umask, readUnsigned)
		case "additionalGids":
			readList(d, &u.AdditionalGids, readUnsigned)
		case "username":
			readText(d, &u.Username)
		default:
			d.unknown(key, userFields)
		}
	}
}

func checkProcess(c *checker) {
	at := field.At("process")
	p := c.spec.Process
	if p == nil {
		c.refuse(at, "is required: it says what the container runs")
		return
	}
	checkArgs(c, p)
	checkEnv(c, at.Child("env"), p.Env)
	checkUser(c, p)
	switch {
	case p.Cwd == "":
		c.refuse(at.Child("cwd"), "is required")
	default:
		c.absolute(at.Child("cwd"), p.Cwd)
	}
	if p.OOMScoreAdj != nil && (*p.OOMScoreAdj < -1000 || *p.OOMScoreAdj > 1000) {
		c.refuse(at.Child("oomScoreAdj"), strconv.Itoa(*p.OOMScoreAdj)+" is out of range (-1000 to 1000)")
	}
	// The spec has the size ignored without a terminal. struct winsize counts
	// in 16 bits.
	if p.Terminal && p.ConsoleSize != nil && max(p.ConsoleSize.Height, p.ConsoleSize.Width) > 65535 {
		c.refuse(at.Child("consoleSize"), "is out of range (0 to 65535)")
	}
}

func checkArgs(c *checker, p *specs.Process) {
	at := field.At("process", "args")
	switch {
	case len(p.Args) == 0:
		c.refuse(at, "must not be empty: it says what the container runs")
	case p.Args[0] == "":
		c.refuse(at.Index(0), `exec: "": executable file not found in $PATH`)
	}
	for i, arg := range p.Args {
		if nul(arg) {
			c.refuse(at.Index(i), "must not hold a NUL")
		}
	}
}

// checkEnv does not show the values: they are where secrets are.
func checkEnv(c *checker, at field.Path, env []string) {
	for i, entry := range env {
		switch {
		case strings.IndexByte(entry, '=') < 0:
			c.refuse(at.Index(i), "want NAME=value, there is no '='")
		case entry[0] == '=':
			c.refuse(at.Index(i), "want NAME=value, the name is empty")
		case nul(entry):
			c.refuse(at.Index(i), "must not hold a NUL")
		}
	}
}

// maxGroups is NGROUPS_MAX, how many groups setgroups(2) takes.
const maxGroups = 65536

func checkUser(c *checker, p *specs.Process) {
	at := field.At("process", "user")
	u := &p.User
	c.id(u.UID, at, "uid")
	c.id(u.GID, at, "gid")
	if len(u.AdditionalGids) > maxGroups {
		c.refuse(at.Child("additionalGids"), "more than "+strconv.Itoa(maxGroups)+" groups")
		return
	}
	for i, gid := range u.AdditionalGids {
		if gid == noID {
			c.id(gid, at, string(field.At("additionalGids").Index(i)))
		}
	}
	if u.Umask != nil && *u.Umask > 0o777 {
		octal := strconv.FormatUint(uint64(*u.Umask), 8)
		c.refuse(at.Child("umask"), strconv.FormatUint(uint64(*u.Umask), 10)+" (octal "+octal+") is out of range (0 to octal 777)")
	}
}

// noID is -1 in a uid_t: setresuid(2) and chown(2) take it for "leave as it
// is", so that a process told to become it would stay root.
const noID = 1<<32 - 1

func (c *checker) id(id uint32, parent field.Path, name string) {
	if id == noID {
		c.refuse(parent.Child(name), "4294967295 is no id: the kernel takes it for -1")
	}
}
