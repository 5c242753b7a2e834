package timescale

import (
	"strconv"
	"strings"
	"time"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/internal/store/encoding"
)

// where gathers conditions and their arguments. What is zero is no condition.
type where struct {
	conditions []string
	args       []any
}

// arg is the placeholder of a value: "$1", "$2", …
func (w *where) arg(value any) string {
	w.args = append(w.args, value)
	return "$" + strconv.Itoa(len(w.args))
}

func (w *where) add(condition string) { w.conditions = append(w.conditions, condition) }

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column + " = " + w.arg(value))
	}
}

// among is no condition when no value is given.
func (w *where) among(column string, values []string) {
	if len(values) > 0 {
		w.add(column + " = ANY (" + w.arg(values) + "::text[])")
	}
}

// from is inclusive.
func (w *where) from(column string, t time.Time) {
	if !t.IsZero() {
		w.add(column + " >= " + w.arg(utc(t)))
	}
}

// to is exclusive.
func (w *where) to(column string, t time.Time) {
	if !t.IsZero() {
		w.add(column + " < " + w.arg(utc(t)))
	}
}

// ofDays is of the services and days that are asked for.
func (w *where) ofDays(q forescale.TallyQuery) {
	w.among("service", q.Services)
	if !q.From.IsZero() {
		w.add("day >= " + w.arg(encoding.Day(q.From)))
	}
	if !q.To.IsZero() {
		w.add("day < " + w.arg(encoding.Day(q.To)))
	}
}

// String is the WHERE clause, empty without conditions.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// limit is the LIMIT clause, empty when n is 0 or less.
func (w *where) limit(n int) string {
	if n <= 0 {
		return ""
	}
	return " LIMIT " + w.arg(n)
}
