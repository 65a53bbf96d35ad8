package main

import (
	"flag"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
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
	fmt.Fprintf(w, "vial version %s\ncommit: %s\nspec: %s\ngo: %s\n", version, commitOf(), specs.Version, runtime.Version())
}

// commitOf is what the Makefile has set, or what go build has noted.
func commitOf() string {
	if commit != "unknown" {
		return commit
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return commit
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return commit
}

func helpVerb() verb {
	return verb{
		name: "help", args: "[COMMAND]", max: -1, flagsFirst: true,
		about:   "print what vial does, or what COMMAND does",
		more:    "With --man it prints a manual page in roff(7); make install puts one for each command where man(1) finds it.",
		example: "vial help create\nvial help --man create | man -l -",
		define:  defineHelp,
	}
}

func defineHelp(fs *flag.FlagSet) action {
	var manual bool
	var dir string
	fs.BoolVar(&manual, "man", false, "print a manual page")
	fs.StringVar(&dir, "man-to", "", "write the manual pages of all commands into `DIR`")
	return func(s *session, args []string) (int, error) {
		if dir != "" {
			return 0, writeManuals(dir)
		}
		if len(args) == 0 {
			if manual {
				printManual(s.stdout)
			} else {
				printHelp(s.stdout)
			}
			return 0, nil
		}
		v, err := find(args[0])
		if err != nil {
			return statusOf(err), err
		}
		if manual {
			v.printManual(s.stdout)
		} else {
			v.printHelp(s.stdout)
		}
		return 0, nil
	}
}

const summary = "runs OCI containers from a rootfs and a config.json"

func printHelp(w io.Writer) {
	printName(w, "", summary)
	fmt.Fprint(w, "\nUSAGE:\n   vial [global options] COMMAND [options] [arguments]\n\nCOMMANDS:\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "   %-10s %s\n", v.name, v.about)
	}
	fmt.Fprint(w, "\nGLOBAL OPTIONS:\n")
	printOptions(w, globalOptions())
}

func (v verb) printHelp(w io.Writer) {
	printName(w, " "+v.name, v.about)
	fmt.Fprintf(w, "\nUSAGE:\n   vial %s [options] %s\n", v.name, v.args)
	if v.more != "" {
		fmt.Fprintf(w, "\n%s\n", v.more)
	}
	if v.example != "" {
		fmt.Fprintf(w, "\nEXAMPLE:\n   %s\n", strings.ReplaceAll(v.example, "\n", "\n   "))
	}
	if options := v.options(); len(options) > 0 {
		fmt.Fprint(w, "\nOPTIONS:\n")
		printOptions(w, options)
	}
}

// printName is how every help begins, as that of runc does.
func printName(w io.Writer, verb, about string) {
	fmt.Fprintf(w, "NAME:\n   vial%s - %s\n", verb, about)
}

func printOptions(w io.Writer, options []option) {
	for _, o := range options {
		name := strings.TrimSpace(strings.Join(o.names, ", ") + " " + o.value)
		fmt.Fprintf(w, "   %-28s %s\n", name, o.usage)
	}
}

// An option is a flag as help, the manual and completions tell of it.
type option struct {
	names []string // with their dashes, the long one first
	value string   // a word for what it takes, empty for nothing
	usage string
}

func globalOptions() []option {
	g := newGlobal()
	return optionsOf(globalFlags(&g))
}

func (v verb) options() []option {
	fs := newFlags(v.name)
	v.define(fs)
	return optionsOf(fs)
}

// optionsOf puts the short form of a flag to the long one, which has the same
// usage text.
func optionsOf(fs *flag.FlagSet) []option {
	short := map[string][]string{}
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) == 1 {
			short[f.Usage] = append(short[f.Usage], "-"+f.Name)
		}
	})
	var options []option
	fs.VisitAll(func(f *flag.Flag) {
		if len(f.Name) == 1 {
			return
		}
		o := option{names: append([]string{"--" + f.Name}, short[f.Usage]...)}
		o.value, o.usage = flag.UnquoteUsage(f)
		if isBool(f) {
			o.value = ""
		}
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			o.usage += " (default " + f.DefValue + ")"
		}
		options = append(options, o)
	})
	return options
}
