package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/forescale/forescale"
)

// field is one key of the file: how it is read, and how the schema and the
// documentation tell of it. Reading and telling come from one table, so that
// they cannot drift apart.
type field struct {
	key      string
	doc      string
	kind     string // in words, for the documentation: "duration"
	fallback string // what holds when the key is left out, in words
	schema   map[string]any
	children func() []field // of an object or a named collection
	byName   bool           // children are those of each entry of a collection
	// read takes the value over; what it returns is wrong with the value. Where
	// it looks inside the value it records faults itself.
	read func(r *configReader, path string, n *yaml.Node) *wrong
}

// wrong is what is wrong with a value, and what would be right.
type wrong struct{ what, help string }

// or says what holds when the key is left out.
func (f field) or(fallback string) field {
	f.fallback = fallback
	return f
}

// oneOf restricts a text to a few words.
func (f field) oneOf(words ...string) field {
	inner := f.read
	f.kind = strings.Join(words, ", ")
	f.schema = map[string]any{"enum": words}
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		if n.Kind == yaml.ScalarNode && slices.Contains(words, n.Value) {
			return inner(r, path, n)
		}
		w := &wrong{fmt.Sprintf("%q is not a %s", n.Value, strings.ReplaceAll(f.key, "_", " ")), "use " + orList(words)}
		if s := nearest(n.Value, words); s != "" && s != "off" { // "on" is not meant to be off
			w.help = fmt.Sprintf("did you mean %q?", s)
		}
		return w
	}
	return f
}

func text[T ~string](key, doc string, to *T) field {
	return scalar(key, doc, "text", map[string]any{"type": "string"}, func(n *yaml.Node) *wrong {
		if n.Tag == "!!null" || strings.TrimSpace(n.Value) == "" {
			return &wrong{"the value is empty", "give a value or leave the key out"}
		}
		*to = T(n.Value)
		return nil
	})
}

func yesNo(key, doc string, to *bool) field {
	return scalar(key, doc, "true or false", map[string]any{"type": "boolean"}, func(n *yaml.Node) *wrong {
		if n.Decode(to) != nil || n.Tag != "!!bool" {
			return &wrong{fmt.Sprintf("%q is neither true nor false", n.Value), "use true or false"}
		}
		return nil
	})
}

func whole(key, doc string, to *int, low, high int) field {
	return scalar(key, doc, "whole number", map[string]any{"type": "integer", "minimum": low, "maximum": high}, func(n *yaml.Node) *wrong {
		v, err := strconv.Atoi(n.Value)
		if err != nil || n.Tag != "!!int" || v < low || v > high {
			return &wrong{fmt.Sprintf("%q is not a whole number from %d to %d", n.Value, low, high), "write digits only, such as " + strconv.Itoa(max(low, min(high, 4)))}
		}
		*to = v
		return nil
	})
}

func number(key, doc string, to *float64, low, high float64) field {
	return scalar(key, doc, "number", map[string]any{"type": "number", "minimum": low, "maximum": high}, func(n *yaml.Node) *wrong {
		v, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || n.Tag != "!!int" && n.Tag != "!!float" || math.IsNaN(v) || v < low || v > high {
			return &wrong{fmt.Sprintf("%q is not a number from %g to %g", n.Value, low, high), "write a plain number such as 0.95 or 120"}
		}
		*to = v
		return nil
	})
}

func duration(key, doc string, to *time.Duration, low, high time.Duration) field {
	schema := map[string]any{"type": "string", "pattern": `^([0-9.]+(ms|s|m|h|d))+$`, "examples": []string{"90s", "5m", "1h30m", "400d"}}
	return scalar(key, doc, "duration", schema, func(n *yaml.Node) *wrong {
		d, err := parseDuration(n.Value)
		switch {
		case err != nil:
			return &wrong{fmt.Sprintf("%q is not a duration", n.Value), "write a number and a unit, such as 90s, 5m, 1h30m or 400d"}
		case d < low || d > high:
			return &wrong{fmt.Sprintf("%s is %s", key, n.Value), fmt.Sprintf("use a duration from %s to %s", shortDuration(low), shortDuration(high))}
		}
		*to = d
		return nil
	})
}

func bytesField(key, doc string, to *int64) field {
	schema := map[string]any{"type": []string{"string", "integer"}, "examples": []string{"512MiB", "2GB"}}
	return scalar(key, doc, "bytes", schema, func(n *yaml.Node) *wrong {
		v, err := parseBytes(n.Value)
		if err != nil {
			return &wrong{fmt.Sprintf("%q is not a size", n.Value), "write a number and a unit, such as 512MiB or 2GB"}
		}
		*to = v
		return nil
	})
}

func bandField(key, doc string, to *forescale.Band) field {
	schema := map[string]any{"type": "string", "examples": []string{"1:60 2:65 3:70 5:75 8:80"}}
	return scalar(key, doc, "band", schema, func(n *yaml.Node) *wrong {
		b, err := forescale.ParseBand(n.Value)
		if err == nil && len(b) == 0 {
			err = fmt.Errorf("the band is empty")
		}
		if err != nil {
			return &wrong{err.Error(), `write steps such as "1:60 2:65 3:70 5:75 8:80"`}
		}
		*to = b
		return nil
	})
}

func zoneField(key, doc string, to *string) field {
	return scalar(key, doc, "time zone", map[string]any{"type": "string", "examples": []string{"Europe/Berlin"}}, func(n *yaml.Node) *wrong {
		if _, err := time.LoadLocation(n.Value); err != nil || n.Value == "Local" || n.Value == "" {
			return &wrong{fmt.Sprintf("%q is not a time zone", n.Value), "use an IANA name such as Europe/Berlin"}
		}
		*to = n.Value
		return nil
	})
}

func countryField(key, doc string, to *string) field {
	return scalar(key, doc, "country", map[string]any{"type": "string", "enum": forescale.Countries}, func(n *yaml.Node) *wrong {
		if !forescale.KnowsCountry(n.Value) {
			return &wrong{fmt.Sprintf("the holidays of %q are not known", n.Value), "use one of " + orList(forescale.Countries) + `; in quotes where YAML reads a word, as "NO"`}
		}
		*to = n.Value
		return nil
	})
}

func timeField(key, doc string, to *time.Time) field {
	return scalar(key, doc, "time", map[string]any{"type": "string", "format": "date-time"}, func(n *yaml.Node) *wrong {
		t, err := time.Parse(time.RFC3339, n.Value)
		if err != nil {
			return &wrong{fmt.Sprintf("%q is not a time with a zone", n.Value), "write it as 2026-11-27T18:00:00Z, or with an offset such as +01:00"}
		}
		*to = t.UTC()
		return nil
	})
}

func texts(key, doc string, to *[]string) field {
	f := field{key: key, doc: doc, kind: "list of texts", schema: map[string]any{"type": "array", "items": map[string]any{"type": "string"}}}
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		if n.Kind != yaml.SequenceNode {
			return &wrong{key + " is not a list", `write ["one", "two"], or a line with "- " for each`}
		}
		for i, item := range n.Content {
			item = resolve(item)
			if item.Kind != yaml.ScalarNode {
				r.value(item, path, fmt.Sprintf("item %d is not a text", i+1), "write plain texts")
				continue
			}
			*to = append(*to, item.Value)
		}
		return nil
	}
	return f
}

func metricsField(key, doc string, to *[]forescale.Metric) field {
	var words []string
	for _, m := range forescale.ServiceMetrics {
		words = append(words, string(m))
	}
	f := field{key: key, doc: doc, kind: "list of " + orList(words),
		schema: map[string]any{"type": "array", "items": map[string]any{"enum": words}, "uniqueItems": true}}
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		if n.Kind != yaml.SequenceNode {
			return &wrong{key + " is not a list", "write [load], or [utilization, cpu]"}
		}
		for _, item := range n.Content {
			item = resolve(item)
			m := forescale.Metric(item.Value)
			switch {
			case !slices.Contains(words, item.Value):
				help := "use " + orList(words)
				if s := nearest(item.Value, words); s != "" {
					help = fmt.Sprintf("did you mean %q?", s)
				}
				r.value(item, path, fmt.Sprintf("%q is not a service metric", item.Value), help)
			case slices.Contains(*to, m):
				r.value(item, path, fmt.Sprintf("%q is there twice", item.Value), "name each metric once")
			default:
				*to = append(*to, m)
			}
		}
		return nil
	}
	return f
}

func textMap(key, doc string, to *map[string]string) field {
	f := field{key: key, doc: doc, kind: "texts by name", schema: map[string]any{"type": "object", "additionalProperties": map[string]any{"type": "string"}}}
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		if n.Kind != yaml.MappingNode {
			return &wrong{key + " is not a mapping", "write a line with name: value for each"}
		}
		out := map[string]string{}
		for k, v := range r.pairs(n, path, key) {
			if v.Kind != yaml.ScalarNode {
				r.value(v, path, fmt.Sprintf("the value of %q is not a text", k.Value), "write a plain text")
				continue
			}
			out[k.Value] = v.Value
		}
		*to = out
		return nil
	}
	return f
}

// envField is a textMap that refuses secrets: what is in the file goes into the
// store and is shown by the API.
func envField(key, doc string, to *map[string]string) field {
	f := textMap(key, doc, to)
	inner := f.read
	f.read = func(r *configReader, path string, n *yaml.Node) *wrong {
		w := inner(r, path, n)
		if w != nil {
			return w
		}
		for _, name := range slices.Sorted(maps.Keys(*to)) {
			if k := keyNode(n, name); k != nil && forescale.SecretName(name) {
				r.fault(k.Line, k.Column, "config_secret", fmt.Sprintf("%q looks like a secret, and env is kept in the store and shown by the API", name),
					fmt.Sprintf("set it in the server's own environment and write env_from: [%s]", name))
			}
		}
		return nil
	}
	return f
}

// object is a mapping with keys of its own.
func object(key, doc string, children func() []field) field {
	return field{key: key, doc: doc, kind: "mapping", children: children,
		read: func(r *configReader, path string, n *yaml.Node) *wrong {
			r.mapping(n, path, strconv.Quote(key), children())
			return nil
		}}
}

// named is a mapping whose keys are names that the operator chooses. each takes
// one entry over; children tells of the entries in schema and documentation.
func named(key, doc, noun string, each func(name string, r *configReader, n *yaml.Node), children func() []field) field {
	return field{key: key, doc: doc, kind: "mapping by name", children: children, byName: true,
		read: func(r *configReader, path string, n *yaml.Node) *wrong {
			if isNull(n) {
				return nil
			}
			if n.Kind != yaml.MappingNode {
				return &wrong{key + " is not a mapping by name", fmt.Sprintf("write a line with name: for each %s", noun)}
			}
			for k, v := range r.pairs(n, path, key) {
				if !forescale.ValidName(k.Value) {
					r.fault(k.Line, k.Column, "config_wrong_value", fmt.Sprintf("%q is not a name of a %s", k.Value, noun), "use up to 42 lower-case letters, digits and inner hyphens")
					continue
				}
				each(k.Value, r, v)
			}
			return nil
		}}
}

// scalar is a field of one plain value.
func scalar(key, doc, kind string, schema map[string]any, read func(*yaml.Node) *wrong) field {
	return field{key: key, doc: doc, kind: kind, schema: schema, read: func(_ *configReader, _ string, n *yaml.Node) *wrong {
		if n.Kind != yaml.ScalarNode {
			return &wrong{fmt.Sprintf("%s is not a plain value", key), "write a " + kind + " on the same line"}
		}
		return read(n)
	}}
}

// orList is "a, b or c".
func orList(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}
