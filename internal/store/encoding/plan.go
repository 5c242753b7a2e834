package encoding

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/forescale/forescale"
)

// number is a float64 in stored JSON, which itself knows neither NaN nor
// infinity: these are written as texts. A decision with a strange number in its
// reasons is worth keeping, that one above all.
type number float64

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) { return appendNumber(nil, float64(n)), nil }

// appendNumber appends f as it is stored.
func appendNumber(b []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(strconv.AppendFloat(append(b, '"'), f, 'g', -1, 64), '"')
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(b []byte) error {
	text := string(b)
	if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return fmt.Errorf("%s is not a number", b)
	}
	*n = number(f)
	return nil
}

// storedReason is a [forescale.Reason] as stored.
type storedReason struct {
	Code    forescale.Code    `json:"code"`
	Numbers map[string]number `json:"numbers,omitempty"`
	Times   map[string]int64  `json:"times,omitempty"` // milliseconds, as in all columns
	Words   map[string]string `json:"words,omitempty"`
}

// EncodeReasons writes reasons as a JSON list.
func EncodeReasons(rs []forescale.Reason) (string, error) {
	out := make([]storedReason, len(rs))
	for i, r := range rs {
		out[i] = storedReason{Code: r.Code, Words: r.Words,
			Numbers: mapValues(r.Numbers, func(f float64) number { return number(f) }),
			Times:   mapValues(r.Times, ms)}
	}
	text, err := json.Marshal(out)
	return string(text), err
}

// DecodeReasons reads what EncodeReasons wrote.
func DecodeReasons(text string) ([]forescale.Reason, error) {
	var in []storedReason
	if err := json.Unmarshal([]byte(text), &in); err != nil || len(in) == 0 {
		return nil, err
	}
	rs := make([]forescale.Reason, len(in))
	for i, r := range in {
		rs[i] = forescale.Reason{Code: r.Code, Words: r.Words,
			Numbers: mapValues(r.Numbers, func(n number) float64 { return float64(n) }),
			Times:   mapValues(r.Times, func(n int64) time.Time { return fromMS(n) })}
	}
	return rs, nil
}

func mapValues[A, B any](m map[string]A, f func(A) B) map[string]B {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]B, len(m))
	for k, v := range m {
		out[k] = f(v)
	}
	return out
}

// EncodeActions writes [[kind, instance], …], or NULL for none.
func EncodeActions(as []forescale.Action) (any, error) {
	if len(as) == 0 {
		return nil, nil
	}
	out := make([][2]string, len(as))
	for i, a := range as {
		out[i] = [2]string{string(a.Kind), a.Instance}
	}
	text, err := json.Marshal(out)
	return string(text), err
}

// DecodeActions reads what EncodeActions wrote; "" is none.
func DecodeActions(text string) ([]forescale.Action, error) {
	if text == "" {
		return nil, nil
	}
	var in [][2]string
	if err := json.Unmarshal([]byte(text), &in); err != nil {
		return nil, err
	}
	as := make([]forescale.Action, len(in))
	for i, a := range in {
		as[i] = forescale.Action{Kind: forescale.ActionKind(a[0]), Instance: a[1]}
	}
	return as, nil
}

// EncodeChanges writes [[at, wanted, required, demand, code], …].
func EncodeChanges(cs []forescale.PlanChange) (string, error) {
	b := append(make([]byte, 0, 2+64*len(cs)), '[')
	for i, c := range cs {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(append(b, '['), ms(c.At), 10)
		b = strconv.AppendInt(append(b, ','), int64(c.Wanted), 10)
		b = strconv.AppendInt(append(b, ','), int64(c.Required), 10)
		b = appendNumber(append(b, ','), c.Demand)
		code, err := json.Marshal(c.Code)
		if err != nil {
			return "", err
		}
		b = append(append(append(b, ','), code...), ']')
	}
	return string(append(b, ']')), nil
}

// DecodeChanges reads what EncodeChanges wrote.
func DecodeChanges(text string) ([]forescale.PlanChange, error) {
	var in [][5]json.RawMessage
	if err := json.Unmarshal([]byte(text), &in); err != nil || len(in) == 0 {
		return nil, err
	}
	cs := make([]forescale.PlanChange, len(in))
	for i, c := range in {
		var at int64
		var demand number
		for j, to := range []any{&at, &cs[i].Wanted, &cs[i].Required, &demand, &cs[i].Code} {
			if err := json.Unmarshal(c[j], to); err != nil {
				return nil, err
			}
		}
		cs[i].At, cs[i].Demand = fromMS(at), float64(demand)
	}
	return cs, nil
}
