package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"

	"github.com/vial-run/vial/container"
)

// global are the options that stand before or after the verb.
type global struct {
	root          string
	logFile       string
	logFormat     string
	logLevel      string
	debug         bool
	rootless      string
	systemdCgroup bool
	cgroupManager string
	version       bool
	criu          string
}

// newGlobal are the options without any given.
func newGlobal() global {
	return global{logFormat: "text", logLevel: "error", rootless: "auto", cgroupManager: "cgroupfs"}
}

func (g *global) define(fs *flag.FlagSet) {
	fs.StringVar(&g.root, "root", g.root, "keep the states of containers in `DIR`")
	fs.StringVar(&g.logFile, "log", g.logFile, "write the log to `FILE`, not to standard error; or to journald:ID or syslog:TAG")
	fs.StringVar(&g.logFormat, "log-format", g.logFormat, "`FORMAT` of the log: text or json")
	fs.StringVar(&g.logLevel, "log-level", g.logLevel, "least `LEVEL` that is logged: error, warning or debug")
	fs.BoolVar(&g.debug, "debug", g.debug, "log at level debug")
	fs.StringVar(&g.rootless, "rootless", g.rootless, "accepted without effect: `WHEN` to put up with missing privileges: true, false or auto")
	fs.BoolVar(&g.systemdCgroup, "systemd-cgroup", g.systemdCgroup, "let systemd manage cgroups: cgroupsPath is slice:prefix:name")
	fs.StringVar(&g.cgroupManager, "cgroup-manager", g.cgroupManager, "`WHO` manages cgroups: cgroupfs, systemd or disabled")
	fs.BoolVar(&g.version, "version", g.version, "print the version")
	fs.BoolVar(&g.version, "v", g.version, "print the version")
	fs.BoolVar(&g.version, "V", g.version, "print the version")
	fs.StringVar(&g.criu, "criu", g.criu, "accepted for old callers, without effect: `PATH` of criu")
}

// check refuses values that mean nothing, and what is not there yet.
func (g *global) check() error {
	if g.logFormat != "text" && g.logFormat != "json" {
		return fmt.Errorf("invalid log-format: %s", g.logFormat)
	}
	switch g.logLevel {
	case "error", "warning", "debug":
	default:
		return fmt.Errorf("invalid log-level: %s: want error, warning or debug", g.logLevel)
	}
	if g.rootless != "auto" {
		if _, err := strconv.ParseBool(g.rootless); err != nil {
			return fmt.Errorf("invalid --rootless: %s: want true, false or auto", g.rootless)
		}
	}
	switch g.cgroupManager {
	case "cgroupfs", "systemd":
	case "disabled":
		if g.systemdCgroup {
			return errors.New("--systemd-cgroup and --cgroup-manager disabled exclude each other")
		}
	default:
		return fmt.Errorf("invalid --cgroup-manager: %s: want cgroupfs, systemd or disabled", g.cgroupManager)
	}
	return nil
}

// cgroups is who manages the cgroups of a container to be made.
func (g *global) cgroups() container.CgroupDriver {
	switch {
	case g.systemdCgroup, g.cgroupManager == "systemd":
		return container.CgroupSystemd
	case g.cgroupManager == "disabled":
		return container.CgroupDisabled
	}
	return container.CgroupFilesystem
}

// stateRoot is the absolute directory of the states.
func (g *global) stateRoot() (string, error) {
	root := g.root
	if root == "" {
		root = defaultRoot(os.Geteuid(), os.Getenv("XDG_RUNTIME_DIR"))
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return "", err
	}
	if root == "/" {
		//lint:ignore ST1005 the words of runc
		return "", errors.New("Option --root argument should not be set to /")
	}
	return root, nil
}

func defaultRoot(euid int, runtimeDir string) string {
	if euid != 0 && runtimeDir != "" {
		return filepath.Join(runtimeDir, "vial")
	}
	return container.DefaultRoot
}
