package report

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// series is a line through points, or points alone, with quartiles up and down where they are known.
type series struct {
	name   string
	x, y   []float64
	lo, hi []float64
	// band fills between lo and hi; without it they are bars at the points.
	band bool
	// text is what a point says, after the name of the series.
	text []string
	// bare leaves out the glyphs, alone the line.
	bare, alone bool
}

// linesPanel draws series over common axes; the ranges hold everything that is drawn, within the possible values.
func linesPanel(title, xlabel, ylabel string, list []series, possible span) panel {
	p := newPlot(title, xlabel, ylabel)
	x, y := linesRange(list)
	x, y = spanOf(x.lo, x.hi), spanOf(y.lo, y.hi).clamp(possible.lo, possible.hi)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = x.lo, x.hi, y.lo, y.hi
	p.X.Tick.Marker, p.Y.Tick.Marker = linearTicks(6, false), linearTicks(5, false)
	addGrid(p, true, true)
	out := panel{plot: p, width: panelWidth, height: panelHeight + 30, near: nearest, alt: title + "."}
	var items []keyItem
	for i := range list {
		s := &list[i]
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) { s.draw(c, p, i) }))
		items = append(items, markItem(s.name, i, !s.alone))
		if n := len(s.x); n > 0 {
			out.alt += fmt.Sprintf(" %s: %s at %s to %s at %s.", clip(s.name, 40), significant4(s.y[0]), significant4(s.x[0]), significant4(s.y[n-1]), significant4(s.x[n-1]))
		}
		// Every series gets its share of what can be said.
		step := max(1, (len(s.x)*len(list)+maxTipSet-1)/maxTipSet)
		for k := 0; k < len(s.x); k += step {
			text := clip(s.name, 40)
			if s.text != nil {
				text += "\n" + s.text[k]
			} else {
				text += fmt.Sprintf("\n%s %s\n%s %s", xlabel, significant4(s.x[k]), ylabel, significant4(s.y[k]))
			}
			out.spots = append(out.spots, spot{s.x[k], s.y[k], text})
		}
	}
	if len(list) > 1 {
		addKey(p, items)
	}
	return out
}

func linesRange(list []series) (x, y span) {
	x, y = span{math.Inf(1), math.Inf(-1)}, span{math.Inf(1), math.Inf(-1)}
	for _, s := range list {
		for k := range s.x {
			x = span{math.Min(x.lo, s.x[k]), math.Max(x.hi, s.x[k])}
			y = span{math.Min(y.lo, s.y[k]), math.Max(y.hi, s.y[k])}
			if s.lo != nil {
				y = span{math.Min(y.lo, s.lo[k]), math.Max(y.hi, s.hi[k])}
			}
		}
	}
	if x.lo > x.hi {
		return span{0, 1}, span{0, 1}
	}
	return x, y
}

func (s *series) draw(c draw.Canvas, p *plot.Plot, i int) {
	x, y := p.Transforms(&c)
	clr := hue(i)
	at := make([]vg.Point, len(s.x))
	for k := range s.x {
		at[k] = vg.Point{X: x(s.x[k]), Y: y(s.y[k])}
	}
	if s.lo != nil && s.band && len(at) > 1 {
		pts := make([]vg.Point, 0, 2*len(at))
		for k := range at {
			pts = append(pts, vg.Point{X: at[k].X, Y: y(s.hi[k])})
		}
		for k := len(at) - 1; k >= 0; k-- {
			pts = append(pts, vg.Point{X: at[k].X, Y: y(s.lo[k])})
		}
		c.FillPolygon(soft(clr), pts)
	}
	if s.lo != nil && !s.band {
		for k := range at {
			c.StrokeLine2(draw.LineStyle{Color: clr, Width: 1.2}, at[k].X, y(s.lo[k]), at[k].X, y(s.hi[k]))
		}
	}
	if !s.alone && len(at) > 1 {
		c.StrokeLines(draw.LineStyle{Color: clr, Width: 1.6}, at)
	}
	if !s.bare {
		g := glyph(i)
		if len(at) > 40 {
			g.Radius = 1.8
		}
		for _, pt := range at {
			c.DrawGlyphNoClip(g, pt)
		}
	}
}

// barSet is a number for each row of a bar chart.
type barSet struct {
	name   string
	values []float64
}

// barRows draws a bar for each set in each row, with its number at the end. NaN is left out.
func barRows(title, xlabel string, rows []string, sets []barSet, possible span) panel {
	p := newPlot(title, xlabel, "")
	lo, hi := 0.0, 0.0
	for _, s := range sets {
		for _, v := range s.values {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	lo = math.Max(lo, possible.lo)
	r := span{lo, hi + 0.16*(hi-lo)} // the numbers stand behind the bars
	if hi <= lo {
		r = span{lo, lo + 1}
	}
	if lo < 0 {
		r.lo -= 0.2 * (hi - lo)
	}
	n := len(rows)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = r.lo, r.hi, -0.5, float64(n)-0.5
	p.X.Tick.Marker = linearTicks(4, false)
	nameRows(p, n, func(i int) string { return rows[i] })
	addGrid(p, true, false)
	const thick = 11
	high := vg.Length(n)*(thick*vg.Length(len(sets))+10) + 72
	var items []keyItem
	for i, s := range sets {
		items = append(items, swatchItem(s.name, hue(i)))
	}
	out := panel{plot: p, width: panelWidth, near: nearest, alt: title + "."}
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		small := label(p, muted)
		small.Font.Size = 9.5
		for k := range rows {
			top := y(float64(n-1-k)) + thick*vg.Length(len(sets))/2
			for i, s := range sets {
				v := s.values[k]
				if !finite(v) {
					continue
				}
				mid := top - thick*(vg.Length(i)+0.5)
				end := x(math.Max(v, lo))
				fillRect(c, hue(i), x(0), mid-thick/2+1, end, mid+thick/2-1)
				sty, gap := small, vg.Length(3)
				if v < 0 {
					sty.XAlign, gap = draw.XRight, -3
				}
				c.FillText(sty, vg.Point{X: end + gap, Y: mid}, strings.Replace(shortNumber(rounded(v)), "-", "−", 1))
			}
		}
		c.StrokeLine2(draw.LineStyle{Color: muted, Width: 1}, x(0), c.Min.Y, x(0), c.Max.Y)
	}))
	if len(sets) > 1 {
		addKey(p, items)
		high += keyRow
	}
	out.height = high
	for k := range rows {
		out.alt += " " + clip(rows[k], 40) + ":"
		for i, s := range sets {
			if v := s.values[k]; finite(v) {
				off := (float64(len(sets)-1)/2 - float64(i)) * 0.8 / float64(len(sets))
				out.spots = append(out.spots, spot{math.Max(v, lo), float64(n-1-k) + off, clip(rows[k], 40) + "\n" + s.name + "  " + significant4(v)})
				out.alt += fmt.Sprintf(" %s %s", s.name, significant4(v))
			}
		}
		out.alt += "."
	}
	return out
}

// rounded keeps three decimals: what a label at a bar has room for.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }

// dotRows draws a dot for each set in each row of names.
func dotRows(title, xlabel string, rows []string, sets []barSet, possible span) panel {
	p := newPlot(title, xlabel, "")
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, s := range sets {
		for _, v := range s.values {
			if finite(v) {
				lo, hi = math.Min(lo, v), math.Max(hi, v)
			}
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	r := spanOf(lo, hi).clamp(possible.lo, possible.hi)
	n := len(rows)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = r.lo, r.hi, -0.5, float64(n)-0.5
	p.X.Tick.Marker = linearTicks(5, false)
	nameRows(p, n, func(i int) string { return rows[i] })
	addGrid(p, true, true)
	var items []keyItem
	out := panel{plot: p, width: panelWidth, height: vg.Length(90 + 30*n), near: nearest, alt: title + "."}
	for i, s := range sets {
		items = append(items, markItem(s.name, i, false))
		p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
			x, y := p.Transforms(&c)
			for k, v := range s.values {
				if finite(v) {
					c.DrawGlyphNoClip(glyph(i), vg.Point{X: x(v), Y: y(float64(n - 1 - k))})
				}
			}
		}))
		out.alt += " " + clip(s.name, 40) + ":"
		for k, v := range s.values {
			if finite(v) {
				out.spots = append(out.spots, spot{v, float64(n - 1 - k), clip(rows[k], 40) + "\n" + s.name + "  " + significant4(v)})
				out.alt += fmt.Sprintf(" %s %s,", clip(rows[k], 40), significant4(v))
			}
		}
	}
	if len(sets) > 1 {
		addKey(p, items)
		out.height += keyRow * vg.Length((len(sets)+2)/3)
	}
	return out
}

// diagonal draws where both axes of a panel are equal.
func diagonal(p *panel) {
	p.plot.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		lo, hi := math.Max(p.X.Min, p.Y.Min), math.Min(p.X.Max, p.Y.Max)
		if lo < hi {
			c.StrokeLine2(draw.LineStyle{Color: muted, Width: 0.8}, x(lo), y(lo), x(hi), y(hi))
		}
	}))
}
