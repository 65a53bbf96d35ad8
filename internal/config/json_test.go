package config

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
)

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("no error, want %s", want)
	case err.Error() != want:
		t.Errorf("got  %s\nwant %s", err, want)
	}
}

func TestRefusesText(t *testing.T) {
	deep := strings.Repeat("[", 64)
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "config.json is empty"},
		{"blanks", " \n\t", "config.json is empty"},
		{"null", " null\n", "config cannot be null"},
		{"an array", "[]", "config.json: line 1:1: want an object, found an array"},
		{"a number", "12", "config.json: line 1:1: want an object, found 12"},
		{"a string", `"x"`, `config.json: line 1:1: want an object, found "x"`},
		{"a byte order mark", "\xef\xbb\xbf{}", "config.json begins with a byte order mark: save it as UTF-8 without one"},
		{"UTF-16 with a mark", "\xff\xfe{\x00}\x00", "config.json is UTF-16: save it as UTF-8"},
		{"UTF-16 without a mark", "{\x00}\x00", "config.json: line 1:2: a NUL byte: config.json must be UTF-8 text"},
		{"invalid UTF-8", "{\n\"hostname\": \"a\xff\"}", "config.json: line 2:15: the bytes here are not UTF-8"},
		{"a NUL", "{\"hostname\":\"\x00\"}", "config.json: line 1:14: a NUL byte: config.json must be UTF-8 text"},
		{"an escaped NUL", `{"hostname":"a\u0000"}`, "config.json: line 1:15: hostname: a string must not hold a NUL: the kernel would cut it there"},
		{"a raw newline", "{\"hostname\":\"a\nb\"}", "config.json: line 1:15: hostname: a control character stands unescaped in a string"},
		{"half a surrogate pair", `{"hostname":"\ud83c"}`, "config.json: line 1:14: hostname: half of a surrogate pair stands alone"},
		{"two low surrogates", `{"hostname":"\udf0d\udf0d"}`, "config.json: line 1:14: hostname: half of a surrogate pair stands alone"},
		{"a low surrogate first", `{"hostname":"\udf0d\ud83c"}`, "config.json: line 1:14: hostname: half of a surrogate pair stands alone"},
		{"three hex digits", `{"hostname":"\u00e"}`, `config.json: line 1:14: hostname: \u needs four hex digits`},
		{"an unknown escape", `{"hostname":"\x41"}`, "config.json: line 1:14: hostname: unknown escape in a string"},
		{"an open string", `{"hostname":"a`, "config.json: line 1:15: hostname: the text ends within a string"},
		{"an open escape", `{"hostname":"a\`, "config.json: line 1:15: hostname: the text ends within a string"},
		{"trailing data", "{}\n{}", "config.json: line 2:1: want nothing more, found '{'"},
		{"trailing garbage after null", "null x", "config.json: line 1:1: want an object, found null; config.json: line 1:6: want nothing more, found 'x'"},
		{"cut short", `{"process":{"args":["sh"`, "config.json: line 1:25: process.args[0]: the text ends here, want ',' or ']'"},
		{"a trailing comma", `{"hostname":"a",}`, "config.json: line 1:17: want a key in quotes, found '}'"},
		{"a trailing comma in an array", `{"mounts":[{},]}`, "config.json: line 1:15: mounts[1]: want an object, found ']'"},
		{"a comment", "{ // x\n}", "config.json: line 1:3: want a key in quotes, found '/'"},
		{"a key without quotes", "{hostname:1}", "config.json: line 1:2: want a key in quotes, found 'h'"},
		{"no colon", `{"hostname" "a"}`, "config.json: line 1:13: hostname: want ':', found '\"'"},
		{"single quotes", `{"hostname":'a'}`, "config.json: line 1:13: hostname: want a string, found '\\''"},
		{"a key twice", `{"hostname":"a","hostname":"a"}`, "config.json: line 1:17: hostname: the key comes twice"},
		{"a key twice, escaped", `{"hostname":"a","hostn\u0061me":"a"}`, "config.json: line 1:17: hostname: the key comes twice"},
		{"a key twice, in another case after it", `{"hostname":"a","Hostname":"a"}`, "config.json: line 1:17: Hostname: the key comes twice"},
		{"a key twice, in another case before it", `{"Hostname":"a","hostname":"a"}`, "config.json: line 1:17: hostname: the key comes twice"},
		{"a key twice, in two other cases", `{"Hostname":"a","HOSTNAME":"a"}`, "config.json: line 1:17: HOSTNAME: the key comes twice"},
		{"an unknown key twice", `{"x":{"y":1,"y":2}}`, "config.json: line 1:13: x.y: the key comes twice"},
		{"an annotation twice", `{"annotations":{"a.b":"","a.b":""}}`, `config.json: line 1:26: annotations["a.b"]: the key comes twice`},
		{"a hostile key", `{"a\nb":{"y":1,"y":2}}`, `config.json: line 1:16: ["a\nb"].y: the key comes twice`},
		{"too deep", `{"x":` + deep, "config.json: line 1:69: x" + strings.Repeat("[0]", 63) + ": nested deeper than 64 levels"},
		{"a leading zero", `{"x":01}`, "config.json: line 1:6: x: a number begins with a digit that is not a leading zero"},
		{"a lone minus", `{"x":-}`, "config.json: line 1:6: x: a number begins with a digit that is not a leading zero"},
		{"a bare point", `{"x":1.}`, "config.json: line 1:6: x: a number needs a digit after the point"},
		{"a bare exponent", `{"x":1e+}`, "config.json: line 1:6: x: a number needs a digit in its exponent"},
		{"NaN", `{"x":NaN}`, "config.json: line 1:6: x: want a value, found 'N'"},
		{"a cut word", `{"x":tru}`, "config.json: line 1:6: x: want a value, found 't'"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text))
			wantError(t, err, tc.want)
		})
	}
}

func TestRefusesTypes(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"a word for a number", `{"process":{"user":{"uid":"abc"}}}`, `line 1:27: process.user.uid: want a number, found "abc"`},
		{"a fraction", `{"process":{"user":{"uid":1.0}}}`, "line 1:27: process.user.uid: want a whole number, found 1.0"},
		{"an exponent", `{"process":{"user":{"uid":1e3}}}`, "line 1:27: process.user.uid: want a whole number, found 1e3"},
		{"32 bits and one", `{"process":{"user":{"uid":4294967296}}}`, "line 1:27: process.user.uid: 4294967296 is out of range (0 to 4294967295)"},
		{"less than none", `{"process":{"user":{"gid":-1}}}`, "line 1:27: process.user.gid: -1 is out of range (0 to 4294967295)"},
		{"64 bits and one", `{"process":{"rlimits":[{"soft":18446744073709551616}]}}`, "line 1:32: process.rlimits[0].soft: 18446744073709551616 is out of range (0 to 18446744073709551615)"},
		{"63 bits and one", `{"linux":{"resources":{"memory":{"limit":9223372036854775808}}}}`, "line 1:42: linux.resources.memory.limit: 9223372036854775808 is out of range (-9223372036854775808 to 9223372036854775807)"},
		{"a nice value of 40 bits", `{"process":{"scheduler":{"nice":1099511627776}}}`, "line 1:33: process.scheduler.nice: 1099511627776 is out of range (-2147483648 to 2147483647)"},
		{"16 bits and one", `{"linux":{"resources":{"blockIO":{"weight":65536}}}}`, "line 1:44: linux.resources.blockIO.weight: 65536 is out of range (0 to 65535)"},
		{"null for a uid, which would be root", `{"process":{"user":{"uid":null}}}`, "line 1:27: process.user.uid: want a number, found null"},
		{"null for a user", `{"process":{"user":null}}`, "line 1:20: process.user: want an object, found null"},
		{"null for a string", `{"hostname":null}`, "line 1:13: hostname: want a string, found null"},
		{"a number for true", `{"root":{"readonly":1}}`, "line 1:21: root.readonly: want true or false, found 1"},
		{"a string for a list", `{"process":{"args":"sh"}}`, `line 1:20: process.args: want an array, found "sh"`},
		{"an object in a list of strings", `{"process":{"args":[{}]}}`, "line 1:21: process.args[0]: want a string, found an object"},
		{"a list for a map", `{"annotations":[]}`, "line 1:16: annotations: want an object, found an array"},
		{"a number in a map", `{"linux":{"sysctl":{"net.x":1}}}`, `line 1:29: linux.sysctl["net.x"]: want a string, found 1`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Parse([]byte(tc.text))
			wantError(t, err, "config.json: "+tc.want)
		})
	}
}

// One run tells every wrong type.
func TestTellsAllTypes(t *testing.T) {
	_, err := Parse([]byte("{\n\"hostname\": 1,\n\"mounts\": [{\"type\": [true, {}]}, 2],\n\"root\": {\"path\": {\"x\": [null]}}\n}"))
	wantError(t, err, "config.json: line 2:13: hostname: want a string, found 1; "+
		"config.json: line 3:21: mounts[0].type: want a string, found an array; "+
		"config.json: line 3:34: mounts[1]: want an object, found 2; "+
		"config.json: line 4:18: root.path: want a string, found an object")
}

func TestTellsNotTooMany(t *testing.T) {
	_, err := Parse([]byte(`{"process":{"args":[` + strings.Repeat("1,", 5000) + `1]}}`))
	if n := len(err.(Errors)); n != maxProblems+1 {
		t.Errorf("%d problems", n)
	}
	if !strings.HasSuffix(err.Error(), "process.args[19]: want a string, found 1; and more problems") {
		t.Errorf("ends otherwise: %s", err)
	}
}

func TestNullForWhatIsNotThere(t *testing.T) {
	s, _, err := decode([]byte(`{"process":null,"mounts":null,"annotations":null,"linux":{"namespaces":null,"sysctl":null},"hooks":null}`), readSpec)
	if err != nil {
		t.Fatal(err)
	}
	if s.Process != nil || s.Mounts != nil || s.Annotations != nil || s.Linux == nil || s.Linux.Sysctl != nil {
		t.Errorf("got %+v", s)
	}
}

func TestStrings(t *testing.T) {
	s, _, err := decode([]byte(`{"hostname":"\"\\\/\b\f\n\r\t\u00e9\uD83C\uDF0d é🌍","domainname":"plain"}`), readSpec)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\"\\/\b\f\n\r\té🌍 é🌍"; s.Hostname != want || s.Domainname != "plain" {
		t.Errorf("got %q and %q", s.Hostname, s.Domainname)
	}
}

func TestUnknownFields(t *testing.T) {
	s, warnings, err := decode([]byte(`{"Hostname":"a","hostnam":"b","new":{"a":[1.5e3,-0,{"b":null}]},"process":{"CWD":"/","Args":[]},
		"mounts":[{},{"Type":"x"}],"linux":{"sysctl":{"Net.x":""}}}`), readSpec)
	if err != nil {
		t.Fatal(err)
	}
	if s.Hostname != "a" || s.Process.Cwd != "/" || s.Mounts[1].Type != "x" {
		t.Errorf("read as %+v", s)
	}
	want := []string{
		`config.json: field "Hostname" is taken for "hostname": some runtimes ignore it`,
		`config.json: process: field "CWD" is taken for "cwd": some runtimes ignore it`,
		`config.json: process: field "Args" is taken for "args": some runtimes ignore it`,
		`config.json: mounts[1]: field "Type" is taken for "type": some runtimes ignore it`,
	}
	if got := strings.Join(warnings, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s", got)
	}
}

func TestSizeLimits(t *testing.T) {
	big := bytes.Repeat([]byte{' '}, maxSize+1)
	_, err := Parse(big)
	wantError(t, err, "config.json: 16777217 bytes are more than the limit of 16 MiB")

	_, err = Parse([]byte(`{"x":[` + strings.Repeat("0,", 200_000) + "0]}"))
	wantError(t, err, "config.json: line 1:262149: x[131070]: more than 131072 entries of objects and arrays")

	_, _, err = decode([]byte(`{"x":[`+strings.Repeat("0,", 131_000)+"0]}"), readSpec)
	if err != nil {
		t.Error(err)
	}
}

// Many keys in one object are compared through a map; the last one must still
// find the first.
func TestManyKeys(t *testing.T) {
	var text strings.Builder
	text.WriteString(`{"annotations":{`)
	for i := range 1000 {
		text.WriteString(`"k` + strconv.Itoa(i) + `":"",`)
	}
	if _, _, err := decode([]byte(text.String()+`"k1000":""}}`), readSpec); err != nil {
		t.Error(err)
	}
	for _, key := range []string{"k0", "k31", "k32", "k33", "k999"} {
		_, _, err := decode([]byte(text.String()+`"`+key+`":""}}`), readSpec)
		if err == nil || !strings.HasSuffix(err.Error(), `annotations["`+key+`"]: the key comes twice`) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

// Every begin of a good text is a bad one, and none of them a panic.
func TestCutShortAnywhere(t *testing.T) {
	text, err := Encode(fullSpec())
	if err != nil {
		t.Fatal(err)
	}
	text = bytes.TrimSpace(text)
	for n := range text {
		if _, _, err := decode(text[:n], readSpec); err == nil {
			t.Fatalf("took the first %d bytes", n)
		}
	}
}
