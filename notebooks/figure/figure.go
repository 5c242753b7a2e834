// Package figure draws for the notebooks, as SVG.
package figure

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Figure is one drawing that is being made.
type Figure struct {
	plot  *plot.Plot
	drawn int  // what has a colour so far
	named int  // what the legend holds
	log   bool // the upright axis is logarithmic
}

const (
	width  = 24 * vg.Centimeter
	height = 9 * vg.Centimeter
)

// colors tell things apart also for the colour-blind: those of Okabe and Ito, 2008.
var colors = []color.RGBA{{0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {86, 180, 233, 255}, {230, 159, 0, 255}, {90, 90, 90, 255}}

// New begins a figure with its title and what the axes show.
func New(title, x, y string) *Figure {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x, y
	p.Title.Padding = 6
	p.Legend.Top = true
	p.Add(grid())
	return &Figure{plot: p}
}

func grid() *plotter.Grid {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = color.Gray{230}, color.Gray{230}
	return g
}

func (f *Figure) next() color.RGBA {
	f.drawn++
	return colors[(f.drawn-1)%len(colors)]
}

// name puts something into the legend; "" stays out.
func (f *Figure) name(name string, what ...plot.Thumbnailer) {
	if name != "" {
		f.named++
		f.plot.Legend.Add(name, what...)
	}
}

// Line draws values over x; it is broken where a value is NaN.
func (f *Figure) Line(name string, x, y []float64) *Figure {
	c := f.next()
	var drawn *plotter.Line
	for _, piece := range pieces(x, y) {
		drawn = must(plotter.NewLine(piece))
		drawn.Color, drawn.Width = c, vg.Points(1.2)
		f.plot.Add(drawn)
	}
	if drawn != nil {
		f.name(name, drawn)
	}
	return f
}

// Band fills between two lines, in the colour that the next line will have.
func (f *Figure) Band(name string, x, low, high []float64) *Figure {
	var edge plotter.XYs
	for i := range x {
		edge = append(edge, plotter.XY{X: x[i], Y: high[i]})
	}
	for i := len(x) - 1; i >= 0; i-- {
		edge = append(edge, plotter.XY{X: x[i], Y: low[i]})
	}
	p := must(plotter.NewPolygon(edge))
	c := colors[f.drawn%len(colors)]
	p.Color, p.LineStyle.Width = color.NRGBA{c.R, c.G, c.B, 60}, 0
	f.plot.Add(p)
	f.name(name, p)
	return f
}

// Points draws a dot for each pair.
func (f *Figure) Points(name string, x, y []float64) *Figure {
	s := must(plotter.NewScatter(pairs(x, y)))
	c := f.next()
	s.GlyphStyle = draw.GlyphStyle{Color: color.NRGBA{c.R, c.G, c.B, 130}, Radius: vg.Points(1.8), Shape: draw.CircleGlyph{}}
	f.plot.Add(s)
	f.name(name, s)
	return f
}

// Mark draws an upright line with a word at its top.
func (f *Figure) Mark(name string, x float64) *Figure {
	from, to := f.plot.Y.Min, f.plot.Y.Max
	l := must(plotter.NewLine(plotter.XYs{{X: x, Y: from}, {X: x, Y: to}}))
	l.Color, l.Dashes = color.Gray{110}, []vg.Length{vg.Points(3), vg.Points(3)}
	w := must(plotter.NewLabels(plotter.XYLabels{XYs: plotter.XYs{{X: x, Y: to}}, Labels: []string{" " + name}}))
	f.plot.Add(l, w)
	return f
}

// Bars draws a group of bars for each label; each name is a bar of every group. A value
// that is NaN has none.
func (f *Figure) Bars(labels, names []string, values [][]float64) *Figure {
	w := vg.Length(float64(width) * 0.7 / float64(len(labels)*len(names)))
	for i, name := range names {
		vs := make(plotter.Values, len(labels))
		for k := range labels {
			if v := values[i][k]; !math.IsNaN(v) {
				vs[k] = v
			}
		}
		b := must(plotter.NewBarChart(vs, w))
		b.Color, b.LineStyle.Width = f.next(), 0
		b.Offset = w * vg.Length(float64(i)-float64(len(names)-1)/2)
		f.plot.Add(b)
		f.name(name, b)
	}
	f.plot.NominalX(labels...)
	return f
}

// Level draws a line across the whole figure.
func (f *Figure) Level(name string, y float64) *Figure {
	l := must(plotter.NewLine(plotter.XYs{{X: f.plot.X.Min, Y: y}, {X: f.plot.X.Max, Y: y}}))
	l.Dashes = []vg.Length{vg.Points(5), vg.Points(3)}
	f.plot.Add(l)
	f.name(name, l)
	return f
}

// Log makes axes logarithmic. What is drawn must be above 0.
func (f *Figure) Log(x, y bool) *Figure {
	if x {
		f.plot.X.Scale, f.plot.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	if f.log = y; y {
		f.plot.Y.Scale, f.plot.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	}
	return f
}

// From makes the upright axis begin at a value.
func (f *Figure) From(y float64) *Figure {
	f.plot.Y.Min = y
	return f
}

// Times makes x times: seconds since 1970, as [Unix] gives them, shown in a zone.
func (f *Figure) Times(layout string, zone *time.Location) *Figure {
	f.plot.X.Tick.Marker = clock{layout, zone}
	return f
}

// clock puts ticks on round local times, few enough to be read.
type clock struct {
	layout string
	zone   *time.Location
}

// Ticks implements plot.Ticker.
func (c clock) Ticks(low, high float64) (ticks []plot.Tick) {
	const most = 10
	from, to := time.Unix(int64(low), 0).In(c.zone), time.Unix(int64(high), 0).In(c.zone)
	for _, hours := range []int{1, 3, 6, 12, 24, 2 * 24, 7 * 24, 14 * 24, 28 * 24, 91 * 24, 365 * 24} {
		if to.Sub(from).Hours()/float64(hours) > most {
			continue
		}
		y, m, d := from.Date()
		for n := 0; ; n += hours {
			at := time.Date(y, m, d, n, 0, 0, 0, c.zone)
			if at.After(to) {
				return ticks
			}
			if !at.Before(from) {
				ticks = append(ticks, plot.Tick{Value: Unix(at), Label: at.Format(c.layout)})
			}
		}
	}
	return nil
}

// Unix is a time as x of a figure.
func Unix(t time.Time) float64 { return float64(t.Unix()) }

// Heat is a table in colours: rows from the top, columns from the left, and the scale
// beside them. NaN stays white.
func Heat(title string, rows, columns []string, values [][]float64) *Figure {
	f := New(title, "", "")
	low, high := math.Inf(1), math.Inf(-1)
	for _, r := range values {
		for _, v := range r {
			if !math.IsNaN(v) {
				low, high = math.Min(low, v), math.Max(high, v)
			}
		}
	}
	if !(high > low) {
		high = low + 1
	}
	scale := moreland.ExtendedBlackBody()
	scale.SetMin(low)
	scale.SetMax(high)
	h := plotter.NewHeatMap(cells(values), scale.Palette(64))
	h.NaN = color.White
	f.plot.Add(h)
	names := make([]plot.Tick, len(rows))
	for i, r := range rows {
		names[i] = plot.Tick{Value: float64(len(rows) - 1 - i), Label: r}
	}
	f.plot.Y.Tick.Marker = plot.ConstantTicks(names)
	f.plot.NominalX(columns...)
	f.plot.X.Label.Text = fmt.Sprintf("dark is %.3g, light is %.3g", low, high)
	f.plot.X.Label.TextStyle.XAlign = text.XCenter
	return f
}

// cells are values as the heat map asks for them, the first row on top.
type cells [][]float64

func (c cells) Dims() (columns, rows int) { return len(c[0]), len(c) }
func (c cells) Z(column, row int) float64 { return c[len(c)-1-row][column] }
func (c cells) X(column int) float64      { return float64(column) }
func (c cells) Y(row int) float64         { return float64(row) }

// SVG is the drawing.
func (f *Figure) SVG() string {
	if !f.log { // room for the legend above what is drawn
		f.plot.Y.Max += 0.07 * float64(f.named) * (f.plot.Y.Max - f.plot.Y.Min)
	}
	c := vgsvg.New(width, height)
	f.plot.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.String()
}

// pairs are the points whose values are known.
func pairs(x, y []float64) (out plotter.XYs) {
	for _, p := range pieces(x, y) {
		out = append(out, p...)
	}
	return out
}

// pieces are the runs of known values.
func pieces(x, y []float64) (out []plotter.XYs) {
	var run plotter.XYs
	for i := range x {
		if math.IsNaN(y[i]) || math.IsInf(y[i], 0) {
			if len(run) > 0 {
				out, run = append(out, run), nil
			}
			continue
		}
		run = append(run, plotter.XY{X: x[i], Y: y[i]})
	}
	if len(run) > 0 {
		out = append(out, run)
	}
	return out
}

// must gives what a plotter is. It has none only for values that are no numbers, or for
// no values at all: a mistake of the notebook.
func must[T any](v T, err error) T {
	if err != nil {
		panic(fmt.Errorf("figure: %w", err))
	}
	return v
}
