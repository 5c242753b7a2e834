package encoding

import (
	"encoding/json"
	"fmt"
)

// encodeBody writes what is kept of a node as one JSON text. what names it for a fault.
func encodeBody(what, node string, v any) (string, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("write %s %s as JSON: %w", what, node, err)
	}
	return string(body), nil
}

// decodeBody reads what encodeBody wrote; of is the node that it says it is of.
func decodeBody[T any](node, body string, of func(T) string) (v T, err error) {
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return v, err
	}
	if of(v) != node {
		return v, fmt.Errorf("it is of node %q", of(v))
	}
	return v, nil
}
