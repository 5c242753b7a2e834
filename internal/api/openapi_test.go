package api

import (
	"encoding/json"
	"testing"
)

func TestTheDocumentIsOpenAPI31(t *testing.T) {
	a := New(Config{Store: struct{ Store }{}, Ingest: struct{ Ingest }{}})
	var doc struct {
		OpenAPI string                    `json:"openapi"`
		Paths   map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(a.spec, &doc); err != nil {
		t.Fatal(err)
	}
	t.Log(string(a.spec))
}
