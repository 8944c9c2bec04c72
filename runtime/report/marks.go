package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// fillRect fills the rectangle between two corners.
func fillRect(c draw.Canvas, clr color.Color, x0, y0, x1, y1 vg.Length) {
	c.FillPolygon(clr, []vg.Point{{X: x0, Y: y0}, {X: x1, Y: y0}, {X: x1, Y: y1}, {X: x0, Y: y1}})
}

// box draws a horizontal box at height y: whiskers 5-95 %, box 25-75 %, a bar at the median.
func box(c draw.Canvas, s stats, x func(float64) vg.Length, y, half vg.Length) {
	line := draw.LineStyle{Color: blue, Width: 1.2}
	c.StrokeLine2(line, x(s.P5), y, x(s.P95), y)
	for _, v := range []float64{s.P5, s.P95} {
		c.StrokeLine2(line, x(v), y-half/2, x(v), y+half/2)
	}
	fillRect(c, band50, x(s.P25), y-half, x(s.P75), y+half)
	edge := []vg.Point{
		{X: x(s.P25), Y: y - half}, {X: x(s.P75), Y: y - half}, {X: x(s.P75), Y: y + half}, {X: x(s.P25), Y: y + half}, {X: x(s.P25), Y: y - half},
	}
	c.StrokeLines(line, edge)
	c.StrokeLine2(draw.LineStyle{Color: ink, Width: 2}, x(s.P50), y-half, x(s.P50), y+half)
}

// strip draws values as dots around height y.
func strip(c draw.Canvas, sorted []float64, x func(float64) vg.Length, y, spread vg.Length) {
	sty := draw.GlyphStyle{Color: dot, Radius: radius(len(sorted), 1.4), Shape: draw.CircleGlyph{}}
	for i, v := range sorted {
		c.DrawGlyphNoClip(sty, vg.Point{X: x(v), Y: y + vg.Length(jitter(i))*spread})
	}
}

// radius is the size of n dots: few dots are drawn larger than many.
func radius(n int, many vg.Length) vg.Length {
	if n <= 40 {
		return 2.4
	}
	return many
}

// meanMark marks the arithmetic mean by a diamond: a shape, so that it needs no colour.
func meanMark(c draw.Canvas, x, y vg.Length) {
	const r = 4
	c.FillPolygon(paper, []vg.Point{{X: x - r - 1, Y: y}, {X: x, Y: y + r + 1}, {X: x + r + 1, Y: y}, {X: x, Y: y - r - 1}})
	c.FillPolygon(accent, []vg.Point{{X: x - r, Y: y}, {X: x, Y: y + r}, {X: x + r, Y: y}, {X: x, Y: y - r}})
}

// bins counts sorted values in bins of a round width (Freedman and Diaconis), at most 40.
// The first bin starts at a multiple of the width.
func bins(s stats) (start, width float64, counts []int) {
	const most = 40
	spread := s.Max - s.Min
	raw := 2 * (s.P75 - s.P25) / math.Cbrt(float64(s.N))
	raw = math.Max(0.75*raw, spread/most)
	raw = math.Min(raw, spread/8)
	if raw <= 0 || raw < math.Abs(s.Max)*1e-9 {
		raw = math.Max(math.Abs(s.Max)*0.01, 0.001)
	}
	width = niceStep(raw)
	start = math.Floor(s.Min/width+1e-9) * width
	counts = make([]int, int(math.Floor((s.Max-start)/width+1e-9))+1)
	for _, v := range s.sorted {
		k := int(math.Floor((v-start)/width + 1e-9))
		counts[max(0, min(k, len(counts)-1))]++
	}
	return start, width, counts
}
