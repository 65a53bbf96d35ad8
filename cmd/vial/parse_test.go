package main

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, c := range []struct {
		args  string
		words []string
		dir   string
		force bool
		err   string
	}{
		{"id", []string{"id"}, "", false, ""},
		{"--bundle dir id", []string{"id"}, "dir", false, ""},
		{"--bundle=dir id", []string{"id"}, "dir", false, ""},
		{"-bundle dir id", []string{"id"}, "dir", false, ""},
		{"-bundle=dir id", []string{"id"}, "dir", false, ""},
		{"-b dir id", []string{"id"}, "dir", false, ""},
		{"-b=dir id", []string{"id"}, "dir", false, ""},
		{"-bdir id", []string{"id"}, "dir", false, ""},
		{"-bd=r id", []string{"id"}, "d=r", false, ""},
		{"-b= id", []string{"id"}, "", false, ""},
		{"id -f --bundle dir", []string{"id"}, "dir", true, ""},
		{"--force -bdir -f id", []string{"id"}, "dir", true, ""},
		{"-fb dir id", []string{"id"}, "dir", true, ""},
		{"-fbdir id", []string{"id"}, "dir", true, ""},
		{"-fb=dir id", []string{"id"}, "dir", true, ""},
		{"--force=true id", []string{"id"}, "", true, ""},
		{"-f --force=false id", []string{"id"}, "", false, ""},
		{"-f --force=no id", []string{"id"}, "", false, ""},
		{"-f -f=0 id", []string{"id"}, "", false, ""},
		{"--bun dir --fo id", []string{"id"}, "dir", true, ""},
		{"--bun=dir id", []string{"id"}, "dir", false, ""},
		{"id -- -x --bundle", []string{"id", "-x", "--bundle"}, "", false, ""},
		{"-- -id", []string{"-id"}, "", false, ""},
		{"- id", []string{"-", "id"}, "", false, ""},
		{"--bundle -x id", []string{"id"}, "-x", false, ""},
		{"--bundle -- id", []string{"id"}, "--", false, ""},
		{"--bundle a --bundle b id", []string{"id"}, "b", false, ""},
		{"--bundle a,b id", []string{"id"}, "a,b", false, ""},
		{"id --bundle", nil, "", false, "flag needs an argument: --bundle"},
		{"id -bundle", nil, "", false, "flag needs an argument: --bundle"},
		{"id --bun", nil, "", false, "flag needs an argument: --bundle"},
		{"id -b", nil, "", false, "flag needs an argument: -b"},
		{"id -fb", nil, "", false, "flag needs an argument: -b"},
		{"id --nope", nil, "", false, "flag provided but not defined: -nope"},
		{"id -n", nil, "", false, "flag provided but not defined: -n"},
		{"id -fn", nil, "", false, "flag provided but not defined: -fn"},
		{"id -bun dir", []string{"id", "dir"}, "un", false, ""}, // only two dashes abbreviate
		{"id --=x", nil, "", false, "flag provided but not defined: -"},
		{"id ---force", nil, "", false, "flag provided but not defined: --force"},
		{"--b", nil, "", false, "flag needs an argument: -b"},
		{"--bu", nil, "", false, "flag is ambiguous: --bu could be --bundle or --burst"},
		{"--force=maybe", nil, "", false, `invalid value "maybe" for flag --force: parse error`},
		{"--burst=x", nil, "", false, `invalid value "x" for flag --burst: parse error`},
		{"id --help", nil, "", false, "help"},
		{"-h", nil, "", false, "help"},
		{"-?", nil, "", false, "help"},
		{"--usage", nil, "", false, "help"},
		{"--he", nil, "", false, "help"},
	} {
		fs := newFlags("test")
		var dir string
		var force bool
		fs.StringVar(&dir, "bundle", "", "")
		fs.StringVar(&dir, "b", "", "")
		fs.BoolVar(&force, "force", false, "")
		fs.BoolVar(&force, "f", false, "")
		fs.Int("burst", 0, "")
		line := reader{fs: fs, args: strings.Fields(c.args)}
		words, err := line.read()
		text := ""
		if err != nil {
			text = err.Error()
		}
		if errors.Is(err, flag.ErrHelp) {
			text = "help"
		}
		if text != c.err {
			t.Errorf("%s: %q, want %q", c.args, text, c.err)
		}
		if c.err == "" && (!slices.Equal(words, c.words) || dir != c.dir || force != c.force) {
			t.Errorf("%s: %q, bundle %q, force %v", c.args, words, dir, force)
		}
	}
}

// TestReadFlagsFirst: what follows the first word is not looked at.
func TestReadFlagsFirst(t *testing.T) {
	for args, want := range map[string]string{
		"-f id ps -ef":     "id ps -ef",
		"-f -- id ps -- x": "id ps -- x",
		"id -- ps -f":      "id -- ps -f",
		"id":               "id",
		"":                 "",
	} {
		fs := newFlags("test")
		fs.Bool("f", false, "")
		line := reader{fs: fs, args: strings.Fields(args), flagsFirst: true}
		if words, err := line.read(); err != nil || strings.Join(words, " ") != want {
			t.Errorf("%s: %q, %v", args, words, err)
		}
	}
}

// FuzzRead: whatever is typed, it is read to its end, or refused with a word.
func FuzzRead(f *testing.F) {
	for _, line := range []string{"-fbdir id", "--bun=x -- -f", "-=", "--", "-\x00", "--force=x", "-f=", "---"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, v := range append(verbs(), verb{name: "", define: func(fs *flag.FlagSet) action {
			g := newGlobal()
			g.define(fs)
			return nil
		}}) {
			fs := newFlags(v.name)
			v.define(fs)
			args := strings.Split(text, " ")
			line := reader{fs: fs, args: args, flagsFirst: v.flagsFirst}
			words, err := line.read()
			if err == nil && len(words) > len(args) {
				t.Errorf("%q are %q", args, words)
			}
			if err != nil && strings.TrimSpace(err.Error()) == "" {
				t.Errorf("%q: an error without words", args)
			}
		}
	})
}
