package encoding

import (
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/forescale/forescale"
)

// StoredLife is a life as stores keep it: its times in milliseconds, its reason its own.
func StoredLife(l forescale.NodeLife) forescale.NodeLife {
	for _, t := range []*time.Time{&l.OrderedAt, &l.Deadline, &l.BootingAt, &l.ReadyAt, &l.DrainingAt, &l.StopBy, &l.StoppingAt, &l.StoppedAt, &l.EndedAt, &l.Last.At} {
		if !t.IsZero() {
			*t = fromMS(ms(*t))
		}
	}
	l.Reason.Numbers, l.Reason.Words, l.Reason.Times = maps.Clone(l.Reason.Numbers), maps.Clone(l.Reason.Words), maps.Clone(l.Reason.Times)
	for k, t := range l.Reason.Times {
		l.Reason.Times[k] = fromMS(ms(t))
	}
	return l
}

// EncodeLife writes the life of a node as JSON.
func EncodeLife(l forescale.NodeLife) (string, error) {
	body, err := json.Marshal(StoredLife(l))
	if err != nil {
		return "", fmt.Errorf("write the life of node %s as JSON: %w", l.Node, err)
	}
	return string(body), nil
}

// DecodeLife reads what EncodeLife wrote of a node.
func DecodeLife(node, body string) (l forescale.NodeLife, err error) {
	if err := json.Unmarshal([]byte(body), &l); err != nil {
		return l, err
	}
	if l.Node != node {
		return l, fmt.Errorf("it is of node %q", l.Node)
	}
	return l, nil
}

// EncodeWish writes what is wished of a node as JSON.
func EncodeWish(w forescale.NodeWish) (string, error) {
	w.At = fromMS(ms(w.At))
	body, err := json.Marshal(w)
	if err != nil {
		return "", fmt.Errorf("write what is wished of node %s as JSON: %w", w.Node, err)
	}
	return string(body), nil
}

// DecodeWish reads what EncodeWish wrote of a node.
func DecodeWish(node, body string) (w forescale.NodeWish, err error) {
	if err := json.Unmarshal([]byte(body), &w); err != nil {
		return w, err
	}
	if w.Node != node {
		return w, fmt.Errorf("it is of node %q", w.Node)
	}
	return w, nil
}
