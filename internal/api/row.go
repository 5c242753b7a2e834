package api

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/forescale/forescale"
)

// The metrics of a row, in the order in which they are stored.
var rowMetrics = [...]forescale.Metric{forescale.MetricUtilization, forescale.MetricLoad, forescale.MetricCPU, forescale.MetricMemory,
	forescale.MetricBandwidth, forescale.MetricBandwidthIn, forescale.MetricBandwidthOut, forescale.MetricDisk, forescale.MetricInodes}

// rowKeys are all keys of a row: the names, the time, then the values in the
// order of rowMetrics.
var rowKeys = []string{"service", "instance", "node", "time", "utilization", "load", "cpu", "memory", "bandwidth", "bandwidth_in", "bandwidth_out", "disk", "inodes"}

// Places in rowKeys.
const (
	timeKey    = 3 // before it stand the names
	firstValue = 4
)

// row is one parsed row. It is used again and again.
type row struct {
	service, instance, node string
	time                    time.Time
	value                   [len(rowMetrics)]float64
	has                     [len(rowMetrics)]bool

	faults []*rowFault
}

func (r *row) bad(key, code, message, help string) {
	r.faults = append(r.faults, &rowFault{key: key, code: code, message: message, help: help})
}

// parse reads one flat JSON object. It returns every fault that it finds; after
// one of syntax it stops.
func (r *row) parse(raw []byte) []*rowFault {
	*r = row{faults: r.faults[:0]}
	s := scanner{b: raw}
	if !s.take('{') {
		r.bad("", "row_syntax", fmt.Sprintf("a row is an object, this is %s", clip(string(raw))), `write {"service":"…","instance":"…","utilization":63.2}`)
		return r.faults
	}
	var seen uint16
	for first := true; ; first = false {
		if s.take('}') {
			if s.space(); s.i < len(s.b) {
				r.syntax(&s, "there is more after the object")
			}
			return r.faults
		}
		if !first && !s.take(',') {
			r.syntax(&s, "a comma or } is missing")
			return r.faults
		}
		key, ok := s.text()
		if !ok || !s.take(':') {
			r.syntax(&s, "a key in quotes and a colon are expected")
			return r.faults
		}
		k := keyIndex(key)
		if k >= 0 {
			if seen&(1<<k) != 0 {
				r.bad(key, "duplicate_key", fmt.Sprintf("%q is there twice", key), "give it once")
			}
			seen |= 1 << k
		}
		tok, ok := s.token()
		if !ok {
			r.syntax(&s, fmt.Sprintf("the value of %q is not JSON", clip(key)))
			return r.faults
		}
		r.set(key, k, tok)
	}
}

func (r *row) syntax(s *scanner, what string) {
	r.bad("", "row_syntax", fmt.Sprintf("%s at character %d", what, min(s.i, len(s.b))+1), "write each row as one JSON object")
}

func keyIndex(key string) int {
	for i, k := range rowKeys {
		if k == key {
			return i
		}
	}
	return -1
}

// set takes the value of one key. null is as if the key was not there.
func (r *row) set(key string, k int, tok token) {
	switch {
	case k < 0:
		r.bad(clip(key), "unknown_key", fmt.Sprintf("unknown key %q", clip(key)), didYouMean(key, rowKeys))
	case tok.kind == tokenNull:
	case k < timeKey:
		r.setName(key, k, tok)
	case k == timeKey:
		r.setTime(tok)
	default:
		r.setNumber(key, k-firstValue, tok)
	}
}

func (r *row) setName(key string, k int, tok token) {
	switch {
	case tok.kind != tokenText:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is %s, not text", key, clip(tok.text)), "write it in quotes")
	case tok.text == "":
		r.bad(key, "sample_without_subject", key+" is empty", "name it, or leave the key out")
	case !printable(tok.text):
		r.bad(key, "sample_wrong_type", key+" holds characters that cannot be shown", "use letters, digits and punctuation")
	default:
		*[...]*string{&r.service, &r.instance, &r.node}[k] = tok.text
	}
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f || c == utf8.RuneError }) < 0
}

func (r *row) setTime(tok token) {
	t, err := time.Parse(time.RFC3339Nano, tok.text)
	if tok.kind != tokenText || err != nil {
		r.bad("time", "sample_bad_time", fmt.Sprintf("%s is not a time with zone", clip(tok.text)), `write RFC 3339, such as "2026-11-23T08:40:00Z", or leave time out for now`)
		return
	}
	r.time = t.UTC()
}

func (r *row) setNumber(key string, m int, tok token) {
	switch tok.kind {
	case tokenNumber:
		v, err := strconv.ParseFloat(tok.text, 64)
		if err != nil || math.IsInf(v, 0) {
			r.bad(key, "sample_out_of_range", fmt.Sprintf("%s is %s, too large for a number", key, clip(tok.text)), "use a larger unit")
			return
		}
		r.value[m], r.has[m] = v, true
	case tokenNotNumber:
		r.bad(key, "sample_out_of_range", fmt.Sprintf("%s is %s, not a number", key, tok.text), "leave the key out when there is no measurement")
	case tokenText:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is the text %q, not a number", key, clip(tok.text)), "write the number without quotes; leave the key out when there is none")
	default:
		r.bad(key, "sample_wrong_type", fmt.Sprintf("%s is %s, not a number", key, clip(tok.text)), "write a number; leave the key out when there is none")
	}
}

// samples appends what the row says. It checks that the metrics fit the subject
// and each sample fits the rules of forescale.Sample.
func (r *row) samples(dst []forescale.Sample, now time.Time) ([]forescale.Sample, []*rowFault) {
	subject, ok := r.subject()
	if !ok {
		return dst, r.faults
	}
	at := r.time
	if at.IsZero() {
		at = now
	}
	given := false
	for m, metric := range rowMetrics {
		if !r.has[m] {
			continue
		}
		given = true
		if !fits(subject.Kind, metric) {
			r.bad(string(metric), "sample_wrong_subject", fmt.Sprintf("%s is not a metric of %s", metric, article[subject.Kind]), fitting[subject.Kind])
			continue
		}
		s := forescale.Sample{Subject: subject, Metric: metric, Time: at, Value: r.value[m]}
		if err := s.Validate(now); err != nil {
			r.invalid(string(metric), err)
			continue
		}
		dst = append(dst, s)
	}
	if !given && len(r.faults) == 0 {
		r.bad("", "sample_without_value", "the row has no value", "give utilization, load, cpu, memory, bandwidth or disk")
	}
	return dst, r.faults
}

func (r *row) subject() (forescale.Subject, bool) {
	switch {
	case r.node != "" && (r.service != "" || r.instance != ""):
		r.bad("node", "sample_wrong_subject", "the row names a node and a service", "write a row for each")
	case r.node != "":
		return forescale.Subject{Kind: forescale.KindNode, Name: r.node}, true
	case r.service == "" && r.instance != "":
		r.bad("service", "sample_without_subject", "the row names an instance without its service", `add "service"`)
	case r.service == "":
		r.bad("", "sample_without_subject", "the row names no service and no node", `add "service" and "instance", or "node"`)
	case r.instance == "":
		return forescale.Subject{Kind: forescale.KindService, Name: r.service, Service: r.service}, true
	default:
		return forescale.Subject{Kind: forescale.KindInstance, Name: r.instance, Service: r.service}, true
	}
	return forescale.Subject{}, false
}

// invalid takes the fault of a sample. Its place is a key of the row; what is
// wrong with the time is said once, not for each metric.
func (r *row) invalid(key string, err error) {
	var f *forescale.Fault
	if !errors.As(err, &f) {
		f = &forescale.Fault{Code: "sample_out_of_range", What: err.Error()}
	}
	switch f.Where {
	case "time":
		key = "time"
	case "subject":
		key = "instance"
	}
	for _, have := range r.faults {
		if have.key == key {
			return
		}
	}
	r.bad(key, f.Code, f.What, f.Help)
}

var article = map[forescale.SubjectKind]string{forescale.KindInstance: "an instance", forescale.KindNode: "a node", forescale.KindService: "a service as a whole"}

var fitting = map[forescale.SubjectKind]string{
	forescale.KindInstance: "an instance has utilization, load, cpu and memory",
	forescale.KindNode:     "a node has cpu, memory, bandwidth, bandwidth_in, bandwidth_out, disk and inodes",
	forescale.KindService:  `add "instance", or send load`,
}

func fits(k forescale.SubjectKind, m forescale.Metric) bool {
	switch m {
	case forescale.MetricUtilization:
		return k == forescale.KindInstance
	case forescale.MetricLoad:
		return k != forescale.KindNode
	case forescale.MetricCPU, forescale.MetricMemory:
		return k != forescale.KindService
	default:
		return k == forescale.KindNode
	}
}

func clip(s string) string {
	if len(s) <= 60 {
		return strings.ToValidUTF8(s, "�")
	}
	return strings.ToValidUTF8(s[:60], "�") + "…"
}
