package report

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"
	"strings"

	stdfont "golang.org/x/image/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// figure is a grid of panels, drawn as one picture for papers and talks, and panel by panel
// in the page.
type figure struct {
	name    string
	columns int
	panels  []panel
}

// pngDPI gives a figure of three panels 2,500 pixels across: enough for a slide.
const pngDPI = 144

// margin is the space around a panel of a static figure, in points.
const margin = 10

// layout returns the figure's size and the lower left corner of every panel.
func (f *figure) layout() (w, h vg.Length, corners []vg.Point) {
	columns := min(f.columns, len(f.panels))
	w = vg.Length(columns)*(panelWidth+2*margin) + margin
	rows := (len(f.panels) + columns - 1) / columns
	heights := make([]vg.Length, rows)
	for i, p := range f.panels {
		heights[i/columns] = max(heights[i/columns], p.height)
	}
	for _, rh := range heights {
		h += rh + 2*margin
	}
	top := h - margin
	for i, p := range f.panels {
		if i > 0 && i%columns == 0 {
			top -= heights[i/columns-1] + 2*margin
		}
		corners = append(corners, vg.Point{X: margin + vg.Length(i%columns)*(panelWidth+2*margin), Y: top - p.height})
	}
	return w, h, corners
}

// drawTo draws every panel on white paper.
func (f *figure) drawTo(c vg.Canvas, w, h vg.Length, corners []vg.Point) {
	dc := draw.NewCanvas(c, w, h)
	fillRect(dc, paper, 0, 0, w, h)
	for i, p := range f.panels {
		at := dc
		at.Rectangle = vg.Rectangle{Min: corners[i], Max: corners[i].Add(vg.Point{X: p.width, Y: p.height})}
		p.plot.Draw(at)
	}
}

// svg is the figure as a standalone SVG document.
func (f *figure) svg() ([]byte, error) {
	w, h, corners := f.layout()
	c := vgsvg.New(w, h)
	f.drawTo(c, w, h, corners)
	b, err := finishSVG(c)
	if err != nil {
		return nil, fmt.Errorf("report: writing figure %s.svg: %w", f.name, err)
	}
	return b, nil
}

// png is the figure as a PNG at pngDPI.
func (f *figure) png() ([]byte, error) {
	w, h, corners := f.layout()
	c := vgimg.NewWith(vgimg.UseWH(w, h), vgimg.UseDPI(pngDPI))
	f.drawTo(c, w, h, corners)
	var buf bytes.Buffer
	if _, err := (vgimg.PngCanvas{Canvas: c}).WriteTo(&buf); err != nil {
		return nil, fmt.Errorf("report: writing figure %s.png: %w", f.name, err)
	}
	return buf.Bytes(), nil
}

// fontStyle is how the SVG canvas describes a font, on every piece of text.
var fontStyle = regexp.MustCompile(`font-family:Liberation Sans;font-variant:[a-z]+;font-weight:([a-z]+);font-style:normal;`)

// styleAttr is a style attribute; text cannot look like one, its quotes are escaped.
var styleAttr = regexp.MustCompile(`style="[^"]*"`)

// fontFamily lists fonts with the metrics the layout was computed with.
const fontFamily = "font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"

// finishSVG names fallback fonts of the same metrics for machines without Liberation Sans.
func finishSVG(c *vgsvg.Canvas) ([]byte, error) {
	var buf bytes.Buffer
	if _, err := c.WriteTo(&buf); err != nil {
		return nil, err
	}
	// The canvas writes PNG images and calls them JPEG.
	b := bytes.ReplaceAll(buf.Bytes(), []byte(`xlink:href="data:image/jpg;base64,`), []byte(`xlink:href="data:image/png;base64,`))
	// An image is as wide and high as it was drawn, whatever its pixels.
	b = bytes.ReplaceAll(b, []byte("<image x="), []byte(`<image preserveAspectRatio="none" style="image-rendering:pixelated" x=`))
	b = fontStyle.ReplaceAll(b, []byte(fontFamily+"font-weight:$1;"))
	return textElement.ReplaceAllFunc(b, fixWidth), nil
}

// textElement is a piece of text: its attributes with weight and size, and its content.
var textElement = regexp.MustCompile(`<text ([^>]*font-weight:([a-z]+);font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)

// fixWidth tells a viewer how wide text is in Liberation Sans, so that another font cannot run into what stands beside it.
func fixWidth(element []byte) []byte {
	m := textElement.FindSubmatch(element)
	size, err := strconv.ParseFloat(string(m[3]), 64)
	if err != nil {
		return element
	}
	sty := newPlot("", "", "").X.Tick.Label
	sty.Font.Size = vg.Length(size)
	if string(m[2]) == "bold" {
		sty.Font.Weight = stdfont.WeightBold
	}
	width := sty.Width(html.UnescapeString(string(m[4])))
	return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, float64(width), m[1], m[4])
}

// area is a panel's plot area within its view box, with y downwards, for the pointer.
type area struct {
	Left   float64 `json:"left"`
	Right  float64 `json:"right"`
	Top    float64 `json:"top"`
	Bottom float64 `json:"bottom"`
	XMin   float64 `json:"xMin"`
	XMax   float64 `json:"xMax"`
	YMin   float64 `json:"yMin"`
	YMax   float64 `json:"yMax"`
	Log    bool    `json:"log"`
}

// inline is the panel as an SVG element for the page: no fixed size, colours as CSS variables.
func (p *panel) inline() (string, area, error) {
	c := vgsvg.New(p.width, p.height)
	dc := draw.New(c)
	p.plot.Draw(dc)
	b, err := finishSVG(c)
	if err != nil {
		return "", area{}, fmt.Errorf("report: writing panel %q: %w", p.plot.Title.Text, err)
	}
	doc := string(b)
	open := strings.Index(doc, "<g ")
	if open < 0 {
		return "", area{}, fmt.Errorf("report: panel %q: the SVG canvas wrote no content", p.plot.Title.Text)
	}
	doc = strings.TrimSuffix(strings.TrimSpace(doc[open:]), "</svg>")
	doc = styleAttr.ReplaceAllStringFunc(doc, func(style string) string {
		for _, v := range cssVars {
			hex := fmt.Sprintf("#%02X%02X%02X", v.clr.R, v.clr.G, v.clr.B)
			style = strings.ReplaceAll(style, ":"+hex, ":var(--"+v.name+")")
		}
		return strings.ReplaceAll(style, fontFamily, "")
	})
	data := p.plot.DataCanvas(dc)
	a := area{
		Left: float64(data.Min.X), Right: float64(data.Max.X),
		Top: float64(p.height - data.Max.Y), Bottom: float64(p.height - data.Min.Y),
		XMin: p.plot.X.Min, XMax: p.plot.X.Max, YMin: p.plot.Y.Min, YMax: p.plot.Y.Max,
		Log: p.log,
	}
	return doc, a, nil
}
