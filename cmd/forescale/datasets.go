package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/forescale/forescale"
	"github.com/forescale/forescale/datasets/traces"
)

func newDatasets(a *app) *cobra.Command {
	cmd := group("datasets", "Public traces of real load to download, and made-up load to generate", `Without a further word: list the public traces that are known, each with its origin, terms,
checksum, and how its files are read. No data of others comes with forescale: download fetches
it from where it is published. generate makes load without a network.`,
		newDatasetsShow(a), newDatasetsDownload(a), newDatasetsGenerate(a))
	o := formatFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(cmd, args[0])
		}
		return a.datasets(*o)
	}
	return cmd
}

func newDatasetsShow(a *app) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show all that is known of a public trace, with the checksum of each file", Args: wants("NAME"), ValidArgs: traceNames()}
	o := formatFlag(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error { return a.datasetsShow(*o, args[0]) }
	return cmd
}

func traceNames() (names []string) {
	for _, t := range traces.All() {
		names = append(names, t.Name)
	}
	return names
}

// traceOf is the trace of a name, or a fault that names the closest one.
func traceOf(name string) (traces.Trace, error) {
	t, ok := traces.Of(name)
	if ok {
		return t, nil
	}
	help := "`forescale datasets` lists the traces"
	if s := nearest(name, traceNames()); s != "" {
		help = fmt.Sprintf("did you mean %s? ", s) + help
	}
	return t, &forescale.Fault{Code: "trace_unknown", What: fmt.Sprintf("no trace is called %q", oneLine(name)), Help: help}
}

// traceView is a trace as json and csv have it.
type traceView struct {
	Name       string     `json:"name"`
	About      string     `json:"about"`
	Origin     string     `json:"origin"`
	Repository string     `json:"repository"`
	Commit     string     `json:"commit"`
	Licence    string     `json:"licence"`
	Step       string     `json:"step"`
	From       string     `json:"from"`
	To         string     `json:"to"`
	Series     int        `json:"series"`
	Rows       int        `json:"rows"`
	Bytes      int64      `json:"bytes"`
	Parser     string     `json:"parser"`
	Oddities   string     `json:"oddities"`
	Files      []fileView `json:"files"`
}

type fileView struct {
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

func viewOf(t traces.Trace) traceView {
	v := traceView{Name: t.Name, About: t.About, Origin: t.Origin, Repository: t.Repository, Commit: t.Commit, Licence: t.Licence, Step: shortDuration(t.Step),
		From: stamp(t.From), To: stamp(t.To), Series: t.Series, Rows: t.Rows, Bytes: t.Size(), Parser: t.Parser.String(), Oddities: t.Oddities}
	for _, f := range t.Files {
		v.Files = append(v.Files, fileView{f.Path, f.Size, f.SHA256})
	}
	return v
}

// sums are the checksums of all files, with spaces between.
func (v traceView) sums() string {
	var sums []string
	for _, f := range v.Files {
		sums = append(sums, f.SHA256)
	}
	return strings.Join(sums, " ")
}

func (a *app) datasets(o format) error {
	var views []traceView
	for _, t := range traces.All() {
		views = append(views, viewOf(t))
	}
	switch o {
	case formatJSON:
		return a.writeJSON(views)
	case formatCSV:
		var rows [][]string
		for _, v := range views {
			rows = append(rows, []string{v.Name, v.Step, v.From, v.To, strconv.Itoa(v.Series), strconv.Itoa(v.Rows), strconv.FormatInt(v.Bytes, 10), v.Repository, v.Commit, v.sums(), v.Parser, v.About, v.Origin, v.Licence, v.Oddities})
		}
		return a.writeCSV([]string{"name", "step", "from", "to", "series", "rows", "bytes", "repository", "commit", "sha256", "parser", "about", "origin", "licence", "oddities"}, rows)
	}
	t := newTable("NAME", "STEP", "FROM", "SPAN", "SERIES", "SHA-256").alignRight(1, 3, 4)
	for i, trace := range traces.All() {
		v := views[i]
		cells := []string{v.Name, v.Step, trace.From.Format(time.DateOnly), spanOf(trace), strconv.Itoa(v.Series), v.Files[0].SHA256[:12]}
		if len(v.Files) > 1 {
			cells[5] += fmt.Sprintf(" +%d", len(v.Files)-1)
		}
		if !a.terminal { // nothing is written below the rows there
			cells[5] = v.sums()
			cells = append(cells, v.Parser, v.Origin, v.Licence)
		}
		t.below[i] = fmt.Sprintf("%s. Origin: %s. Terms: %s. Format: %s.", v.About, v.Origin, v.Licence, v.Parser)
		t.add(cells...)
	}
	if err := a.write(t); err != nil {
		return err
	}
	a.hint("More of one: forescale datasets show NAME. To have it: forescale datasets download NAME")
	return nil
}

// spanOf is how long a trace is: 57 min, 14 days.
func spanOf(t traces.Trace) string {
	d := t.To.Sub(t.From) + t.Step
	if d < 24*time.Hour {
		return fmt.Sprintf("%d min", int(d.Minutes()))
	}
	return fmt.Sprintf("%s d", thousands(int(d.Round(24*time.Hour)/(24*time.Hour))))
}

func (a *app) datasetsShow(o format, name string) error {
	trace, err := traceOf(name)
	if err != nil {
		return err
	}
	v := viewOf(trace)
	switch o {
	case formatJSON:
		return a.writeJSON(v)
	case formatCSV:
		var rows [][]string
		for _, f := range v.Files {
			rows = append(rows, []string{v.Name, v.Repository, v.Commit, f.Path, strconv.FormatInt(f.Bytes, 10), f.SHA256})
		}
		return a.writeCSV([]string{"name", "repository", "commit", "path", "bytes", "sha256"}, rows)
	}
	facts := [][2]string{{"name", v.Name}, {"about", v.About}, {"origin", v.Origin}, {"terms", v.Licence}, {"step", v.Step},
		{"span", fmt.Sprintf("%s to %s, %s", v.From, v.To, spanOf(trace))}, {"holds", fmt.Sprintf("%s rows, %d series", thousands(v.Rows), v.Series)},
		{"repository", v.Repository + " at " + v.Commit}, {"format", v.Parser}, {"to know", v.Oddities}}
	for _, f := range v.Files {
		facts = append(facts, [2]string{"file", fmt.Sprintf("%s, %s bytes", f.Path, thousands(f.Bytes))}, [2]string{"sha256", f.SHA256})
	}
	for _, f := range facts {
		line := f[0] + "\t" + f[1]
		if a.terminal {
			line = padRight(f[0], 12) + wrap(f[1], a.width, strings.Repeat(" ", 12))
		}
		if _, err := fmt.Fprintln(a.stdout, line); err != nil {
			return err
		}
	}
	return nil
}
