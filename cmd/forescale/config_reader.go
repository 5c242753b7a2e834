package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
)

// configReader walks the file and gathers faults, each with its place.
type configReader struct {
	file   string
	faults forescale.Faults
	places places
	marked map[[2]int]bool // lines and columns that have a fault
}

// places remembers where each path of the file stands, "services.checkout.band".
type places map[string]*yaml.Node

// near is where path stands, or the nearest of its parents.
func (p places) near(path string) *yaml.Node {
	for path != "" {
		if n, ok := p[path]; ok {
			return n
		}
		i := strings.LastIndexByte(path, '.')
		path = path[:max(i, 0)]
	}
	return &yaml.Node{Line: 1, Column: 1}
}

// mapping reads a mapping whose keys are known.
func (r *configReader) mapping(n *yaml.Node, path, what string, fields []field) {
	if isNull(n) {
		return // a key with nothing below it
	}
	if n.Kind != yaml.MappingNode {
		r.value(n, path, what+" is not a mapping", "write a line with key: value for each setting")
		return
	}
	known := make([]string, len(fields))
	for i, f := range fields {
		known[i] = f.key
	}
	for k, v := range r.pairs(n, path, what) {
		i := slices.Index(known, k.Value)
		if i < 0 {
			r.unknown(k, what, known)
			continue
		}
		at := join(path, k.Value)
		if w := fields[i].read(r, at, v); w != nil {
			r.value(v, at, w.what, w.help)
		}
	}
}

// pairs gives each key and value of a mapping, once each.
func (r *configReader) pairs(n *yaml.Node, path, what string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], resolve(n.Content[i+1])
			if line, twice := seen[k.Value]; twice {
				r.fault(k.Line, k.Column, "config_wrong_value", fmt.Sprintf("%q is there twice in %s, first in line %d", k.Value, what, line), "keep one of them")
				continue
			}
			seen[k.Value] = k.Line
			r.places[join(path, k.Value)] = v
			if v.Line == 0 || isNull(v) {
				r.places[join(path, k.Value)] = k
			}
			if !yield(k, v) {
				return
			}
		}
	}
}

func (r *configReader) unknown(k *yaml.Node, what string, known []string) {
	help := "known are " + strings.Join(known, ", ")
	if s := nearest(k.Value, known); s != "" {
		help = fmt.Sprintf("did you mean %q?", s)
	}
	in := ""
	if what != "the config" {
		in = " in " + what
	}
	r.fault(k.Line, k.Column, "config_unknown_key", fmt.Sprintf("unknown key %q%s", k.Value, in), help)
}

// value records a fault of the value at path.
func (r *configReader) value(n *yaml.Node, path, what, help string) {
	if in, name, ok := insideService(path); ok {
		what += fmt.Sprintf(", for %q in service %q", in, name)
	} else if path != "" && !strings.Contains(what, path) {
		what += fmt.Sprintf(", for %q", path)
	}
	r.fault(n.Line, n.Column, "config_wrong_value", what, help)
}

func (r *configReader) fault(line, column int, code, what, help string) {
	if r.marked == nil {
		r.marked = map[[2]int]bool{}
	}
	r.marked[[2]int{line, column}] = true
	r.faults = append(r.faults, &forescale.Fault{Code: code, What: what, Where: fmt.Sprintf("%s:%d:%d", r.file, line, column), Help: help})
}

func (r *configReader) hasFaultAt(n *yaml.Node) bool { return r.marked[[2]int{n.Line, n.Column}] }

// sort puts the faults in the order of the file.
func (r *configReader) sort() {
	place := regexp.MustCompile(`:(\d+):(\d+)$`)
	at := func(f *forescale.Fault) int {
		m := place.FindStringSubmatch(f.Where)
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		return line*1_000_000 + column
	}
	slices.SortStableFunc(r.faults, func(a, b *forescale.Fault) int { return cmp.Compare(at(a), at(b)) })
}

// insideService splits "services.checkout.missing.hold".
func insideService(path string) (key, name string, ok bool) {
	rest, ok := strings.CutPrefix(path, "services.")
	if !ok {
		return "", "", false
	}
	name, key, ok = strings.Cut(rest, ".")
	return key, name, ok
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// resolve follows an alias to what it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		return n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// keyNode is the node of a key of a mapping.
func keyNode(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i]
		}
	}
	return nil
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// syntaxLine is the line that the YAML parser complains about, at least 1.
func syntaxLine(err error) int {
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		if n, e := strconv.Atoi(m[1]); e == nil {
			return max(n, 1)
		}
	}
	return 1
}

// bareStar is a value that begins with a star, as in a schedule: to YAML an alias.
var bareStar = regexp.MustCompile(`[:,{]\s*\*[/\s]`)

// syntaxHelp knows the one mistake that the parser does not name.
func syntaxHelp(data []byte, line int) string {
	lines := bytes.Split(data, []byte("\n"))
	if line <= len(lines) && bareStar.Match(lines[line-1]) {
		return `put a value that begins with * into quotes, such as "*/15 * * * *"`
	}
	return ""
}

// syntaxText is the parser's complaint without its prefix and place.
func syntaxText(err error) string {
	s := strings.TrimPrefix(err.Error(), "yaml: ")
	return regexp.MustCompile(`^line \d+: `).ReplaceAllString(s, "")
}

func newBytesReader(b []byte) io.Reader { return bytes.NewReader(b) }
