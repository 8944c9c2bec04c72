package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// dotLayer are the dots of a map in the page: elements of their own, whose class is their colour.
type dotLayer struct {
	x, y []float64
	// class are the colours that the page starts with.
	class []string
}

// hoverMap tells the page's script about checkpoints; all maps of a figure show the same ones, in this order.
type hoverMap struct {
	Models []string `json:"models"`
	// Hyper are the hyper-parameters of the models, as text.
	Hyper []string `json:"hyper"`
	// Model, Epoch and Accuracy are those of each checkpoint; -1 is no accuracy.
	Model    []int     `json:"model"`
	Epoch    []int     `json:"epoch"`
	Accuracy []float64 `json:"accuracy"`
	// Colours are classes of the checkpoints by colouring: a digit for a shade, a letter for a hue, - for neither.
	Colours map[string]string `json:"colours"`
}

// colouring gives each checkpoint a colour.
type colouring struct {
	key, title string
	// class is the index of a shade or hue, -1 for none.
	class  []int
	hues   bool
	legend []string
}

func (c *colouring) letter() string {
	if c.hues {
		return "c"
	}
	return "s"
}

func (c *colouring) classOf(i int) string {
	if c.class[i] < 0 {
		return "none"
	}
	return fmt.Sprintf("%s%d", c.letter(), c.class[i])
}

// code is the colouring in a letter for each checkpoint.
func (c *colouring) code() string {
	var b strings.Builder
	for _, k := range c.class {
		switch {
		case k < 0:
			b.WriteByte('-')
		case c.hues:
			b.WriteByte(byte('a' + k))
		default:
			b.WriteByte(byte('0' + k))
		}
	}
	return b.String()
}

// byRank colours numbers so that each shade holds equally many; equal numbers have equal shades.
func byRank(key, title string, values []float64, write func(float64) string) colouring {
	c := colouring{key: key, title: title, class: make([]int, len(values))}
	s := summarise(values)
	var edges []float64
	for k := 1; k < len(shades); k++ {
		if e := quantile(s.sorted, float64(k)/float64(len(shades))); len(edges) == 0 && e > s.Min || len(edges) > 0 && e > edges[len(edges)-1] {
			edges = append(edges, e)
		}
	}
	c.shade(values, edges, s, write)
	return c
}

// byWidth colours numbers in ranges of equal width.
func byWidth(key, title string, values []float64, write func(float64) string) colouring {
	c := colouring{key: key, title: title, class: make([]int, len(values))}
	s := summarise(values)
	var edges []float64
	for k := 1; k < len(shades) && s.Max > s.Min; k++ {
		edges = append(edges, s.Min+(s.Max-s.Min)*float64(k)/float64(len(shades)))
	}
	c.shade(values, edges, s, write)
	return c
}

// shade classifies values by edges; the legend tells the least and largest value that has each shade.
func (c *colouring) shade(values, edges []float64, s stats, write func(float64) string) {
	n := len(edges) + 1
	low, high := make([]float64, n), make([]float64, n)
	used := make([]bool, n)
	for i, v := range values {
		if !finite(v) {
			c.class[i] = -1
			continue
		}
		k := 0
		for k < len(edges) && v >= edges[k] {
			k++
		}
		if !used[k] || v < low[k] {
			low[k] = v
		}
		if !used[k] || v > high[k] {
			high[k] = v
		}
		used[k] = true
		c.class[i] = k
	}
	if s.N == 0 {
		return
	}
	// Shades spread over the whole scale, however few ranges hold anything.
	place, m := make([]int, n), 0
	for k := range n {
		place[k] = m
		if used[k] {
			m++
		}
	}
	spread := make([]int, n)
	for k := range n {
		if m > 1 {
			spread[k] = int(math.Round(float64(place[k]) * float64(len(shades)-1) / float64(m-1)))
		}
	}
	for i := range c.class {
		if c.class[i] >= 0 {
			c.class[i] = spread[c.class[i]]
		}
	}
	c.legend = make([]string, len(shades))
	for k := range n {
		if !used[k] {
			continue
		}
		c.legend[spread[k]] = write(low[k])
		if a, b := write(low[k]), write(high[k]); a != b {
			c.legend[spread[k]] = a + "–" + b
		}
	}
}

// byCategory gives the most frequent values a hue each; the others share the last.
func byCategory(key, title string, values []string) colouring {
	c := colouring{key: key, title: title, class: make([]int, len(values)), hues: true}
	count := map[string]int{}
	for _, v := range values {
		count[v]++
	}
	names := make([]string, 0, len(count))
	for v := range count {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(count[b]-count[a], cmp.Compare(a, b)) })
	shown := names
	if len(shown) > len(hues) {
		shown = shown[:len(hues)-1]
	}
	sorted := map[string][]int{}
	for _, v := range shown {
		sorted[v] = nil
	}
	shown = sortedValues(sorted)
	class := map[string]int{}
	for k, v := range shown {
		class[v] = k
		c.legend = append(c.legend, clip(v, 40))
	}
	if len(names) > len(hues) {
		c.legend = append(c.legend, plural(len(names)-len(shown), "other value"))
	}
	for i, v := range values {
		k, ok := class[v]
		if !ok {
			k = len(hues) - 1
		}
		c.class[i] = k
	}
	return c
}

// view is one map: where checkpoints lie.
type view struct {
	title, xlabel, ylabel string
	x, y                  []float64
}

// mapPanel draws paths and, for a picture that stands alone, dots and their legend.
func mapPanel(v *view, paths [][]int, c *colouring, alone bool) panel {
	p := newPlot(v.title, v.xlabel, v.ylabel)
	sx, sy := summarise(v.x), summarise(v.y)
	xr, yr := spanOf(sx.Min, sx.Max), spanOf(sy.Min, sy.Max)
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = xr.lo, xr.hi, yr.lo, yr.hi
	p.X.Tick.Marker, p.Y.Tick.Marker = linearTicks(5, false), linearTicks(5, false)
	size := vg.Length(1.7)
	if len(v.x) <= 400 {
		size = 2.6
	}
	p.Add(drawFunc(func(dc draw.Canvas, p *plot.Plot) {
		x, y := p.Transforms(&dc)
		for _, path := range paths {
			pts := make([]vg.Point, len(path))
			for k, i := range path {
				pts[k] = vg.Point{X: x(v.x[i]), Y: y(v.y[i])}
			}
			if len(pts) > 1 {
				dc.StrokeLines(draw.LineStyle{Color: thread, Width: 0.6}, pts)
			}
		}
		if !alone {
			return
		}
		for i := range v.x {
			clr := muted
			if k := c.class[i]; k >= 0 && c.hues {
				clr = hues[k]
			} else if k >= 0 {
				clr = shades[k]
			}
			dc.DrawGlyphNoClip(draw.GlyphStyle{Color: clr, Radius: size, Shape: draw.CircleGlyph{}}, vg.Point{X: x(v.x[i]), Y: y(v.y[i])})
		}
	}))
	out := panel{
		plot: p, width: panelWidth, height: panelHeight + 60,
		alt: fmt.Sprintf("%s of %d checkpoints: a dot for each, lines join the epochs of a model. Coloured by %s.", v.title, len(v.x), c.title),
	}
	if alone {
		var items []keyItem
		for k, name := range c.legend {
			if name == "" {
				continue
			}
			clr := shades[k%len(shades)]
			if c.hues {
				clr = hues[k]
			}
			items = append(items, swatchItem(name, clr))
		}
		addKey(p, items)
		out.height += keyRow * 2
		return out
	}
	out.dots = &dotLayer{x: v.x, y: v.y}
	for i := range v.x {
		out.dots.class = append(out.dots.class, c.classOf(i))
	}
	return out
}

// svg are the dots as elements of a panel.
func (d *dotLayer) svg(a *area) string {
	var b strings.Builder
	r := "1.9"
	if len(d.x) <= 400 {
		r = "2.8"
	}
	b.WriteString(`<g class="dots">`)
	for i := range d.x {
		fmt.Fprintf(&b, `<circle class="%s" cx="%g" cy="%g" r="%s"/>`, d.class[i], a.px(d.x[i]), a.py(d.y[i]), r)
	}
	b.WriteString("</g>")
	return b.String()
}
