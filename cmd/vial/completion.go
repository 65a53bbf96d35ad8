package main

import (
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Completions for shells are made from the verbs and their flags, so that they
// cannot fall behind. They are static, but for the ids of containers, for which
// they ask vial list.

func completionVerb() verb {
	return verb{
		name: "completion", args: "bash|zsh|fish", min: 1, max: 1,
		about:   "print a script that completes command lines in a shell",
		example: "source <(vial completion bash)\nvial completion zsh > /usr/local/share/zsh/site-functions/_vial\nvial completion fish > ~/.config/fish/completions/vial.fish",
		define: func(*flag.FlagSet) action {
			return func(s *session, args []string) (int, error) {
				switch args[0] {
				case "bash":
					bashCompletion(s.stdout)
				case "zsh":
					zshCompletion(s.stdout)
				case "fish":
					fishCompletion(s.stdout)
				default:
					return statusError, fmt.Errorf("completion: no completions for the shell %q: there are bash, zsh and fish", args[0])
				}
				return 0, nil
			}
		},
	}
}

// A completion is what an option's value, or a verb's first argument, is.
type completion uint8

const (
	anything completion = iota
	someFile
	someDir
	someContainer
	someVerb
	someShell
)

func (o option) completion() completion {
	switch o.value {
	case "DIR":
		return someDir
	case "FILE", "PATH":
		return someFile
	}
	return anything
}

// completion is what the verb's first argument is.
func (v verb) completion() completion {
	switch {
	case slices.Contains([]string{"create", "run", "compile"}, v.name):
		return anything // a new container
	case strings.HasPrefix(v.args, "ID"):
		return someContainer
	case v.name == "help":
		return someVerb
	case v.name == "completion":
		return someShell
	}
	return anything
}

func verbNames() string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return strings.Join(names, " ")
}

// shells are what completion completes.
const shells = "bash zsh fish"

// single quotes text for a shell.
func single(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// bashCompletion prints a function for complete -F. bash takes "=" for a word
// of its own.
func bashCompletion(w io.Writer) {
	fmt.Fprint(w, `# bash completion for vial
_vial() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= first= root=() flags i
	[[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}
	[[ $cur == = ]] && cur=
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case $verb:${COMP_WORDS[i]} in
`)
	line := func(pattern []string, do string) {
		if len(pattern) > 0 {
			fmt.Fprintf(w, "\t\t%s) %s ;;\n", strings.Join(pattern, "|"), do)
		}
	}
	skip := `[[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i++))`
	line([]string{"*:--root"}, `[[ ${COMP_WORDS[i+1]} == = ]] && ((i++)); ((i++)); root=(--root "${COMP_WORDS[i]}")`)
	line(patterns("*", globalOptions(), func(o option) bool { return o.value != "" }), skip)
	for _, v := range verbs() {
		line(patterns(v.name, v.options(), func(o option) bool { return o.value != "" }), skip)
	}
	fmt.Fprint(w, "\t\t*:-*) ;;\n\t\t:*) verb=${COMP_WORDS[i]} ;;\n\t\t*) first=${first:-${COMP_WORDS[i]}} ;;\n\t\tesac\n\tdone\n\tcase $verb:$prev in\n")
	for _, kind := range []completion{someFile, someDir, anything} {
		is := func(o option) bool { return o.value != "" && o.completion() == kind }
		all := patterns("*", globalOptions(), is)
		for _, v := range verbs() {
			all = append(all, patterns(v.name, v.options(), is)...)
		}
		line(all, map[completion]string{
			someFile: `compopt -o filenames; COMPREPLY=($(compgen -f -- "$cur")); return`,
			someDir:  `compopt -o filenames; COMPREPLY=($(compgen -d -- "$cur")); return`,
			anything: "return",
		}[kind])
	}
	fmt.Fprint(w, "\tesac\n\tcase $verb in\n")
	fmt.Fprintf(w, "\t'') flags=%s ;;\n", single(optionNames(globalOptions())))
	for _, v := range verbs() {
		fmt.Fprintf(w, "\t%s) flags=%s ;;\n", v.name, single(optionNames(v.options())))
	}
	fmt.Fprint(w, "\tesac\n\tif [[ $cur == -* ]]; then\n\t\tCOMPREPLY=($(compgen -W \"$flags\" -- \"$cur\"))\n\t\treturn\n\tfi\n\tcase $verb:$first in\n")
	fmt.Fprintf(w, "\t:) COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", single(verbNames()))
	for _, v := range verbs() {
		switch v.completion() {
		case someContainer:
			fmt.Fprintf(w, "\t%s:) COMPREPLY=($(compgen -W \"$(vial \"${root[@]}\" list -q 2>/dev/null)\" -- \"$cur\")) ;;\n", v.name)
		case someVerb:
			fmt.Fprintf(w, "\t%s:) COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", v.name, single(verbNames()))
		case someShell:
			fmt.Fprintf(w, "\t%s:) COMPREPLY=($(compgen -W %s -- \"$cur\")) ;;\n", v.name, single(shells))
		}
	}
	fmt.Fprint(w, "\tesac\n}\ncomplete -F _vial vial\n")
}

// patterns are those of a case on VERB:FLAG.
func patterns(verb string, options []option, is func(option) bool) []string {
	var all []string
	for _, o := range options {
		for _, name := range o.names {
			if is(o) {
				all = append(all, verb+":"+name)
			}
		}
	}
	return all
}

func optionNames(options []option) string {
	var names []string
	for _, o := range options {
		names = append(names, o.names...)
	}
	return strings.Join(append(names, "--help"), " ")
}

// zshCompletion prints a file for a directory of fpath.
func zshCompletion(w io.Writer) {
	fmt.Fprint(w, `#compdef vial
# zsh completion for vial
_vial_containers() {
	local -a ids
	ids=(${(f)"$(vial ${opt_args[--root]:+--root ${opt_args[--root]}} list -q 2>/dev/null)"})
	compadd -a ids
}

_vial() {
	local curcontext=$curcontext state line
	local -A opt_args
	local -a verbs
	_arguments -C \
`)
	zshOptions(w, "\t\t", globalOptions())
	fmt.Fprint(w, "\t\t'1:command:->verb' '*::argument:->arguments'\n\tcase $state in\n\tverb)\n\t\tverbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "\t\t\t%s\n", single(v.name+":"+strings.ReplaceAll(v.about, ":", `\:`)))
	}
	fmt.Fprint(w, "\t\t)\n\t\t_describe command verbs\n\t\t;;\n\targuments)\n\t\tcase $line[1] in\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "\t\t%s)\n\t\t\t_arguments \\\n", v.name)
		zshOptions(w, "\t\t\t\t", v.options())
		first := map[completion]string{
			anything: "_files", someContainer: "_vial_containers",
			someVerb: "(" + verbNames() + ")", someShell: "(" + shells + ")",
		}[v.completion()]
		fmt.Fprintf(w, "\t\t\t\t%s\n\t\t\t;;\n", single("*:argument:"+first))
	}
	fmt.Fprint(w, "\t\tesac\n\t\t;;\n\tesac\n}\n\n_vial \"$@\"\n")
}

func zshOptions(w io.Writer, indent string, options []option) {
	escape := strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`)
	for _, o := range options {
		for _, name := range o.names {
			spec := "*" + name + "[" + escape.Replace(o.usage) + "]"
			if o.value != "" {
				spec = "*" + name + map[bool]string{true: "=", false: "+"}[len(name) > 2] + "[" + escape.Replace(o.usage) + "]:" +
					escape.Replace(o.value) + ":" + map[completion]string{someFile: "_files", someDir: "_files -/"}[o.completion()]
			}
			fmt.Fprintf(w, "%s%s \\\n", indent, single(spec))
		}
	}
}

// fishCompletion prints a file for fish's directory of completions.
func fishCompletion(w io.Writer) {
	fmt.Fprint(w, "# fish completion for vial\ncomplete -c vial -f\n")
	fishOptions(w, "__fish_use_subcommand", globalOptions())
	for _, v := range verbs() {
		fmt.Fprintf(w, "complete -c vial -n __fish_use_subcommand -a %s -d %s\n", v.name, single(v.about))
	}
	for _, v := range verbs() {
		seen := "__fish_seen_subcommand_from " + v.name
		fishOptions(w, seen, v.options())
		switch v.completion() {
		case someContainer:
			fmt.Fprintf(w, "complete -c vial -n %s -a '(vial list -q 2>/dev/null)'\n", single(seen))
		case someVerb:
			fmt.Fprintf(w, "complete -c vial -n %s -a %s\n", single(seen), single(verbNames()))
		case someShell:
			fmt.Fprintf(w, "complete -c vial -n %s -a %s\n", single(seen), single(shells))
		}
	}
}

func fishOptions(w io.Writer, when string, options []option) {
	for _, o := range options {
		line := "complete -c vial -n " + single(when)
		for _, name := range o.names {
			if long, ok := strings.CutPrefix(name, "--"); ok {
				line += " -l " + long
			} else {
				line += " -s " + name[1:]
			}
		}
		switch {
		case o.completion() == someFile:
			line += " -r -F"
		case o.completion() == someDir:
			line += " -x -a '(__fish_complete_directories)'"
		case o.value != "":
			line += " -x"
		}
		fmt.Fprintf(w, "%s -d %s\n", line, single(o.usage))
	}
}
