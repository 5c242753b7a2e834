package sqlite

import (
	"encoding/json"
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

func (w *where) add(condition string, args ...any) {
	w.conditions = append(w.conditions, condition)
	w.args = append(w.args, args...)
}

func (w *where) equal(column, value string) {
	if value != "" {
		w.add(column+" = ?", value)
	}
}

// among is no condition when no value is given.
func (w *where) among(column string, values []string) {
	if len(values) > 0 {
		w.add(column+" IN (SELECT value FROM json_each(?))", namesOf(values))
	}
}

// namesOf is a list of names as one argument. Text that is not UTF-8 names nothing.
func namesOf(names []string) string {
	text, err := json.Marshal(names)
	if err != nil {
		panic(err) // texts can always be written
	}
	return string(text)
}

// from is inclusive.
func (w *where) from(column string, t time.Time) {
	if !t.IsZero() {
		w.add(column+" >= ?", ms(t))
	}
}

// to is exclusive.
func (w *where) to(column string, t time.Time) {
	if !t.IsZero() {
		w.add(column+" < ?", ms(t))
	}
}

// ofDays is of the services and days that are asked for.
func (w *where) ofDays(q forescale.TallyQuery) {
	w.among("service", q.Services)
	if !q.From.IsZero() {
		w.add("day >= ?", encoding.Day(q.From))
	}
	if !q.To.IsZero() {
		w.add("day < ?", encoding.Day(q.To))
	}
}

// String is the WHERE clause, empty without conditions.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// limit is the LIMIT clause, empty when n is 0 or less; it comes last.
func (w *where) limit(n int) string {
	if n <= 0 {
		return ""
	}
	w.args = append(w.args, n)
	return " LIMIT ?"
}
