package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

const keysBegin, keysEnd = "<!-- keys: made from the code, `go test ./cmd/forescale -run Docs -update` -->\n", "<!-- end of keys -->\n"

// describeKeys is the reference of the config file.
func describeKeys(b *strings.Builder, title string, fields []field) {
	fmt.Fprintf(b, "### %s\n\n| key | value | default | |\n| --- | --- | --- | --- |\n", title)
	var below []field
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", f.key, f.kind, f.fallback, f.doc)
		if f.children != nil {
			below = append(below, f)
		}
	}
	b.WriteString("\n")
	for _, f := range below {
		name := f.key
		if f.byName {
			name += ".NAME"
		}
		if title != "Top level" {
			name = strings.Trim(title, "`") + "." + name
		}
		describeKeys(b, "`"+name+"`", f.children())
	}
}

func TestDocsTellEveryKeyOfTheConfig(t *testing.T) {
	const path = "../../docs/config.md"
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(data), keysBegin)
	_, tail, ok2 := strings.Cut(rest, keysEnd)
	if !ok || !ok2 {
		t.Fatal("docs/config.md lacks the marks around the keys")
	}
	var b strings.Builder
	b.WriteString("\n")
	describeKeys(&b, "Top level", new(Config).fields())
	want := head + keysBegin + b.String() + keysEnd + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(data) {
		t.Error("docs/config.md does not tell the keys as they are; run this test with -update")
	}
}

func TestDocsTellCommandsCodesAndVariables(t *testing.T) {
	data, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(data)
	for _, c := range newRoot(&app{}).Commands() {
		if !c.Hidden && c.Name() != "help" && !strings.Contains(doc, "`"+c.Name()) {
			t.Errorf("docs/cli.md lacks the command %q", c.Name())
		}
	}
	codes := []int{exitOK, exitFailed}
	for _, c := range exits {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	for _, c := range slices.Compact(codes) {
		if !strings.Contains(doc, fmt.Sprintf("\n| %d | ", c)) {
			t.Errorf("docs/cli.md lacks the exit code %d", c)
		}
	}
}
