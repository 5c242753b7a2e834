package collector

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/forescale/forescale"
)

// anyType stands for the Go type in errors about JSON that is of another form.
var anyType = reflect.TypeFor[any]()

// maxPromSeries bounds the series of one answer.
const maxPromSeries = 10_000

// matrixReader reads the answer of a range query as it comes, value by value, so
// that it takes the room of its numbers only.
type matrixReader struct {
	dec      *json.Decoder
	status   string
	failure  string
	warnings []string
	points   int
	seen     map[string]map[string]string // name → labels of the series that has it
}

// fields calls do with the name of each field of the object that comes next; do
// reads the value.
func (m *matrixReader) fields(do func(name string) error) error {
	if err := m.open('{'); err != nil {
		return err
	}
	for m.dec.More() {
		t, err := m.dec.Token()
		if err != nil {
			return err
		}
		name, _ := t.(string)
		if err := do(name); err != nil {
			return err
		}
	}
	_, err := m.dec.Token()
	return err
}

// each calls do before each element of the array that comes next.
func (m *matrixReader) each(do func() error) error {
	if err := m.open('['); err != nil {
		return err
	}
	for m.dec.More() {
		if err := do(); err != nil {
			return err
		}
	}
	_, err := m.dec.Token()
	return err
}

// open takes the delimiter that has to come next.
func (m *matrixReader) open(want json.Delim) error {
	t, err := m.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return &json.UnmarshalTypeError{Value: fmt.Sprint(t), Field: string(want), Offset: m.dec.InputOffset(), Type: anyType}
	}
	return nil
}

func (m *matrixReader) skip() error {
	var v json.RawMessage
	return m.dec.Decode(&v)
}

// read reads the whole answer.
func (m *matrixReader) read(o PrometheusOptions) (all []promSeries, err error) {
	m.seen = map[string]map[string]string{}
	err = m.fields(func(name string) error {
		switch name {
		case "status":
			return m.dec.Decode(&m.status)
		case "error":
			return m.dec.Decode(&m.failure)
		case "warnings", "infos":
			var more []string
			if err := m.dec.Decode(&more); err != nil {
				return err
			}
			m.warnings = append(m.warnings, more...)
			return nil
		case "data":
			all, err = m.data(o)
			return err
		}
		return m.skip()
	})
	return all, err
}

func (m *matrixReader) data(o PrometheusOptions) (all []promSeries, err error) {
	err = m.fields(func(name string) error {
		switch name {
		case "resultType":
			var kind string
			if err := m.dec.Decode(&kind); err != nil {
				return err
			}
			if kind != "matrix" {
				return refusedFault(fmt.Sprintf("the server answers with a %s instead of a matrix", clipText(kind)), "let --query give an instant vector: numbers at moments, as the server's page plots them")
			}
			return nil
		case "result":
			return m.each(func() error {
				s, err := m.series(o)
				if err == nil && len(all) == maxPromSeries {
					err = refusedFault(fmt.Sprintf("the query gives more than %d series", maxPromSeries), "put them together, as in: sum by (service) (…)")
				}
				all = append(all, s)
				return err
			})
		}
		return m.skip()
	})
	return all, err
}

func (m *matrixReader) series(o PrometheusOptions) (s promSeries, err error) {
	histograms := false
	err = m.fields(func(name string) error {
		switch name {
		case "metric":
			if err := m.dec.Decode(&s.labels); err != nil {
				return err
			}
			return m.name(&s, o)
		case "values":
			return m.each(func() error {
				if m.points++; m.points > pagePoints {
					return &tooMuch{fmt.Sprintf("the answer holds more than %d values", pagePoints)}
				}
				var p promPoint
				err := m.dec.Decode(&p)
				s.points = append(s.points, p)
				return err
			})
		case "histograms":
			histograms = true
		}
		return m.skip()
	})
	if err == nil && s.labels == nil { // it named none
		err = m.name(&s, o)
	}
	if err == nil && histograms && len(s.points) == 0 {
		err = refusedFault("the query gives histograms", "make numbers of them, as with histogram_count(…)")
	}
	return s, err
}

// name finds the service that a series is of, and the instance if that is asked for.
func (m *matrixReader) name(s *promSeries, o PrometheusOptions) error {
	labels := labelsText(s.labels)
	if s.name = o.Service; s.name == "" {
		s.name = s.labels[o.Label]
	}
	if s.name == "" {
		return refusedFault(fmt.Sprintf("a series has no label %q: %s", o.Label, labels), "name the one that tells the service with --label, or the service of all with --service"+hasLabels(s.labels))
	}
	if o.Instance != "" {
		instance := s.labels[o.Instance]
		if instance == "" {
			return refusedFault(fmt.Sprintf("a series has no label %q: %s", o.Instance, labels), "name the one that tells the instance with --instance-label"+hasLabels(s.labels))
		}
		s.name += "/" + instance
	}
	if other, taken := m.seen[s.name]; taken {
		return refusedFault(fmt.Sprintf("several series are of %q: %s and %s", clipText(s.name), labelsText(other), labels), "put them together, as in: "+together(o))
	}
	m.seen[s.name] = s.labels
	return nil
}

func together(o PrometheusOptions) string {
	if o.Service != "" && o.Instance == "" {
		return "sum(…); or leave --service out and name the label that tells them apart with --label"
	}
	by := o.Label
	if o.Service != "" {
		by = ""
	}
	if o.Instance != "" {
		by = strings.TrimPrefix(by+", "+o.Instance, ", ")
	}
	return "sum by (" + by + ") (…)"
}

func hasLabels(labels map[string]string) string {
	if len(labels) == 0 {
		return ""
	}
	return "; it has " + clipLong(strings.Join(slices.Sorted(maps.Keys(labels)), ", "))
}

func refusedFault(what, help string) error {
	return &forescale.Fault{Code: "prometheus_refused", What: what, Help: help}
}

// UnmarshalJSON implements json.Unmarshaler: [1767225600.25, "12.5"].
func (p *promPoint) UnmarshalJSON(data []byte) error {
	bad := func() error {
		return &json.UnmarshalTypeError{Value: clipText(string(data)), Field: "values", Type: anyType}
	}
	at, value, ok := bytes.Cut(bytes.Trim(data, "[] \t\r\n"), []byte(","))
	if !ok {
		return bad()
	}
	seconds, err := strconv.ParseFloat(string(bytes.TrimSpace(at)), 64)
	if err != nil || !(math.Abs(seconds) < 1e11) {
		return bad()
	}
	v, err := strconv.ParseFloat(strings.Trim(string(value), `" `+"\t\r\n"), 64)
	if err != nil && !math.IsInf(v, 0) {
		return bad()
	}
	p.at = int64(math.Round(seconds * 1000))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		p.gap = true
		return nil
	}
	p.value = v
	return nil
}
