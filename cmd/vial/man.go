package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The manual pages are made from the verbs and their flags, in the macros of
// man(7), so that they cannot fall behind.

// writeManuals writes every page under the name that man(1) looks for.
func writeManuals(dir string) error {
	var text strings.Builder
	printManual(&text)
	err := os.WriteFile(filepath.Join(dir, "vial.1"), []byte(text.String()), 0o644)
	for _, v := range verbs() {
		text.Reset()
		v.printManual(&text)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, "vial-"+v.name+".1"), []byte(text.String()), 0o644)
		}
	}
	return err
}

// printManual prints vial(1).
func printManual(w io.Writer) {
	manualHead(w, "vial", summary, "[GLOBAL OPTIONS] COMMAND [OPTIONS] [ARGUMENTS]")
	fmt.Fprintln(w, roffLine("vial makes a container from a bundle: a folder with a root filesystem and a config.json, as the OCI runtime specification has it."))
	manualText(w, "Options may stand before or behind the other arguments, but for exec. Long ones may be cut short as long as it is clear which is meant.")
	fmt.Fprintln(w, ".SH COMMANDS")
	for _, v := range verbs() {
		fmt.Fprintf(w, ".TP\n.BR vial\\-%s (1)\n%s\n", roff(v.name), roffLine(v.about))
	}
	fmt.Fprintln(w, ".SH GLOBAL OPTIONS")
	manualOptions(w, globalOptions())
	fmt.Fprintln(w, ".SH EXIT STATUS")
	for _, s := range [][2]string{
		{"0", "success"},
		{"1", "an error of vial's own"},
		{"3", "an unknown command"},
		{"255", "an exec whose process did not come to run"},
		{"N", "for run and exec in the foreground, that of the process; 128 and the number of the signal if one killed it"},
	} {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", s[0], roffLine(s[1]))
	}
	fmt.Fprintln(w, ".SH ENVIRONMENT")
	for _, s := range [][2]string{
		{"XDG_RUNTIME_DIR", "where states are kept without --root, for who is not root"},
		{"NOTIFY_SOCKET", "socket of a service manager that is told when a container is ready, see sd_notify(3)"},
		{"LISTEN_FDS, LISTEN_PID", "sockets to be handed to the container, see sd_listen_fds(3)"},
	} {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(s[0]), roffLine(s[1]))
	}
}

// printManual prints vial-VERB(1).
func (v verb) printManual(w io.Writer) {
	manualHead(w, "vial-"+v.name, v.about, strings.TrimSpace("[OPTIONS] "+v.args))
	fmt.Fprintln(w, roffLine(strings.ToUpper(v.about[:1])+v.about[1:]+"."))
	if v.more != "" {
		manualText(w, v.more)
	}
	if options := v.options(); len(options) > 0 {
		fmt.Fprintln(w, ".SH OPTIONS")
		manualOptions(w, options)
		manualText(w, "Global options may be given too, see vial(1).")
	}
	if v.example != "" {
		fmt.Fprintf(w, ".SH EXAMPLES\n.nf\n.RS\n%s\n.RE\n.fi\n", roff(v.example))
	}
	fmt.Fprintln(w, ".SH SEE ALSO\n.BR vial (1)")
}

func manualHead(w io.Writer, name, about, args string) {
	fmt.Fprintf(w, ".TH %s 1 \"\" \"vial %s\" \"vial\"\n", strings.ToUpper(roff(name)), roff(version))
	fmt.Fprintf(w, ".SH NAME\n%s \\- %s\n", roff(name), roff(about))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B %s\n%s\n.SH DESCRIPTION\n", roff(strings.Replace(name, "-", " ", 1)), roffLine(args))
}

func manualText(w io.Writer, text string) { fmt.Fprintf(w, ".PP\n%s\n", roffLine(text)) }

func manualOptions(w io.Writer, options []option) {
	for _, o := range options {
		line := `\fB` + roff(strings.Join(o.names, ", ")) + `\fR`
		if o.value != "" {
			line += ` \fI` + roff(o.value) + `\fR`
		}
		fmt.Fprintf(w, ".TP\n%s\n%s\n", line, roffLine(o.usage))
	}
}

// roff keeps roff from taking text for anything else. A bare - is a hyphen, which
// a terminal would not let be copied as an option.
func roff(text string) string {
	return strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", `\&...`).Replace(text)
}

// roffLine is roff for text that begins a line, where . and ' would begin a
// request.
func roffLine(text string) string { return `\&` + roff(text) }
