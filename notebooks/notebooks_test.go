package notebooks

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/forescale/forescale/datasets"
)

// cell is what is looked at in a cell of a notebook that was executed.
type cell struct {
	Type    string   `json:"cell_type"`
	Source  []string `json:"source"`
	Outputs []struct {
		Type string         `json:"output_type"`
		Name string         `json:"name"`
		Text []string       `json:"text"`
		Data map[string]any `json:"data"`
	} `json:"outputs"`
}

// execute runs a notebook and gives its cells. An error in a cell fails the test. The kernel
// reads figures from a pipe of its own, and on a busy machine may call a cell done before it
// has read the last one: then the notebook is run once more.
func execute(t *testing.T, notebook string, env ...string) []cell {
	t.Helper()
	cells := executeOnce(t, notebook, env...)
	for i, c := range cells {
		if c.asks() > c.draws() {
			t.Logf("cell %d lacks a figure; the notebook is run again", i)
			return executeOnce(t, notebook, env...)
		}
	}
	return cells
}

// asks is how many figures the cell asks for, draws how many it has.
func (c cell) asks() int { return strings.Count(strings.Join(c.Source, ""), ".SVG()") }

func (c cell) draws() (n int) {
	for _, o := range c.Outputs {
		if html := fmt.Sprint(o.Data["text/html"]); strings.Contains(html, "<svg") && strings.Contains(html, "<path") {
			n++
		}
	}
	return n
}

func executeOnce(t *testing.T, notebook string, env ...string) []cell {
	t.Helper()
	if _, err := exec.LookPath("jupyter"); err != nil {
		if os.Getenv("FORESCALE_NEED_JUPYTER") != "" {
			t.Fatal("there is no Jupyter, and FORESCALE_NEED_JUPYTER asks for one")
		}
		t.Skip("no Jupyter here; .ci/setup installs it on Debian")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "./kernel", "jupyter", "nbconvert", "--execute", "--to", "notebook",
		"--ExecutePreprocessor.timeout=300", "--output-dir", dir, notebook)
	// What Jupyter keeps for itself goes into the test's folder, too.
	cmd.Env = append(append(os.Environ(), env...), "FORESCALE_KERNEL="+filepath.Join(dir, "kernel"), "JUPYTER_CONFIG_DIR="+filepath.Join(dir, "config"),
		"JUPYTER_RUNTIME_DIR="+filepath.Join(dir, "runtime"), "IPYTHONDIR="+filepath.Join(dir, "ipython"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", notebook, err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, notebook))
	if err != nil {
		t.Fatal(err)
	}
	var n struct{ Cells []cell }
	if err := json.Unmarshal(data, &n); err != nil {
		t.Fatal(err)
	}
	return n.Cells
}

// said is what the cells wrote, and how many figures they drew. Each cell that asks for a
// figure has to have one, and none may complain.
func said(t *testing.T, cells []cell) (text string, figures int) {
	t.Helper()
	for i, c := range cells {
		for _, o := range c.Outputs {
			switch o.Type {
			case "stream":
				if o.Name == "stderr" {
					t.Errorf("cell %d complains: %s", i, strings.Join(o.Text, ""))
				}
				text += strings.Join(o.Text, "")
			case "display_data":
			default:
				t.Errorf("cell %d has an output of type %s", i, o.Type)
			}
		}
		if c.Type == "code" && c.draws() != c.asks() {
			t.Errorf("cell %d draws %d figures, and asks for %d", i, c.draws(), c.asks())
		}
		figures += c.draws()
	}
	return text, figures
}

func TestThePatternsOfAServiceAreFound(t *testing.T) {
	text, figures := said(t, execute(t, "patterns.ipynb"))
	if figures < 5 {
		t.Errorf("only %d figures", figures)
	}
	// What the notebook finds is what the generator made.
	shifts := func(of string) (days []string, sizes []float64) {
		for _, m := range regexp.MustCompile(of+`: from (.+) on .* ([+-]\d+) %`).FindAllStringSubmatch(text, -1) {
			size, err := strconv.ParseFloat(m[2], 64)
			if err != nil {
				t.Fatal(err)
			}
			days, sizes = append(days, m[1]), append(sizes, size)
		}
		return days, sizes
	}
	truth, sizes := shifts("truth")
	found, about := shifts("found")
	if len(truth) == 0 || strings.Join(truth, ", ") != strings.Join(found, ", ") {
		t.Fatalf("shifts were on %v, found were %v:\n%s", truth, found, text)
	}
	for i := range sizes {
		if math.Abs(sizes[i]-about[i]) > 5 {
			t.Errorf("on %s a request cost %+g %%, found was %+g %%", truth[i], sizes[i], about[i])
		}
	}
	if !strings.Contains(text, "learned from 5 holidays") {
		t.Errorf("holidays: %s", text)
	}
}

func TestModelsAreHeldAgainstEachOther(t *testing.T) {
	best := func(env ...string) {
		t.Helper()
		text, figures := said(t, execute(t, "models.ipynb", env...))
		m := regexp.MustCompile(`best a day ahead: (.+), at (\d+\.\d+) of`).FindStringSubmatch(text)
		if figures != 4 || m == nil {
			t.Fatalf("%d figures, and\n%s", figures, text)
		}
		if ratio, err := strconv.ParseFloat(m[2], 64); err != nil || ratio >= 1 {
			t.Errorf("no model beats the naive forecasts: %s", m[0])
		}
	}
	best()

	// The same on a history file.
	path := filepath.Join(t.TempDir(), "history.csv")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	out := csv.NewWriter(f)
	rows := [][]string{{"timestamp", "series", "value"}}
	office, _ := datasets.PresetOf("office")
	from := time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC)
	for x := range office.Make(3, 50, time.UTC).Trace(from, from.AddDate(0, 0, 35), 15*time.Minute) {
		rows = append(rows, []string{x.Time.Format(time.RFC3339), "other", "1"}, []string{x.Time.Format(time.RFC3339), "office", strings.Replace(fmt.Sprint(x.Value), "NaN", "", 1)})
	}
	if err := out.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	best("FORESCALE_TRACE="+path, "FORESCALE_SERIES=office", "FORESCALE_ZONE=UTC")
}
