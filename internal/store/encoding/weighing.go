package encoding

import (
	"encoding/json"
	"math"
	"time"

	"github.com/forescale/forescale"
)

// storedBound is a [forescale.Bound] as stored.
type storedBound struct {
	Kind     forescale.BoundKind `json:"k"`
	Side     forescale.Side      `json:"s"`
	Count    int                 `json:"n"`
	Demand   float64             `json:"d,omitempty"`
	Quantile float64             `json:"q,omitempty"`
	Of       string              `json:"of,omitempty"`
	At       int64               `json:"at,omitempty"` // milliseconds, as in all columns
	Holds    bool                `json:"h,omitempty"`
}

// storedWeighing is a [forescale.Weighing] as stored.
type storedWeighing struct {
	Bounds     []storedBound   `json:"bounds"`
	Serves     float64         `json:"serves"`
	FewerServe float64         `json:"fewer_serve,omitempty"`
	Demand     float64         `json:"demand,omitempty"`
	By         int64           `json:"by"`
	Since      int64           `json:"since"`
	Until      int64           `json:"until"`
	Price      forescale.Money `json:"price,omitempty"`
}

// EncodeWeighing writes what a decision was weighed by, nil for nothing. Numbers that
// are none become 0: nothing can be weighed by them.
func EncodeWeighing(w *forescale.Weighing) (*string, error) {
	if w == nil {
		return nil, nil
	}
	s := storedWeighing{Serves: finite(w.Serves), FewerServe: finite(w.FewerServe), Demand: finite(w.Demand),
		By: ms(w.By), Since: ms(w.Since), Until: ms(w.Until), Price: w.Price, Bounds: make([]storedBound, len(w.Bounds))}
	for i, b := range w.Bounds {
		s.Bounds[i] = storedBound{b.Kind, b.Side, b.Count, finite(b.Demand), finite(b.Quantile), b.Of, optionalMS(b.At), b.Holds}
	}
	data, err := json.Marshal(s)
	text := string(data)
	return &text, err
}

// DecodeWeighing reads what EncodeWeighing wrote.
func DecodeWeighing(text *string) (*forescale.Weighing, error) {
	if text == nil {
		return nil, nil
	}
	var s storedWeighing
	if err := json.Unmarshal([]byte(*text), &s); err != nil {
		return nil, err
	}
	w := &forescale.Weighing{Serves: s.Serves, FewerServe: s.FewerServe, Demand: s.Demand,
		By: fromMS(s.By), Since: fromMS(s.Since), Until: fromMS(s.Until), Price: s.Price, Bounds: make([]forescale.Bound, len(s.Bounds))}
	for i, b := range s.Bounds {
		w.Bounds[i] = forescale.Bound{Kind: b.Kind, Side: b.Side, Count: b.Count, Demand: b.Demand, Quantile: b.Quantile, Of: b.Of, Holds: b.Holds}
		if b.At != 0 {
			w.Bounds[i].At = fromMS(b.At)
		}
	}
	return w, nil
}

func finite(v float64) float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0
	}
	return v
}

func optionalMS(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return ms(t)
}
