package report

import (
	"fmt"
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// shades is a scale from low to high: viridis, whose lightness rises evenly, without its lightest end. The page has a form for the dark.
var shades = []color.NRGBA{rgb(0x440154), rgb(0x46327e), rgb(0x365c8d), rgb(0x277f8e), rgb(0x1fa187), rgb(0x4ac16d), rgb(0xa0da39)}

// hues tell categories apart under every common colour vision deficiency (seaborn's palette of that name, without yellow).
var hues = []color.NRGBA{rgb(0x0173b2), rgb(0xde8f05), rgb(0x029e73), rgb(0xcc78bc), rgb(0xd45e00), rgb(0x56b4e9), rgb(0xca9161), rgb(0x949494)}

// glyphs go with hues: a shape for each series of a figure, for those who see no colours.
var glyphs = []draw.GlyphDrawer{draw.CircleGlyph{}, draw.BoxGlyph{}, draw.PyramidGlyph{}, diamond{}, cross{0.85, 0.85}, cross{1.2, 0}, draw.RingGlyph{}, draw.TriangleGlyph{}}

// diamond is a glyph.
type diamond struct{}

// DrawGlyph implements draw.GlyphDrawer.
func (diamond) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	r := sty.Radius * 1.25
	c.FillPolygon(sty.Color, []vg.Point{{X: at.X - r, Y: at.Y}, {X: at.X, Y: at.Y + r}, {X: at.X + r, Y: at.Y}, {X: at.X, Y: at.Y - r}})
}

// cross is a glyph of two strokes: along (x, y) times the radius, and square to it.
type cross struct{ x, y vg.Length }

// DrawGlyph implements draw.GlyphDrawer.
func (g cross) DrawGlyph(c *draw.Canvas, sty draw.GlyphStyle, at vg.Point) {
	x, y := g.x*sty.Radius, g.y*sty.Radius
	line := draw.LineStyle{Color: sty.Color, Width: 1.7}
	c.StrokeLine2(line, at.X-x, at.Y-y, at.X+x, at.Y+y)
	c.StrokeLine2(line, at.X+y, at.Y-x, at.X-y, at.Y+x)
}

type cssVar struct {
	clr  color.NRGBA
	name string
}

// paletteVars are the CSS variables of both palettes: s0..., c0...
func paletteVars() []cssVar {
	var out []cssVar
	for i, c := range shades {
		out = append(out, cssVar{c, fmt.Sprintf("s%d", i)})
	}
	for i, c := range hues {
		out = append(out, cssVar{c, fmt.Sprintf("c%d", i)}, cssVar{asWritten(soft(c)), fmt.Sprintf("c%d", i)})
	}
	return out
}

// soft is a colour for areas that others shine through.
func soft(c color.NRGBA) color.NRGBA {
	c.A = 0x38
	return c
}

// asWritten is the colour as the SVG canvas writes it, which goes through premultiplied alpha and loses a little.
func asWritten(c color.NRGBA) color.NRGBA {
	r, g, b, a := c.RGBA()
	back := func(v uint32) uint8 { return uint8(float64(v) * (255.0 / float64(a))) }
	return color.NRGBA{back(r), back(g), back(b), 0xff}
}

func hue(i int) color.NRGBA { return hues[i%len(hues)] }

func glyph(i int) draw.GlyphStyle {
	return draw.GlyphStyle{Color: hue(i), Radius: 3.4, Shape: glyphs[i%len(glyphs)]}
}

// key is a legend above a plot area: a mark and a name each, in as many rows as they need.
type key struct {
	items []keyItem
	rows  [][]int
	style draw.TextStyle
}

type keyItem struct {
	name string
	draw func(c draw.Canvas, at vg.Point)
}

const (
	keyWidth = panelWidth - 20
	keyRow   = 16
	keyMark  = 16
)

// addKey makes room for a legend below the title and draws it there, flush with the right edge of the panel.
func addKey(p *plot.Plot, items []keyItem) {
	if len(items) == 0 {
		return
	}
	k := &key{items: items, style: label(p, ink)}
	k.style.Font.Size = 11
	var used vg.Length
	for i := range items {
		w := k.itemWidth(i)
		if len(k.rows) == 0 || used+w > keyWidth {
			k.rows, used = append(k.rows, nil), 0
		}
		last := len(k.rows) - 1
		k.rows[last] = append(k.rows[last], i)
		used += w
	}
	p.Title.Padding += keyRow * vg.Length(len(k.rows))
	p.Add(drawFunc(k.plot))
}

func (k *key) itemWidth(i int) vg.Length { return keyMark + 4 + k.style.Width(k.items[i].name) + 12 }

func (k *key) plot(c draw.Canvas, _ *plot.Plot) {
	for r, row := range k.rows {
		x := c.Max.X - keyWidth
		y := c.Max.Y + 6 + keyRow*(vg.Length(len(k.rows)-r)-0.5)
		for _, i := range row {
			k.items[i].draw(c, vg.Point{X: x + keyMark/2, Y: y})
			c.FillText(k.style, vg.Point{X: x + keyMark + 4, Y: y}, k.items[i].name)
			x += k.itemWidth(i)
		}
	}
}

// markItem is the legend of a series drawn as glyphs, with its line if there is one.
func markItem(name string, i int, line bool) keyItem {
	return keyItem{clip(name, 40), func(c draw.Canvas, at vg.Point) {
		if line {
			c.StrokeLine2(draw.LineStyle{Color: hue(i), Width: 1.6}, at.X-keyMark/2, at.Y, at.X+keyMark/2, at.Y)
		}
		c.DrawGlyphNoClip(glyph(i), at)
	}}
}

// swatchItem is the legend of an area.
func swatchItem(name string, clr color.Color) keyItem {
	return keyItem{clip(name, 40), func(c draw.Canvas, at vg.Point) {
		fillRect(c, clr, at.X-5, at.Y-5, at.X+5, at.Y+5)
	}}
}
