package report

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// boxGroup is a box of a plot: values under one label. note stands where there are no values.
type boxGroup struct {
	label string
	s     stats
	note  string
}

func (g *boxGroup) tip() string {
	return fmt.Sprintf("%s\nmedian  %s\n25–75 %%  %s – %s\n5–95 %%  %s – %s\nmean  %s, %s", clip(g.label, 60), significant4(g.s.P50),
		significant4(g.s.P25), significant4(g.s.P75), significant4(g.s.P5), significant4(g.s.P95), significant4(g.s.Mean), plural(g.s.N, "model"))
}

// significant4 writes v with four significant digits, but no more than four decimals.
func significant4(v float64) string {
	if !finite(v) {
		return "–"
	}
	digits := 4
	for a := math.Abs(v); a >= 10 && digits > 1; a /= 10 {
		digits--
	}
	if math.Abs(v) >= 10 {
		digits--
	}
	return strings.Replace(number(v, max(0, digits)), "-", "−", 1)
}

// rangeOf is the span of all values of groups.
func rangeOf(groups []boxGroup) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for i := range groups {
		if s := groups[i].s; s.N > 0 {
			lo, hi = math.Min(lo, s.Min), math.Max(hi, s.Max)
		}
	}
	return lo, hi
}

// columnBoxes draws a standing box, with its dots beside it, for each group.
func columnBoxes(title, xlabel, ylabel string, groups []boxGroup, r span) panel {
	p := newPlot(title, xlabel, ylabel)
	n := len(groups)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = -0.5, float64(n)-0.5, r.lo, r.hi
	p.Y.Tick.Marker = linearTicks(5, false)
	p.X.Tick.Length = 0
	ticks := make(plot.ConstantTicks, n)
	for i := range groups {
		ticks[i] = plot.Tick{Value: float64(i), Label: clip(groups[i].label, 12)}
	}
	p.X.Tick.Marker = ticks
	addGrid(p, false, true)
	out := panel{width: panelWidth, height: panelHeight, near: nearestX, plot: p, alt: title + "."}
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		half := min(11, (x(1)-x(0))/5)
		for i := range groups {
			g := &groups[i]
			if g.s.N == 0 {
				continue
			}
			mid := x(float64(i)) - half*0.8
			standingBox(c, g.s, y, mid, half)
			meanMark(c, mid, y(g.s.Mean))
			sty := draw.GlyphStyle{Color: dot, Radius: radius(g.s.N, 1.3), Shape: draw.CircleGlyph{}}
			for k, v := range thin(g.s.sorted, rowDots) {
				c.DrawGlyphNoClip(sty, vg.Point{X: mid + half*1.9 + vg.Length(jitter(k))*half*1.2, Y: y(v)})
			}
		}
	}))
	for i := range groups {
		if g := &groups[i]; g.s.N > 0 {
			g2 := boxGroup{label: strings.TrimSpace(xlabel + " " + g.label), s: g.s}
			out.spots = append(out.spots, spot{float64(i), g.s.P50, g2.tip()})
			out.alt += fmt.Sprintf(" %s: median %s, quartiles %s and %s.", clip(g2.label, 40), significant4(g.s.P50), significant4(g.s.P25), significant4(g.s.P75))
		}
	}
	return out
}

// standingBox is box, upright around x.
func standingBox(c draw.Canvas, s stats, y func(float64) vg.Length, x, half vg.Length) {
	line := draw.LineStyle{Color: blue, Width: 1.2}
	c.StrokeLine2(line, x, y(s.P5), x, y(s.P95))
	for _, v := range []float64{s.P5, s.P95} {
		c.StrokeLine2(line, x-half/2, y(v), x+half/2, y(v))
	}
	fillRect(c, band50, x-half, y(s.P25), x+half, y(s.P75))
	c.StrokeLines(line, []vg.Point{
		{X: x - half, Y: y(s.P25)}, {X: x + half, Y: y(s.P25)}, {X: x + half, Y: y(s.P75)}, {X: x - half, Y: y(s.P75)}, {X: x - half, Y: y(s.P25)},
	})
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 2}, x-half, y(s.P50), x+half, y(s.P50))
}

// rowBoxes draws a lying box, with its dots below it, for each group.
func rowBoxes(title, xlabel string, groups []boxGroup, r span) panel {
	p := newPlot(title, xlabel, "")
	n := len(groups)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = r.lo, r.hi, -0.5, float64(n)-0.5
	p.X.Tick.Marker = linearTicks(5, false)
	nameRows(p, n, func(i int) string { return groups[i].label })
	addGrid(p, true, false)
	out := panel{plot: p, width: panelWidth, height: vg.Length(72 + 36*n), near: nearest, alt: title + "."}
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		for i := range groups {
			g, mid := &groups[i], y(float64(n-1-i))
			if g.s.N == 0 {
				c.FillText(label(p, muted), vg.Point{X: c.Min.X + 6, Y: mid}, g.note)
				continue
			}
			box(c, g.s, x, mid+5, 6)
			meanMark(c, x(g.s.Mean), mid+5)
			strip(c, thin(g.s.sorted, rowDots), x, mid-8, 7)
		}
	}))
	for i := range groups {
		if g := &groups[i]; g.s.N > 0 {
			out.spots = append(out.spots, spot{g.s.P50, float64(n - 1 - i), g.tip()})
			out.alt += fmt.Sprintf(" %s: median %s, mean %s, %s.", clip(g.label, 40), significant4(g.s.P50), significant4(g.s.Mean), plural(g.s.N, "value"))
		}
	}
	return out
}

// nameRows labels n rows from the top.
func nameRows(p *plot.Plot, n int, name func(int) string) {
	p.Y.Tick.Length = 0
	ticks := make(plot.ConstantTicks, n)
	for i := range n {
		ticks[i] = plot.Tick{Value: float64(n - 1 - i), Label: clip(name(i), 26)}
	}
	p.Y.Tick.Marker = ticks
	p.Y.Tick.Label.Color = ink
}
