package report

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The palette. Blue and vermillion are Okabe and Ito's, told apart under every common colour
// vision deficiency; the tints differ in lightness and survive greyscale printing. No two
// are equal: the page replaces each by a CSS variable, which gives figures a dark form.
var (
	paper   = rgb(0xffffff)
	ink     = rgb(0x1b1f24)
	muted   = rgb(0x57606a)
	grid    = rgb(0xe3e7ec)
	blue    = rgb(0x0072b2)
	dot     = rgb(0x4a9ac6)
	band50  = rgb(0x93c4e2)
	band90  = rgb(0xd3e7f4)
	accent  = rgb(0xd55e00)
	thread  = rgb(0xb9c0c9)
	cssVars = append([]cssVar{
		{paper, "paper"},
		{ink, "ink"},
		{muted, "muted"},
		{grid, "grid"},
		{blue, "blue"},
		{dot, "dot"},
		{band50, "band50"},
		{band90, "band90"},
		{accent, "accent"},
		{thread, "thread"},
	}, paletteVars()...)
)

func rgb(v uint32) color.NRGBA {
	return color.NRGBA{R: uint8(v >> 16), G: uint8(v >> 8), B: uint8(v), A: 0xff}
}

// Sizes in points; in the page one point is one CSS pixel of a panel shown at panelWidth.
const (
	panelWidth  = 400
	panelHeight = 290
	textSize    = 12
	titleSize   = 13
)

// newPlot is an empty plot in the report's style, without background.
func newPlot(title, xlabel, ylabel string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	p.Title.Text = title
	p.Title.Padding = 8
	restyle(&p.Title.TextStyle, titleSize, ink)
	p.Title.TextStyle.Font.Weight = stdfont.WeightBold
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		restyle(&a.Label.TextStyle, textSize, muted)
		restyle(&a.Tick.Label, textSize, muted)
		a.Color = muted
		a.Width = 0.75
		a.Tick.LineStyle = a.LineStyle
		a.Tick.Length = 4
		a.Padding = 0
		a.Label.Padding = 4
	}
	p.X.Label.Text, p.Y.Label.Text = xlabel, ylabel
	return p
}

func restyle(s *text.Style, size vg.Length, clr color.Color) {
	s.Font.Typeface, s.Font.Variant = "Liberation", "Sans"
	s.Font.Size = size
	s.Color = clr
}

// label is the style of text within the plot area, which begins at its place and is centred on its height.
func label(p *plot.Plot, clr color.Color) draw.TextStyle {
	s := p.X.Tick.Label
	s.Color, s.XAlign, s.YAlign = clr, draw.XLeft, draw.YCenter
	return s
}

// addGrid draws light lines at the major ticks behind everything added later.
func addGrid(p *plot.Plot, vertical, horizontal bool) {
	g := plotter.NewGrid()
	g.Vertical = draw.LineStyle{Color: grid, Width: 0.75}
	g.Horizontal = g.Vertical
	if !vertical {
		g.Vertical.Color = nil
	}
	if !horizontal {
		g.Horizontal.Color = nil
	}
	p.Add(g)
}

// drawFunc draws into the plot area; the ranges of the axes are set by the caller.
type drawFunc func(c draw.Canvas, p *plot.Plot)

// Plot implements plot.Plotter.
func (f drawFunc) Plot(c draw.Canvas, p *plot.Plot) { f(c, p) }

// span is the range of an axis.
type span struct{ lo, hi float64 }

// spanOf is a range around lo..hi with a small margin. A range of no width gets one.
func spanOf(lo, hi float64) span {
	d := (hi - lo) * 0.04
	if d <= 0 {
		d = math.Max(math.Abs(lo)*0.05, 0.01)
	}
	return span{lo - d, hi + d}
}

// clamp keeps the margin of s inside lo..hi, the possible values of what is drawn.
func (s span) clamp(lo, hi float64) span {
	if s.lo < lo && s.hi > lo {
		s.lo = lo
	}
	if s.hi > hi && s.lo < hi {
		s.hi = hi
	}
	return s
}

// niceStep is the smallest of 1, 2, 2.5, 5 times a power of ten that is at least raw.
func niceStep(raw float64) float64 {
	base := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, m := range []float64{1, 2, 2.5, 5} {
		if m*base >= raw*(1-1e-9) {
			return m * base
		}
	}
	return 10 * base
}

// decimals is how many digits after the point tell multiples of step apart.
func decimals(step float64) int {
	for d := range 12 {
		scaled := step * math.Pow(10, float64(d))
		if math.Abs(scaled-math.Round(scaled)) < 1e-6 {
			return d
		}
	}
	return 12
}

// linearTicks marks about n multiples of a round step.
func linearTicks(n int, integer bool) plot.Ticker {
	return plot.TickerFunc(func(lo, hi float64) []plot.Tick {
		step := niceStep((hi - lo) / float64(n))
		if integer {
			step = math.Max(1, math.Ceil(step))
		}
		d := decimals(step)
		var ticks []plot.Tick
		first := math.Ceil(lo/step - 1e-9)
		for k := first; k <= hi/step+1e-9 && len(ticks) < 100; k++ {
			v := k*step + 0 // no negative zero
			ticks = append(ticks, plot.Tick{Value: v, Label: strings.Replace(strconv.FormatFloat(v, 'f', d, 64), "-", "−", 1)})
		}
		return ticks
	})
}

// logTicks marks powers of ten, and 2 and 5 times them where there is room, on an axis of
// decimal logarithms. (The plot library's own log scale misplaces the axis label's box.)
func logTicks() plot.Ticker {
	return plot.TickerFunc(func(lo, hi float64) []plot.Tick {
		marks := []float64{1, 2, 5}
		if hi-lo > 2.3 {
			marks = marks[:1]
		}
		every := 1 + int((hi-lo)/7)
		var ticks []plot.Tick
		for e := int(math.Floor(lo)); e <= int(math.Ceil(hi)) && len(ticks) < 400; e++ {
			for _, m := range marks {
				t := plot.Tick{Value: math.Log10(m) + float64(e)}
				if t.Value < lo-1e-9 || t.Value > hi+1e-9 {
					continue
				}
				if e%every == 0 {
					t.Label = shortNumber(m * math.Pow(10, float64(e)))
				}
				ticks = append(ticks, t)
			}
		}
		return ticks
	})
}

// shortNumber writes a number for a tick: no exponent where four digits do.
func shortNumber(v float64) string {
	if a := math.Abs(v); a != 0 && (a < 1e-3 || a >= 1e5) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// number writes v with d decimals, or a dash where there is none.
func number(v float64, d int) string {
	if !finite(v) {
		return "–"
	}
	if math.Abs(v) >= 1e6 {
		return significant(v)
	}
	return strconv.FormatFloat(v, 'f', d, 64)
}

// significant writes v with three significant digits, or a dash.
func significant(v float64) string {
	if !finite(v) {
		return "–"
	}
	return fmt.Sprintf("%#.3g", v)
}
