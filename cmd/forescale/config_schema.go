package main

import (
	"encoding/json"
	"strings"
)

// configSchema is the JSON Schema (draft 2020-12) of the config file, made from
// the same table that reads it.
func configSchema() ([]byte, error) {
	s := objectSchema(new(Config).fields())
	s["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	s["title"] = "forescale config"
	return json.MarshalIndent(s, "", "  ")
}

func objectSchema(fields []field) map[string]any {
	props := map[string]any{}
	for _, f := range fields {
		s := map[string]any{}
		for k, v := range f.schema {
			s[k] = v
		}
		switch {
		case f.byName:
			s["type"] = "object"
			s["propertyNames"] = map[string]any{"pattern": "^[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?$"}
			entry := objectSchema(f.children())
			entry["type"] = []string{"object", "null"}
			s["additionalProperties"] = entry
		case f.children != nil && f.schema != nil: // a mapping, or one value for all
			s = map[string]any{"oneOf": []any{objectSchema(f.children()), f.schema}}
		case f.children != nil:
			s = objectSchema(f.children())
		}
		s["description"] = strings.ReplaceAll(f.doc, "`", "")
		if f.fallback != "" {
			s["description"] = s["description"].(string) + " Default: " + f.fallback + "."
		}
		props[f.key] = s
	}
	return map[string]any{"type": "object", "properties": props, "additionalProperties": false}
}
