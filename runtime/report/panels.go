package report

import (
	"fmt"
	"math"
	"unicode"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// panel is one plot of a figure.
type panel struct {
	plot          *plot.Plot
	width, height vg.Length
	// alt describes the panel in words, with its main numbers.
	alt string
	// curve names the learning curve the panel shows, if it shows one.
	curve *curve
	// log says that the vertical axis is the decimal logarithm of the metric.
	log bool
	// spots are what the panel says where the pointer is, when it comes as near as near tells.
	spots []spot
	near  float64
	// matrix are the values of a heat map, dots those of a map that can be coloured anew.
	matrix *hoverMatrix
	dots   *dotLayer
}

// How many dots a panel draws at most. More cannot be told apart, and the file must stay small.
const (
	stripDots   = 300
	rowDots     = 60
	scatterDots = 500
)

// distribution is a histogram with a box and a strip of dots below it.
func distribution(title, xlabel string, s stats, lo, hi float64) panel {
	p := newPlot(title, xlabel, "models")
	start, width, counts := bins(s)
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	end := start + width*float64(len(counts))
	r := spanOf(math.Min(start, s.Min), math.Max(end, s.Max)).clamp(lo, hi)
	p.X.Min, p.X.Max = r.lo, r.hi
	p.Y.Min, p.Y.Max = -0.45*float64(most), 1.12*float64(most)
	p.X.Tick.Marker = linearTicks(6, false)
	p.Y.Tick.Marker = plot.TickerFunc(func(_, hi float64) []plot.Tick { return linearTicks(4, true).Ticks(0, hi) })
	p.Y.Width = 0
	p.Y.Tick.Length = 0
	addGrid(p, false, true)
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		for k, n := range counts {
			left := start + width*float64(k)
			fillRect(c, blue, x(math.Max(left, r.lo))+0.5, y(0), x(math.Min(left+width, r.hi))-0.5, y(float64(n)))
		}
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.75}, c.Min.X, y(0), c.Max.X, y(0))
		box(c, s, x, y(-0.13*float64(most)), 7)
		meanMark(c, x(s.Mean), y(-0.13*float64(most)))
		strip(c, thin(s.sorted, stripDots), x, y(-0.33*float64(most)), 14)
	}))
	return panel{plot: p, width: panelWidth, height: panelHeight, alt: fmt.Sprintf(
		"%s of %d models: histogram, box and dots. Median %s, quartiles %s and %s, 5 to 95 percent %s to %s, smallest %s, largest %s.",
		title, s.N, number(s.P50, 3), number(s.P25, 3), number(s.P75, 3), number(s.P5, 3), number(s.P95, 3), number(s.Min, 3), number(s.Max, 3))}
}

// gapPanel plots the generalisation gap against test accuracy.
func gapPanel(in *Input, s *summary) panel {
	p := newPlot("Generalisation gap", "test accuracy", "train − test accuracy")
	xr := spanOf(s.accuracy.Min, s.accuracy.Max).clamp(0, 1)
	yr := spanOf(math.Min(s.gap.Min, 0), math.Max(s.gap.Max, 0))
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = xr.lo, xr.hi, yr.lo, yr.hi
	p.X.Tick.Marker, p.Y.Tick.Marker = linearTicks(6, false), linearTicks(5, false)
	addGrid(p, true, true)
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 1}, c.Min.X, y(0), c.Max.X, y(0))
		sty := draw.GlyphStyle{Color: blue, Radius: radius(len(s.ranked), 1.7), Shape: draw.CircleGlyph{}}
		step := max(1, (len(s.ranked)+scatterDots-1)/scatterDots)
		for k := 0; k < len(s.ranked); k += step {
			if f := in.Models[s.ranked[k]].Final; finite(f.gap()) {
				c.DrawGlyphNoClip(sty, vg.Point{X: x(f.TestAccuracy), Y: y(f.gap())})
			}
		}
	}))
	var spots []spot
	for k := 0; k < len(s.ranked); k += max(1, (len(s.ranked)+scatterDots-1)/scatterDots) {
		if m := &in.Models[s.ranked[k]]; finite(m.Final.gap()) {
			text := fmt.Sprintf("%s\ntest accuracy  %s\ntrain − test  %s", clip(m.ID, 40), number(m.Final.TestAccuracy, 4), signed(m.Final.gap()))
			spots = append(spots, spot{m.Final.TestAccuracy, m.Final.gap(), text})
		}
	}
	return panel{plot: p, width: panelWidth, height: panelHeight, spots: spots, near: nearDot, alt: fmt.Sprintf(
		"Generalisation gap (train minus test accuracy) against test accuracy. The gap is %s on average, standard deviation %s, from %s to %s.",
		number(s.gap.Mean, 3), number(s.gap.Std, 3), number(s.gap.Min, 3), number(s.gap.Max, 3))}
}

// curvePanel draws the median and two quantile bands of a metric by epoch.
func curvePanel(c *curve, legend bool) panel {
	unit := "accuracy"
	if c.loss {
		unit = "cross-entropy (nats)"
	}
	if c.Unit != "" {
		unit = c.Unit
	}
	p := newPlot(c.Title, "epoch", unit)
	first, last := float64(c.Epochs[0]), float64(c.Epochs[len(c.Epochs)-1])
	p.X.Min, p.X.Max = first, last
	if first == last {
		p.X.Min, p.X.Max = first-0.5, last+0.5
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range c.At {
		lo, hi = math.Min(lo, s.P5), math.Max(hi, s.P95)
	}
	r := spanOf(lo, hi)
	height := func(v float64) float64 { return v }
	p.Y.Tick.Marker = linearTicks(5, false)
	switch {
	case !c.loss && c.Unit == "":
		r = r.clamp(0, 1)
	case lo > 0 && hi/lo > 15:
		r = spanOf(math.Log10(lo), math.Log10(hi))
		height = math.Log10
		p.Y.Tick.Marker = logTicks()
		p.Y.Label.Text += ", log scale"
	case lo >= 0:
		r = r.clamp(0, math.Inf(1))
	}
	p.Y.Min, p.Y.Max = r.lo, r.hi
	p.X.Tick.Marker = linearTicks(6, true)
	addGrid(p, false, true)
	p.Add(drawFunc(func(dc draw.Canvas, p *plot.Plot) {
		drawBands(dc, p, c, height)
		if legend {
			drawLegend(dc, p, c.loss || c.Unit != "")
		}
	}))
	end := c.At[len(c.At)-1]
	return panel{plot: p, width: panelWidth, height: panelHeight, curve: c, log: height(10) == 1, alt: fmt.Sprintf(
		"%s by epoch, median and quantile bands. At epoch %d: median %s, 25 to 75 percent %s to %s, 5 to 95 percent %s to %s.",
		c.Title, c.Epochs[len(c.Epochs)-1], significant(end.P50), significant(end.P25), significant(end.P75), significant(end.P5), significant(end.P95))}
}

// drawBands draws the bands and the median line; height maps the metric onto the axis. A
// single epoch becomes a box on its side.
func drawBands(dc draw.Canvas, p *plot.Plot, c *curve, height func(float64) float64) {
	x, axis := p.Transforms(&dc)
	y := func(v float64) vg.Length { return axis(height(v)) }
	at := func(i int) vg.Length { return x(float64(c.Epochs[i])) }
	if len(c.Epochs) == 1 {
		s, mid := c.At[0], at(0)
		fillRect(dc, band90, mid-30, y(s.P5), mid+30, y(s.P95))
		fillRect(dc, band50, mid-30, y(s.P25), mid+30, y(s.P75))
		dc.StrokeLine2(draw.LineStyle{Color: blue, Width: 2.2}, mid-30, y(s.P50), mid+30, y(s.P50))
		return
	}
	band := func(low, high func(stats) float64) []vg.Point {
		pts := make([]vg.Point, 0, 2*len(c.At))
		for i, s := range c.At {
			pts = append(pts, vg.Point{X: at(i), Y: y(high(s))})
		}
		for i := len(c.At) - 1; i >= 0; i-- {
			pts = append(pts, vg.Point{X: at(i), Y: y(low(c.At[i]))})
		}
		return pts
	}
	dc.FillPolygon(band90, band(func(s stats) float64 { return s.P5 }, func(s stats) float64 { return s.P95 }))
	dc.FillPolygon(band50, band(func(s stats) float64 { return s.P25 }, func(s stats) float64 { return s.P75 }))
	median := make([]vg.Point, len(c.At))
	for i, s := range c.At {
		median[i] = vg.Point{X: at(i), Y: y(s.P50)}
	}
	dc.StrokeLines(draw.LineStyle{Color: blue, Width: 2.2}, median)
}

// drawLegend explains the bands in the upper right corner, where falling curves leave room,
// or in the lower right one.
func drawLegend(dc draw.Canvas, p *plot.Plot, up bool) {
	sty := label(p, ink)
	const row, swatch = 17, 18
	names := []string{"median", "25–75 % of models", "5–95 %"}
	var width vg.Length
	for _, n := range names {
		width = max(width, sty.Width(n))
	}
	height := row*vg.Length(len(names)) + 6
	left, top := dc.Max.X-width-swatch-18, dc.Min.Y+height+6
	if up {
		top = dc.Max.Y - 4
	}
	fillRect(dc, paper, left-6, top-height, left+swatch+width+14, top)
	for i, n := range names {
		y := top - row*(vg.Length(i)+0.5) - 3
		switch i {
		case 0:
			dc.StrokeLine2(draw.LineStyle{Color: blue, Width: 2.2}, left, y, left+swatch, y)
		case 1:
			fillRect(dc, band50, left, y-5, left+swatch, y+5)
		default:
			fillRect(dc, band90, left, y-5, left+swatch, y+5)
		}
		dc.FillText(sty, vg.Point{X: left + swatch + 6, Y: y}, n)
	}
}

// factorPanel draws a box and a strip of test accuracy for each value of a hyper-parameter.
func factorPanel(f *factor, s *summary) panel {
	groups := make([]boxGroup, len(f.Levels))
	for i, l := range f.Levels {
		groups[i] = boxGroup{l.Label, l.Accuracy, fmt.Sprintf("no result (%d diverged)", l.Diverged)}
	}
	out := rowBoxes(clip(words(f.Name), 40), "test accuracy", groups, spanOf(s.accuracy.Min, s.accuracy.Max).clamp(0, 1))
	out.alt = "Test accuracy by " + out.alt
	return out
}

// clip makes text fit to be drawn: at most n characters, none that XML or a font lacks.
func clip(s string, n int) string {
	r := []rune(s)
	for i, c := range r {
		if !unicode.IsPrint(c) {
			r[i] = '\uFFFD'
		}
	}
	if len(r) > n {
		r = append(r[:n-1], '…')
	}
	return string(r)
}

// words turns an API name into words: "learningRate" becomes "learning rate".
func words(name string) string {
	out := make([]rune, 0, len(name)+2)
	for _, r := range name {
		if r >= 'A' && r <= 'Z' {
			out = append(out, ' ')
			r += 'a' - 'A'
		}
		out = append(out, r)
	}
	return string(out)
}
