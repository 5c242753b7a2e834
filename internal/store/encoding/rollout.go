package encoding

import (
	"encoding/json"

	"github.com/forescale/forescale"
)

// EncodeRollout writes how far instances follow a template, or NULL for nil.
func EncodeRollout(r *forescale.Rollout) (any, error) {
	if r == nil {
		return nil, nil
	}
	text, err := json.Marshal(r)
	return string(text), err
}

// DecodeRollout reads what EncodeRollout wrote; "" is nil.
func DecodeRollout(text string) (*forescale.Rollout, error) {
	if text == "" {
		return nil, nil
	}
	var r forescale.Rollout
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return nil, err
	}
	return &r, nil
}
