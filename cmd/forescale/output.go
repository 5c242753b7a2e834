package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
)

// format is how results are written.
type format string

const (
	formatTable format = "table"
	formatJSON  format = "json"
	formatCSV   format = "csv"
)

// formatFlag adds -o to a command and gives where its value is kept.
func formatFlag(cmd *cobra.Command) *format {
	f := formatTable
	cmd.Flags().VarP(&f, "output", "o", "how to write: table, json or csv")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"table", "json", "csv"}, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "format" }

// Set implements pflag.Value.
func (f *format) Set(s string) error {
	switch format(s) {
	case formatTable, formatJSON, formatCSV:
		*f = format(s)
		return nil
	}
	return fmt.Errorf("%q is not a format: use table, json or csv", s)
}

// table is rows under headers. On a terminal the columns are aligned; into a
// pipe a row is its cells with tabs between, and there are no headers.
type table struct {
	headers []string
	right   map[int]bool // columns of numbers
	rows    [][]string
	paint   map[int]string // row → colour, on a terminal that wants it
	below   map[int]string // row → text under it in lines of its own, on a terminal: wrapped, never cut
}

func newTable(headers ...string) *table {
	return &table{headers: headers, right: map[int]bool{}, paint: map[int]string{}, below: map[int]string{}}
}

// alignRight marks columns of numbers.
func (t *table) alignRight(columns ...int) *table {
	for _, c := range columns {
		t.right[c] = true
	}
	return t
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write puts the table on stdout as the format and the terminal ask for.
func (a *app) write(t *table) error {
	if !a.terminal {
		for _, r := range t.rows {
			if _, err := fmt.Fprintln(a.stdout, strings.Join(r, "\t")); err != nil {
				return err
			}
		}
		return nil
	}
	widths := make([]int, len(t.headers))
	for _, r := range append([][]string{t.headers}, t.rows...) {
		for i, c := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	if err := a.writeRow(t, t.headers, widths, "\x1b[1m"); err != nil {
		return err
	}
	for i, r := range t.rows {
		if err := a.writeRow(t, r, widths, t.paint[i]); err != nil {
			return err
		}
		if t.below[i] == "" {
			continue
		}
		if _, err := fmt.Fprintln(a.stdout, "  "+wrap(t.below[i], a.width, "  ")); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) writeRow(t *table, cells []string, widths []int, color string) error {
	var b strings.Builder
	for i, c := range cells {
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c))
		if i > 0 {
			b.WriteString("  ")
		}
		if t.right[i] {
			b.WriteString(pad + c)
		} else {
			b.WriteString(c + pad)
		}
	}
	line := strings.TrimRight(b.String(), " ")
	if a.color && color != "" {
		line = color + line + "\x1b[0m"
	}
	_, err := fmt.Fprintln(a.stdout, line)
	return err
}

// writeCSV writes headers and rows as CSV.
func (a *app) writeCSV(headers []string, rows [][]string) error {
	w := csv.NewWriter(a.stdout)
	if err := w.Write(headers); err != nil {
		return err
	}
	return w.WriteAll(rows)
}

// writeList writes a list as it was asked for: items as JSON, or rows with the headers
// of CSV or of a table. Where there is nothing, none says what to do.
func (a *app) writeList(o format, items any, csvHeaders, tableHeaders []string, rows [][]string, none string) error {
	switch {
	case o == formatJSON:
		return a.writeJSON(items)
	case o == formatCSV:
		return a.writeCSV(csvHeaders, rows)
	case len(rows) == 0:
		a.hint("%s", none)
		return nil
	}
	t := newTable(tableHeaders...)
	t.rows = rows
	return a.write(t)
}

// writeJSON writes v indented; an empty list as one, not as null.
func (a *app) writeJSON(v any) error {
	if r := reflect.ValueOf(v); r.Kind() == reflect.Slice && r.IsNil() {
		v = []any{}
	}
	e := json.NewEncoder(a.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// hint says something to the person at the terminal, never into a pipe.
func (a *app) hint(format string, args ...any) {
	if a.terminal || a.errTerminal {
		fmt.Fprintf(a.stderr, format+"\n", args...)
	}
}

// hintLead says who of several servers leads.
func (a *app) hintLead(about aboutView) {
	if said := about.lead(); said != "" {
		a.hint("%s", said)
	}
}

// counted is "1 service" or "3 services".
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", thousands(n), noun)
}

// thousands is n with commas: 40,320.
func thousands[T int | int64](n T) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// oneLine keeps a text of others from breaking lines or sending control codes
// to the terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// wrap breaks text, which begins as far in as indent is wide, into lines of at
// most width columns at spaces, those after the first indented.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := utf8.RuneCountInString(indent)
	for i, word := range strings.Fields(text) {
		n := utf8.RuneCountInString(word)
		switch {
		case i == 0:
		case column+1+n > width:
			b.WriteString("\n" + indent)
			column = utf8.RuneCountInString(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

func usage(what, help string) error {
	return &forescale.Fault{Code: "usage", What: what, Help: help}
}
