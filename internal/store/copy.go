package store

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"strings"
	"time"

	"github.com/forescale/forescale"
)

// Copier is a store whose whole content can be read as rows and written again,
// also into a store of another backend. A row's values mean the same everywhere;
// [Tables] says which there are.
type Copier interface {
	// Snapshot is everything at one moment, whatever is written meanwhile. It
	// holds a connection until it is closed.
	Snapshot(ctx context.Context) (Snapshot, error)
	// CopyNote is what [Copier.Load] wrote last, "" for none. A store with a note
	// holds part of a copy and is refused by everything but a copy.
	CopyNote(ctx context.Context) (string, error)
	// Load adds rows of a table and sets the note, in one commit. A row whose key
	// is there already stays as it is.
	Load(ctx context.Context, t Table, rows []Row, note string) error
	// Loaded ends a copy: counters go on after what was loaded, and the note goes.
	Loaded(ctx context.Context) error
}

// Snapshot is the content of a store at one moment.
type Snapshot interface {
	// Count is how many rows a table has.
	Count(ctx context.Context, t Table) (int64, error)
	// Rows are those of a table whose key comes after the given one, by key; nil
	// is before the first.
	Rows(ctx context.Context, t Table, after Row) iter.Seq2[Row, error]
	// Span is the first and last value of a column that holds times or minutes.
	Span(ctx context.Context, table, column string) (first, last time.Time, err error)
	// Words are the distinct values of a column of texts.
	Words(ctx context.Context, table, column string) ([]string, error)
	// Columns are all columns of all tables as the catalog lists them: TABLE.COLUMN.
	Columns(ctx context.Context) ([]string, error)
	Close() error
}

// Row is the values of a table's columns: nil, string, int64, float64 or []byte.
type Row []any

// Kind is what the values of a column are.
type Kind int

// The kinds. Every one may be nil, for NULL.
const (
	Text   Kind = iota // string
	Int                // int64
	Real               // float64
	Score              // float64; NaN, which SQLite keeps as NULL
	Bool               // int64, 0 or 1
	Time               // int64, milliseconds since 1970
	Minute             // int64, minutes since 1970
	Hour               // int64, hours since 1970
	JSON               // string, as it was written
	Blob               // []byte
)

// Column is one column of a table.
type Column struct {
	Name string
	Kind Kind
}

// Table is a table to copy. Its key is its first columns.
type Table struct {
	Name    string
	Keys    int
	Columns []Column
	Counter bool   // the key is an id that the store counts up itself
	Made    bool   // made up for the copy: each backend says what it reads and where it puts it
	Sum     string // column whose sum a copy tells, "" for none
}

// Key is the key of a row.
func (t Table) Key(r Row) Row { return r[:t.Keys] }

// table makes a Table from "name:kind" words.
func table(name string, keys int, columns string) Table {
	kinds := map[string]Kind{"text": Text, "int": Int, "real": Real, "score": Score, "bool": Bool, "time": Time, "minute": Minute, "hour": Hour, "json": JSON, "blob": Blob}
	t := Table{Name: name, Keys: keys}
	for _, word := range strings.Fields(columns) {
		column, kind, _ := strings.Cut(word, ":")
		k, ok := kinds[kind]
		if !ok {
			panic("store: a column of table " + name + " has no kind: " + word)
		}
		t.Columns = append(t.Columns, Column{column, k})
	}
	return t
}

func (t Table) counted() Table         { t.Counter = true; return t }
func (t Table) made() Table            { t.Made = true; return t }
func (t Table) summed(by string) Table { t.Sum = by; return t }

// Tables is all that is copied, in an order in which each refers only to those
// before it. A new table or column of the schema gets its word here, or its
// reason in [NotCopied]: a test holds both against the catalogs.
var Tables = []Table{
	table("service", 1, "name:text version:int updated_at:time body:json"),
	table("pause", 1, "service:text asked_by:text note:text since:time until:time"),
	table("event", 1, "name:text service:text begins:time until:time factor:real leave_out:bool origin:text"),
	table("budget", 1, "name:text version:int updated_at:time body:json"),
	table("meter", 1, "zone:text month:int at:time"),
	table("spent", 3, "zone:text month:int service:text amount:int").summed("amount"),
	table("bill", 2, "zone:text instance:text service:text price:int step:int ordered_at:time extra:int paid:int open:bool").summed("paid"),
	table("node", 1, "name:text type:text address:text state:text protected:bool cores:real memory:int updated_at:time managed:bool labels:json origin:text"),
	table("node_type", 1, "name:text cores:real speed:real memory:int disk:int disk_kind:text bandwidth:real price_per_hour:real billing_step:int boot_time:int max_count:int updated_at:time labels:json"),
	table("node_life", 1, "node:text ordered_at:time ended:time body:json"),
	table("node_wish", 1, "node:text at:time body:json"),
	table("key", 1, "id:text name:text role:text service:text hash:blob created_at:time revoked_at:time"),
	table("join_token", 1, "id:text node:text node_order:text hash:blob created_at:time expires_at:time used_at:time"),
	table("agent", 1, "node:text body:json"),
	table("instance", 1, "id:text service:text node:text state:text origin:text address:text decision:text stop_by:text failure:text ordered_at:time started_at:time ready_at:time draining_at:time stopped_at:time deadline:time last_seen:time ended:time unready_since:time revision:text"),
	table("warmup", 1, "instance:text service:text node:text image:text at:time duration:int at_once:int node_cpu:real"),
	table("cooldown", 1, "instance:text service:text node:text image:text at:time duration:int at_once:int node_cpu:real"),
	table("learned", 2, "service:text kind:text at:time body:json"),
	table("capacity", 2, "service:text since:time at:time body:json"),
	table("plan", 1, "service:text made_at:time lead:int until:time acting:bool changes:json rollout:json"),
	table("node_plan", 1, "one:int made_at:time body:json"),
	table("instance_use", 2, "service:text type:text at:time body:json"),
	table("decision", 1, "seq:int id:text service:text at:time mode:text supply:int wanted:int required:int metric:text reasons:json actions:json outcome:text error:text ended_at:time repeats:int last_at:time newest:bool fence:int weighed:json").counted().summed("repeats"),
	table("run", 1, "id:text kind:text server:text due_at:time started_at:time ended_at:time state:text attempt:int done:int failed:int error:text").summed("done"),
	table("import", 1, "fingerprint:text done:int").summed("done"),
	table("line", 1, "id:int service:text metric:text points:int").counted().summed("points"),
	table("forecast", 2, "line:int issued:time model:text start:time step:int warnings:json pinball:score naive:score coverage:score tested:int quantiles:blob minutes:json").summed("tested"),
	table("tally", 4, "line:int day:int lead:int model:text steps:int inside:int loss:real error:real truth:real compared:int their_miss:real last_week:real").summed("steps"),
	table("elasticity", 2, "service:text day:int body:json"),
	table("track", 1, "line:int until:time drift:json"),
	table("choice", 1, "line:int issued:time body:json"),
	table("demand", 2, "line:int minute:minute value:real censored:bool reporting:int ready:int").summed("value"),
	// Hours are copied as far as they are final, since their minutes may be gone or
	// changed. Later ones are due in the target, from the minutes that came with them.
	table("hours_final", 1, "hour:hour").made(),
	table("hours", 2, "line:int hour:hour mean:real least:real most:real points:int saturated:int").summed("points"),
	table("series", 1, "id:int kind:text name:text service:text metric:text").counted(),
	table("sample", 2, "series:int at:time value:real").summed("value"),
	table("dirty", 2, "minute:minute service:text mark:int"),
}

const queue = "each store's own: what its servers have under way; what came of it are rows of run"

// NotCopied is what of the schemas is left out, as TABLE or TABLE.COLUMN, and why.
var NotCopied = map[string]string{
	"meta":          "each store's own: its canary and its epoch; which hours are final is the table hours_final of a copy",
	"lease":         "each store's own: who leads, and under which number",
	"migration":     "each store's own: how its schema was made",
	"forecast.id":   "a number that only SQLite has; nothing refers to it",
	"sample_minute": "worked out from sample by TimescaleDB",
	"demand_hour":   "its final hours are rows of hours; TimescaleDB works the others out from demand",
	"hours_due":     "every hour of the minutes that come over is due in the target",
	// The queue of jobs that are spread over servers is made by who spreads them.
	"river_job":          queue,
	"river_client":       queue,
	"river_client_queue": queue,
	"river_leader":       queue,
	"river_migration":    queue,
	"river_notification": queue,
	"river_queue":        queue,
}

// Copying is how a copy is made.
type Copying struct {
	From  string                  // the source as it may be shown, kept in the note
	Batch int                     // rows of one commit; 0 is 5000
	Live  bool                    // the source may change: a copy that was cut off is not taken up again
	Moved func(done, total int64) // hears how far it is, rows written and rows compared; may be nil
}

// Copied is what was copied of one table, as the target holds it.
type Copied struct {
	Table string
	Rows  int64
	Sum   float64 // of the table's Sum column
	Check uint64  // sum of a hash of each row: the same for the same rows
}

// note is how far a copy is.
type note struct {
	From  string          `json:"from"`
	Live  bool            `json:"live,omitempty"`
	Table int             `json:"table"`
	Key   json.RawMessage `json:"key,omitempty"`
}

// Copy writes all that from holds into to, which is empty or holds the beginning
// of the same copy, and then compares every row of both. It can be ended at any
// point, and goes on from there when it is called again.
func Copy(ctx context.Context, from, to Copier, c Copying) ([]Copied, error) {
	if c.Batch == 0 {
		c.Batch = 5000
	}
	s, err := from.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	n, err := begin(ctx, to, c)
	if err != nil {
		return nil, err
	}
	p := &pace{tell: c.Moved}
	for _, t := range Tables {
		rows, err := s.Count(ctx, t)
		if err != nil {
			return nil, err
		}
		p.total += 2 * rows // written, then compared
	}
	for i, t := range Tables {
		if i < n.Table {
			continue
		}
		if err := copyTable(ctx, s, to, t, i, n, c.Batch, p); err != nil {
			return nil, err
		}
		n.Table, n.Key = i+1, nil
	}
	p.at(p.total / 2)
	done, err := compare(ctx, s, to, p)
	if err != nil {
		return nil, err
	}
	return done, to.Loaded(ctx)
}

// pace tells how far it is.
type pace struct {
	done, total int64
	tell        func(done, total int64)
}

func (p *pace) add(rows int) { p.at(p.done + int64(rows)) }

func (p *pace) at(done int64) {
	p.done = done
	if p.tell != nil {
		p.tell(p.done, p.total)
	}
}

// begin finds out where to go on, and refuses a target that holds other things.
func begin(ctx context.Context, to Copier, c Copying) (*note, error) {
	n := &note{From: c.From, Live: c.Live}
	text, err := to.CopyNote(ctx)
	if err != nil {
		return nil, err
	}
	if text == "" {
		return n, refuseFilled(ctx, to)
	}
	var was note
	if err := json.Unmarshal([]byte(text), &was); err != nil || was.Table < 0 || was.Table > len(Tables) {
		return nil, &forescale.Fault{Code: "copy_unreadable", What: "the target holds part of a copy of another version", Help: "empty the target and begin anew; nothing was changed", Err: err}
	}
	switch {
	case was.From != c.From:
		return nil, &forescale.Fault{Code: "copy_of_another", What: "the target holds part of a copy of " + was.From,
			Help: "finish that one, or name an empty target; nothing was changed"}
	case was.Live || c.Live:
		return nil, &forescale.Fault{Code: "copy_of_another", What: "the target holds part of a copy of a store that was running, which may have changed since",
			Help: "name an empty target; nothing was changed"}
	}
	return &was, nil
}

func refuseFilled(ctx context.Context, to Copier) error {
	s, err := to.Snapshot(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	for _, t := range Tables {
		n, err := s.Count(ctx, t)
		if err != nil {
			return err
		}
		if n > 0 {
			return &forescale.Fault{Code: "copy_not_empty", What: fmt.Sprintf("the target is not empty: table %s has rows (%d)", t.Name, n),
				Help: "name an empty target; nothing was changed"}
		}
	}
	return nil
}

func copyTable(ctx context.Context, s Snapshot, to Copier, t Table, index int, n *note, batch int, p *pace) error {
	after, err := n.after(t)
	if err != nil {
		return err
	}
	var rows []Row
	flush := func() error {
		if len(rows) == 0 {
			return nil
		}
		key, err := json.Marshal(t.Key(rows[len(rows)-1]))
		if err != nil {
			return fmt.Errorf("note how far the copy of %s is: %w", t.Name, err)
		}
		text, err := json.Marshal(note{From: n.From, Live: n.Live, Table: index, Key: key})
		if err != nil {
			return fmt.Errorf("note how far the copy of %s is: %w", t.Name, err)
		}
		if err := to.Load(ctx, t, rows, string(text)); err != nil {
			return err
		}
		p.add(len(rows))
		rows = rows[:0]
		return nil
	}
	for r, err := range s.Rows(ctx, t, after) {
		if err != nil {
			return errors.Join(err, ctx.Err())
		}
		if rows = append(rows, r); len(rows) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// after is the key that the table's copy came to, as the values that rows have.
func (n *note) after(t Table) (Row, error) {
	if n.Key == nil {
		return nil, nil
	}
	var key Row
	dec := json.NewDecoder(bytes.NewReader(n.Key))
	dec.UseNumber()
	if err := dec.Decode(&key); err != nil || len(key) != t.Keys {
		return nil, &forescale.Fault{Code: "copy_unreadable", What: "the target does not tell how far the copy came", Help: "empty the target and begin anew", Err: err}
	}
	for i, v := range key {
		if num, ok := v.(json.Number); ok {
			whole, err := num.Int64()
			if err != nil {
				return nil, fmt.Errorf("read how far the copy of %s is: %w", t.Name, err)
			}
			key[i] = whole
		}
	}
	return key, nil
}

// Compare reads every row of a snapshot and of a store, and tells of the first
// that differs.
func Compare(ctx context.Context, s Snapshot, with Copier) ([]Copied, error) {
	return compare(ctx, s, with, &pace{})
}

// compare reads every row of both and finds the first that differs.
func compare(ctx context.Context, s Snapshot, to Copier, p *pace) ([]Copied, error) {
	copied, err := to.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer copied.Close()
	var all []Copied
	for _, t := range Tables {
		one := Copied{Table: t.Name}
		next, stop := iter.Pull2(copied.Rows(ctx, t, nil))
		err := compareTable(s.Rows(ctx, t, nil), next, t, &one, p)
		stop()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func compareTable(want iter.Seq2[Row, error], next func() (Row, error, bool), t Table, c *Copied, p *pace) error {
	for w, err := range want {
		if err != nil {
			return err
		}
		got, err, ok := next()
		if err != nil {
			return err
		}
		if !ok || !sameRow(w, got) {
			return differs(t, w)
		}
		c.add(t, got)
		p.add(1)
	}
	got, err, ok := next()
	if ok && err == nil {
		return differs(t, got)
	}
	return err
}

func differs(t Table, r Row) error {
	return &forescale.Fault{Code: "copy_differs", What: fmt.Sprintf("table %s is not the same in both at %v", t.Name, t.Key(r)),
		Help: "the source was changed since the copy began: empty the target, stop what writes to the source, and copy again"}
}

// add counts a row in.
func (c *Copied) add(t Table, r Row) {
	c.Rows++
	h := fnv.New64a()
	for i, v := range r {
		fmt.Fprintf(h, "%T %v;", v, v)
		if t.Columns[i].Name == t.Sum {
			switch n := v.(type) {
			case int64:
				c.Sum += float64(n)
			case float64:
				c.Sum += n
			}
		}
	}
	c.Check += h.Sum64()
}

// sameRow compares values as every backend can keep them: PostgreSQL takes no
// zeros and no invalid UTF-8 in texts.
func sameRow(a, b Row) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		switch x := a[i].(type) {
		case float64:
			y, ok := b[i].(float64)
			if !ok || x != y && !(math.IsNaN(x) && math.IsNaN(y)) {
				return false
			}
		case []byte:
			y, ok := b[i].([]byte)
			if !ok || !bytes.Equal(x, y) {
				return false
			}
		case string:
			y, ok := b[i].(string)
			if !ok || x != y && Clean(x) != Clean(y) {
				return false
			}
		default:
			if a[i] != b[i] {
				return false
			}
		}
	}
	return true
}

// Clean is a text as every backend can keep it: valid UTF-8 without zeros.
func Clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// Unfinished is what a store says that holds part of a copy.
func Unfinished(place, text string) error {
	var n note
	_ = json.Unmarshal([]byte(text), &n) // a note that cannot be read is as unfinished
	return &forescale.Fault{Code: "copy_unfinished", Where: place, What: "the store holds part of a copy of " + n.From,
		Help: "run `forescale store copy` to its end, or name another store; nothing was changed"}
}
