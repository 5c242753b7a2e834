package encoding

import (
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
	return encodeBody("the life of node", l.Node, StoredLife(l))
}

// DecodeLife reads what EncodeLife wrote of a node.
func DecodeLife(node, body string) (forescale.NodeLife, error) {
	return decodeBody(node, body, func(l forescale.NodeLife) string { return l.Node })
}

// EncodeWish writes what is wished of a node as JSON.
func EncodeWish(w forescale.NodeWish) (string, error) {
	w.At = fromMS(ms(w.At))
	return encodeBody("what is wished of node", w.Node, w)
}

// DecodeWish reads what EncodeWish wrote of a node.
func DecodeWish(node, body string) (forescale.NodeWish, error) {
	return decodeBody(node, body, func(w forescale.NodeWish) string { return w.Node })
}
