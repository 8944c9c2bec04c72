package report

import (
	"fmt"
	"image"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// hoverMatrix is a symmetric matrix as the page's script reads it.
type hoverMatrix struct {
	Area area `json:"area"`
	// Names are of the rows, from the top, and columns; Notes follow a name.
	Names []string `json:"names"`
	Notes []string `json:"notes"`
	// Values are ten-thousandths: those right of the diagonal, row by row.
	Values []int `json:"values"`
}

// scaleStops are viridis at even distances.
var scaleStops = []color.NRGBA{
	rgb(0x440154), rgb(0x482878), rgb(0x3e4989), rgb(0x31688e), rgb(0x26828e), rgb(0x1f9e89), rgb(0x35b779), rgb(0x6ece58), rgb(0xb5de2b), rgb(0xfde725),
}

// scale is viridis at t in [0, 1].
func scale(t float64) color.NRGBA {
	t = math.Max(0, math.Min(1, t)) * float64(len(scaleStops)-1)
	k := min(int(t), len(scaleStops)-2)
	a, b, f := scaleStops[k], scaleStops[k+1], t-float64(k)
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x) + f*(float64(y)-float64(x)))) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// matrixPanel draws the symmetric matrix at(i, j) of named things, row 0 at the top, with its scale at the right.
func matrixPanel(title, what string, names, notes []string, at func(i, j int) float64) panel {
	n := len(names)
	m := &hoverMatrix{Names: names, Notes: notes}
	lo, hi := math.Inf(1), math.Inf(-1)
	for i := range n {
		for j := i + 1; j < n; j++ {
			v := at(i, j)
			if !finite(v) {
				m.Values = append(m.Values, -1)
				continue
			}
			lo, hi = math.Min(lo, v), math.Max(hi, v)
			m.Values = append(m.Values, int(math.Round(v*1e4)))
		}
	}
	if lo >= hi {
		lo, hi = lo-0.005, lo+0.005
	}
	cell := max(1, 480/n)
	img := image.NewNRGBA(image.Rect(0, 0, n*cell, n*cell))
	for i := range n {
		for j := range n {
			clr := color.NRGBA{0x94, 0x94, 0x94, 0xff}
			if v := at(i, j); i != j && finite(v) {
				clr = scale((v - lo) / (hi - lo))
			}
			for y := i * cell; y < (i+1)*cell; y++ {
				for x := j * cell; x < (j+1)*cell; x++ {
					img.SetNRGBA(x, y, clr)
				}
			}
		}
	}
	p := newPlot(title, "model, by rank of test accuracy", "")
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, float64(n)*1.2, 0, float64(n)
	ranks := plot.ConstantTicks{}
	down := plot.ConstantTicks{}
	step := int(math.Max(1, niceStep(float64(n)/5)))
	for k := 1; k <= n; k++ {
		if k == 1 || k%step == 0 {
			ranks = append(ranks, plot.Tick{Value: float64(k) - 0.5, Label: fmt.Sprint(k)})
			down = append(down, plot.Tick{Value: float64(n-k) + 0.5, Label: fmt.Sprint(k)})
		}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = ranks, down
	p.X.Width, p.Y.Width, p.X.Tick.Length, p.Y.Tick.Length = 0, 0, 0, 0
	p.Add(drawFunc(func(c draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&c)
		c.DrawImage(vg.Rectangle{Min: vg.Point{X: x(0), Y: y(0)}, Max: vg.Point{X: x(float64(n)), Y: y(float64(n))}}, img)
		drawScale(c, p, x(float64(n)*1.05), x(float64(n)*1.09), lo, hi)
	}))
	return panel{
		plot: p, width: panelWidth, height: panelHeight + 60, matrix: m,
		alt: fmt.Sprintf("%s: %s of %d models pair by pair, in order of test accuracy; from %s to %s.", title, what, n, significant4(lo), significant4(hi)),
	}
}

// drawScale draws the scale of lo..hi, with numbers. It is an image as the matrix is: its colours are no theme's.
func drawScale(c draw.Canvas, p *plot.Plot, left, right vg.Length, lo, hi float64) {
	const steps = 128
	img := image.NewNRGBA(image.Rect(0, 0, 1, steps))
	for k := range steps {
		img.SetNRGBA(0, steps-1-k, scale((float64(k)+0.5)/steps))
	}
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: left, Y: c.Min.Y}, Max: vg.Point{X: right, Y: c.Max.Y}}, img)
	sty := label(p, muted)
	sty.Font.Size = 10
	for _, t := range linearTicks(8, false).Ticks(lo, hi) {
		y := c.Min.Y + (c.Max.Y-c.Min.Y)*vg.Length((t.Value-lo)/(hi-lo))
		c.FillText(sty, vg.Point{X: right + 4, Y: y}, t.Label)
	}
}
