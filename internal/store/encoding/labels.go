package encoding

import (
	"encoding/json"
	"fmt"
)

// EncodeLabels writes labels as a JSON object, in the order of their names.
func EncodeLabels(labels map[string]string) (string, error) {
	if len(labels) == 0 {
		return "{}", nil
	}
	b, err := json.Marshal(labels)
	if err != nil {
		return "", fmt.Errorf("write labels as JSON: %w", err)
	}
	return string(b), nil
}

// DecodeLabels reads what EncodeLabels wrote. None at all are nil.
func DecodeLabels(s string) (map[string]string, error) {
	var labels map[string]string
	if err := json.Unmarshal([]byte(s), &labels); err != nil {
		return nil, fmt.Errorf("read labels: %w", err)
	}
	if len(labels) == 0 {
		return nil, nil
	}
	return labels, nil
}
