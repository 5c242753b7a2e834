package forescale

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Each code and each kind of bound in the source is in its list and in
// docs/reasons.md, and what is there exists. Alerts are marked.
func TestEachReasonIsDocumented(t *testing.T) {
	data, err := os.ReadFile("docs/reasons.md")
	if err != nil {
		t.Fatal(err)
	}
	codes, bounds, _ := strings.Cut(string(data), "## What each bound wanted")
	bounds, _, _ = strings.Cut(bounds, "## Second writers")
	for _, c := range []struct{ of, file, text string }{{"Code", "plan.go", codes}, {"BoundKind", "weighing.go", bounds}} {
		declared := constants(t, c.file, c.of)
		var listed []string
		if c.of == "Code" {
			for _, x := range Codes {
				listed = append(listed, string(x))
			}
		} else {
			for _, x := range BoundKinds {
				listed = append(listed, string(x))
			}
		}
		var documented []string
		for _, row := range regexp.MustCompile("(?m)^\\| (`.*?) \\|").FindAllStringSubmatch(c.text, -1) {
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
				documented = append(documented, m[1])
			}
		}
		for _, xs := range [][]string{declared, listed, documented} {
			slices.Sort(xs)
		}
		if len(declared) == 0 || !slices.Equal(declared, listed) || !slices.Equal(declared, documented) {
			t.Errorf("%s: declared %v, listed %v, documented %v", c.of, declared, listed, documented)
		}
	}
	for _, c := range Codes {
		if marked := strings.Contains(codes, "| `"+string(c)+"` ▲ |"); marked != slices.Contains(AlertCodes, c) {
			t.Errorf("%s is marked as an alert: %t", c, marked)
		}
		if len(sentences[c]) == 0 {
			t.Errorf("%s has no sentence", c)
		}
	}
}

// constants are the values of the constants of a type in a file.
func constants(t *testing.T, file, of string) (values []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if v, ok := n.(*ast.ValueSpec); ok && len(v.Values) == 1 {
			if typ, ok := v.Type.(*ast.Ident); ok && typ.Name == of {
				text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	})
	return values
}
