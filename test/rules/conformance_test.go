package rules

import (
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// conformance is the document that lists what the runtime spec demands.
const conformance = "docs/conformance.md"

// A demand is a row of a table in that document.
type demand struct {
	line    int
	file    string // of the spec
	section string
	number  string
	words   int // of the spec that it answers
	stands  string
	tests   []string
}

// demands reads the tables, and names the rows that are none.
func demands(text string) (all []demand, found []string) {
	var file, section string
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "### "):
			section = line[4:]
		case strings.HasPrefix(line, "## "):
			file, section = line[3:], ""
		case !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "| #") || strings.HasPrefix(line, "| -"):
		default:
			d, ok := row(strings.Split(strings.Trim(line, "|"), "|"))
			d.line, d.file, d.section = n, file, section
			if !ok {
				found = append(found, fmt.Sprintf("%s:%d: want | number | words | demand | is | `package.Test` |", conformance, n))
				continue
			}
			all = append(all, d)
		}
	}
	return all, found
}

func row(cells []string) (d demand, ok bool) {
	if len(cells) != 5 {
		return d, false
	}
	for i := range cells {
		cells[i] = strings.TrimSpace(cells[i])
	}
	words, err := strconv.Atoi(cells[1])
	d.number, d.words, d.stands = cells[0], words, cells[3]
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[4], -1) {
		d.tests = append(d.tests, m[1])
	}
	return d, err == nil && words > 0 && cells[2] != "" && slices.Contains([]string{"met", "refused", "differs", "others'"}, d.stands)
}

// shownDemands holds that every demand of the runtime spec has a test that
// shows what vial makes of it.
func shownDemands(t *tree) []string {
	i := slices.IndexFunc(t.files, func(f file) bool { return f.path == conformance })
	if i < 0 {
		if t.whole() {
			return []string{conformance + " is missing"}
		}
		return nil
	}
	all, found := demands(t.files[i].text)
	tests := t.tests()
	seen := map[string]int{}
	for _, d := range all {
		at := fmt.Sprintf("%s:%d: %s %s: ", conformance, d.line, d.section, d.number)
		seen[d.file+d.section]++
		if want := strconv.Itoa(seen[d.file+d.section]); d.number != want {
			found = append(found, at+"want number "+want)
		}
		if len(d.tests) == 0 {
			found = append(found, at+"no test shows it")
		}
		for _, name := range d.tests {
			if wrong := tests.wrong(name); wrong != "" {
				found = append(found, at+name+": "+wrong)
			}
		}
	}
	return found
}

// testFunctions are the tests of a tree, by package and name. Two packages of
// one name share it.
type testFunctions map[string][]*ast.FuncDecl

func (t *tree) tests() testFunctions {
	all := testFunctions{}
	for i := range t.files {
		f := &t.files[i]
		if f.syntax == nil || !f.isTest() {
			continue
		}
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				name := path.Base(f.dir()) + "." + fn.Name.Name
				all[name] = append(all[name], fn)
			}
		}
	}
	return all
}

// wrong says why package.Test, or package.Test/case, shows nothing.
func (all testFunctions) wrong(name string) string {
	test, one, cased := strings.Cut(name, "/")
	functions := all[test]
	if len(functions) == 0 {
		return "there is no such test"
	}
	if slices.ContainsFunc(functions, skipsAtOnce) {
		return "the test is always skipped"
	}
	if cased && !slices.ContainsFunc(functions, func(fn *ast.FuncDecl) bool { return holds(fn, one) }) {
		return "the test has no such case"
	}
	return ""
}

// skipsAtOnce tells whether a test does nothing but to skip itself.
func skipsAtOnce(fn *ast.FuncDecl) bool {
	if fn.Body == nil || len(fn.Body.List) == 0 {
		return true
	}
	statement, ok := fn.Body.List[0].(*ast.ExprStmt)
	if !ok {
		return false
	}
	call, ok := statement.X.(*ast.CallExpr)
	if !ok {
		return false
	}
	s, ok := call.Fun.(*ast.SelectorExpr)
	return ok && strings.HasPrefix(s.Sel.Name, "Skip")
}

// holds tells whether a function has that string in it, as the name of a case.
func holds(fn *ast.FuncDecl, text string) bool {
	there := false
	ast.Inspect(fn, func(n ast.Node) bool {
		if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
			s, err := strconv.Unquote(l.Value)
			there = there || err == nil && s == text
		}
		return !there
	})
	return there
}

// TestConformanceIsWhole counts the demands in the text of the spec, which comes
// with the Go module of its types: a new version of the module brings new ones.
func TestConformanceIsWhole(t *testing.T) {
	cmd := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/opencontainers/runtime-spec")
	cmd.Dir = "../.."
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(string(out))
	want := map[string]int{}
	for _, name := range []string{"runtime.md", "config.md", "config-linux.md"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		countDemands(want, name, string(text))
	}
	text, err := os.ReadFile("../../" + conformance)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := demands(string(text))
	for _, line := range uncounted(want, all) {
		t.Error(line)
	}
}

// countDemands adds up the demanding words of each section. An example belongs
// to the section that it is for.
func countDemands(count map[string]int, name, text string) {
	heading := regexp.MustCompile(`^#+ (?:<a name="\w+" ?/>)?(.*)`)
	word := regexp.MustCompile(`\b(MUST|SHALL|REQUIRED)\b`)
	section := ""
	for line := range strings.Lines(text) {
		if m := heading.FindStringSubmatch(strings.TrimSpace(line)); m != nil && !strings.HasPrefix(m[1], "Example") {
			section = m[1]
		}
		if n := len(word.FindAllString(line, -1)); n > 0 {
			count[name+": "+section] += n
		}
	}
}

// uncounted says which sections have other numbers of demands than their rows.
func uncounted(want map[string]int, all []demand) []string {
	got := map[string]int{}
	for _, d := range all {
		got[d.file+": "+d.section] += d.words
	}
	var found []string
	for section, n := range want {
		if got[section] != n {
			found = append(found, fmt.Sprintf("%s has %d demands, the rows answer %d", section, n, got[section]))
		}
	}
	for section := range got {
		if want[section] == 0 {
			found = append(found, section+" demands nothing")
		}
	}
	slices.Sort(found)
	return found
}

// TestConformanceCanFail sees both comparisons fail.
func TestConformanceCanFail(t *testing.T) {
	count := map[string]int{}
	countDemands(count, "a.md", "# <a name=\"x\" />One\nIt MUST NOT, and MUST.\n### Example\nREQUIRED\n## Two\nSHALL and shall\n## Three\nMAY\n")
	same(t, fmt.Sprint(count), "map[a.md: One:3 a.md: Two:1]")
	got := uncounted(count, []demand{{file: "a.md", section: "One", words: 2}, {file: "a.md", section: "Two", words: 1}, {file: "a.md", section: "Three", words: 1}})
	same(t, strings.Join(got, "\n"), "a.md: One has 3 demands, the rows answer 2\na.md: Three demands nothing")
}
