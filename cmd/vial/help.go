package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// version and commit are set by the Makefile.
var (
	version = "0.1.0-dev"
	commit  = "unknown"
)

// printVersion prints what engines parse: the first line is NAME version X,
// and no other line may hold the word version (Docker takes the last).
func printVersion(w io.Writer) {
	fmt.Fprintf(w, "vial version %s\ncommit: %s\nspec: %s\ngo: %s\n", version, commit, specs.Version, runtime.Version())
}

func printHelp(w io.Writer) {
	fmt.Fprint(w, "vial - runs OCI containers from a rootfs and a config.json\n\nUSAGE:\n   vial [global options] COMMAND [options] [arguments]\n\nCOMMANDS:\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "   %-10s %s\n", v.name, v.about)
	}
	fmt.Fprintf(w, "   %-10s %s\n\nGLOBAL OPTIONS:\n", "help", "show this, or what COMMAND does: vial help COMMAND")
	printFlags(w, globalFlags(&global{logFormat: "text", logLevel: "error", rootless: "auto", cgroupManager: "cgroupfs"}))
}

func (v verb) printHelp(w io.Writer) {
	fs := newFlags(v.name)
	v.define(fs)
	fmt.Fprintf(w, "vial %s - %s\n\nUSAGE:\n   vial %s [options] %s\n", v.name, v.about, v.name, v.args)
	if v.example != "" {
		fmt.Fprintf(w, "\nEXAMPLE:\n   %s\n", strings.ReplaceAll(v.example, "\n", "\n   "))
	}
	fmt.Fprint(w, "\nOPTIONS:\n")
	printFlags(w, fs)
}

// printFlags prints one line for each flag; the short form of a flag stands
// with the long one, which has the same usage text.
func printFlags(w io.Writer, fs *flag.FlagSet) {
	short := map[string]string{}
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) == 1 {
			short[f.Usage] += ", -" + f.Name
		}
	})
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) == 1 {
			return
		}
		value, usage := flag.UnquoteUsage(f)
		if isBool(f) {
			value = ""
		}
		name := strings.TrimSpace("--" + f.Name + short[f.Usage] + " " + value)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(w, "   %-28s %s\n", name, usage)
	})
}
