package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestManuals: there is a page for each command, with each of its options, and
// nothing in them is taken for a request of roff by accident.
func TestManuals(t *testing.T) {
	dir := t.TempDir()
	if status, _, stderr := call("help", "--man-to", dir); status != 0 {
		t.Fatal(stderr)
	}
	checkManual(t, filepath.Join(dir, "vial.1"), globalOptions())
	for _, v := range verbs() {
		page := filepath.Join(dir, "vial-"+v.name+".1")
		checkManual(t, page, v.options())
		_, stdout, _ := call("help", "--man", v.name)
		if text, err := os.ReadFile(page); err != nil || stdout != string(text) {
			t.Errorf("%s is another than help --man prints: %v", page, err)
		}
	}
}

func checkManual(t *testing.T, page string, options []option) {
	t.Helper()
	bytes, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	text := string(bytes)
	for _, o := range options {
		if !strings.Contains(text, roff(strings.Join(o.names, ", "))) {
			t.Errorf("%s does not tell of %s", page, o.names)
		}
	}
	known := []string{".TH ", ".SH ", ".TP\n", ".PP\n", ".B ", ".BR ", ".nf\n", ".fi\n", ".RS\n", ".RE\n"}
	for line := range strings.Lines(text) {
		if line[0] != '.' && line[0] != '\'' {
			continue
		}
		ok := false
		for _, request := range known {
			ok = ok || strings.HasPrefix(line, request)
		}
		if !ok {
			t.Errorf("%s: what is %q", page, line)
		}
	}
}

func TestRoff(t *testing.T) {
	for text, want := range map[string]string{
		"--log": `\&\-\-log`, ".x": `\&.x`, "'x": `\&'x`, `a\b`: `\&a\eb`, "C…": `\&C\&...`,
	} {
		if got := roffLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// TestCompletionsAreWhole: each shell's script has every command and option.
func TestCompletionsAreWhole(t *testing.T) {
	for _, shell := range strings.Fields(shells) {
		status, script, stderr := call("completion", shell)
		if status != 0 {
			t.Fatal(stderr)
		}
		for _, v := range verbs() {
			if !strings.Contains(script, v.name) {
				t.Errorf("%s knows no command %s", shell, v.name)
			}
			for _, o := range v.options() {
				for _, name := range o.names {
					word := strings.TrimLeft(name, "-")
					if !strings.Contains(script, name) && !strings.Contains(script, "-l "+word) && !strings.Contains(script, "-s "+word) {
						t.Errorf("%s knows no %s %s", shell, v.name, name)
					}
				}
			}
		}
	}
	if status, _, stderr := call("completion", "tcsh"); status != 1 || !strings.Contains(stderr, `the shell "tcsh"`) {
		t.Errorf("status %d, %q", status, stderr)
	}
}

// shellWith writes a shell's completions and a vial that lists containers.
func shellWith(t *testing.T, shell string) (script, dir string) {
	t.Helper()
	if _, err := exec.LookPath(shell); err != nil {
		t.Skip("no " + shell)
	}
	dir = t.TempDir()
	_, text, _ := call("completion", shell)
	script = filepath.Join(dir, "completion")
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	vial := "#!/bin/sh\n[ \"$*\" = 'list -q' ] && echo mycont1 mycont2\n[ \"$*\" = '--root /r list -q' ] && echo elsewhere\nexit 0\n"
	if err := os.WriteFile(filepath.Join(dir, "vial"), []byte(vial), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bundle"), 0o700); err != nil {
		t.Fatal(err)
	}
	return script, dir
}

// completionsOf is what a shell says that the last word of a line may become.
func completionsOf(t *testing.T, dir string, words ...string) string {
	t.Helper()
	command := exec.Command(words[0], words[1:]...)
	command.Dir = dir
	command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "HOME="+dir)
	out, err := command.CombinedOutput()
	if err != nil {
		t.Errorf("%q: %v: %s", words, err, out)
	}
	return strings.Join(strings.Fields(string(out)), " ")
}

func TestBash(t *testing.T) {
	t.Parallel()
	script, dir := shellWith(t, "bash")
	for line, want := range map[string]string{
		"vial cr":                          "create",
		"vial --root /r sta":               "start state",
		"vial --root = /r sta":             "start state",
		"vial st mycont1 --lo":             "",
		"vial kill ":                       "mycont1 mycont2",
		"vial --root /r kill ":             "elsewhere",
		"vial kill mycont1 ":               "",
		"vial kill --a":                    "--all",
		"vial create --bundle b":           "bundle",
		"vial create --bundle = b":         "bundle",
		"vial create --console-socket x":   "",
		"vial exec --user 0:0 -e A=B myc":  "mycont1 mycont2",
		"vial exec --preserve-fds 1 --no-": "--no-new-privs",
		"vial help li":                     "list",
		"vial completion f":                "fish",
		"vial --log-f":                     "--log-format",
		"vial --log-format j":              "",
	} {
		drive := `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; _vial; echo "${COMPREPLY[@]}"`
		words := append([]string{"bash", "--norc", "-c", drive, "bash", script}, strings.Split(line, " ")...)
		if got := completionsOf(t, dir, words...); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestFish(t *testing.T) {
	t.Parallel()
	script, dir := shellWith(t, "fish")
	for line, want := range map[string]string{
		"vial cre":                 "create",
		"vial kill --al":           "--all",
		"vial create --bundle bun": "bundle/",
		"vial help lis":            "list",
		"vial completion f":        "fish",
	} {
		got := completionsOf(t, dir, "fish", "--no-config", "-c", `source $argv[1]; complete -C "$argv[2]" | string split -f1 \t; true`, script, line)
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// TestZsh: that zsh can read it is all that can be told without a terminal.
func TestZsh(t *testing.T) {
	t.Parallel()
	script, dir := shellWith(t, "zsh")
	if got := completionsOf(t, dir, "zsh", "-f", "-n", script); got != "" {
		t.Error(got)
	}
}
