package api

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/forescale/forescale"
)

// List is one page of things.
type List[T any] struct {
	Items []T    `json:"items" nullable:"false" doc:"This page"`
	Next  string `json:"next" doc:"Send it as cursor for the next page; empty on the last one"`
}

// listOutput is a page as huma wants it.
type listOutput[T any] struct {
	Body List[T]
}

func pageOf[T any](items []T, next string) *listOutput[T] {
	if items == nil {
		items = []T{}
	}
	return &listOutput[T]{Body: List[T]{Items: items, Next: next}}
}

// cut takes the page of items that comes after cursor. key names an item by its
// place in the order, so that items which come and go between two pages neither
// repeat nor hide others.
func cut[T any](items []T, key func(T) string, cursor string, limit int) (page []T, next string, err error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return nil, "", err
	}
	if after != "" {
		i, _ := slices.BinarySearchFunc(items, after, func(t T, k string) int { return cmp.Compare(key(t), k) })
		for i < len(items) && key(items[i]) <= after {
			i++
		}
		items = items[i:]
	}
	if limit > 0 && len(items) > limit {
		items = items[:limit]
		next = encodeCursor(key(items[limit-1]))
	}
	return items, next, nil
}

func encodeCursor(key string) string { return base64.RawURLEncoding.EncodeToString([]byte(key)) }

func decodeCursor(cursor string) (string, error) {
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", &forescale.Fault{Code: "cursor_invalid", Where: "query.cursor", What: "the cursor is not one of ours",
			Help: `send "next" of the page before unchanged, or leave it out`}
	}
	return string(b), nil
}

// some is t in UTC, or null when it is zero.
func some(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// number is v rounded to what a reader can use, or null when it is not a number.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	v = rounded(v)
	return &v
}

// rounded keeps four decimals: busy instances and percentages need no more.
func rounded(v float64) float64 { return math.Round(v*1e4) / 1e4 }

// column is one line of a chart: a number for each x, NaN where there is none.
// It is written as an array with null for NaN.
type column []float64

// newColumn is a column of n gaps.
func newColumn(n int) column {
	c := make(column, n)
	for i := range c {
		c[i] = math.NaN()
	}
	return c
}

// MarshalJSON implements json.Marshaler.
func (c column) MarshalJSON() ([]byte, error) {
	b := make([]byte, 0, 6*len(c)+2)
	b = append(b, '[')
	for i, v := range c {
		if i > 0 {
			b = append(b, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			b = append(b, "null"...)
		} else {
			b = strconv.AppendFloat(b, rounded(v), 'f', -1, 64)
		}
	}
	return append(b, ']'), nil
}

// Schema implements huma.SchemaProvider.
func (column) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Description: "One value for each of times; null is a gap",
		Items: &huma.Schema{Type: huma.TypeNumber, Nullable: true}}
}

var _ json.Marshaler = column(nil)
