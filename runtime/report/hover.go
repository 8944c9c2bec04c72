package report

import "math"

// spot is a place of a panel, in the units of its axes, that has something to say.
type spot struct {
	x, y float64
	text string
}

// How near the pointer has to come to a spot.
const (
	nearDot   = 14  // dots of a scatter plot
	nearest   = 1e4 // the nearest spot, wherever the pointer is
	nearestX  = -1  // the nearest sideways: the pointer need not be at its height
	maxTipSet = 500 // spots of one panel at most
)

// hover is what the page's script reads.
type hover struct {
	Spots    []hoverSpots  `json:"spots"`
	Maps     []hoverMap    `json:"maps"`
	Matrices []hoverMatrix `json:"matrices"`
	curves   []hoverCurve
}

// hoverSpots are spots in units of the panel's view box.
type hoverSpots struct {
	Area area      `json:"area"`
	Near float64   `json:"near"`
	X    []float64 `json:"x"`
	Y    []float64 `json:"y"`
	Text []string  `json:"text"`
}

// px and py map an axis onto the view box.
func (a *area) px(v float64) float64 {
	return tenth(a.Left + (a.Right-a.Left)*(v-a.XMin)/(a.XMax-a.XMin))
}

func (a *area) py(v float64) float64 {
	return tenth(a.Bottom - (a.Bottom-a.Top)*(v-a.YMin)/(a.YMax-a.YMin))
}

func tenth(v float64) float64 { return math.Round(v*10) / 10 }

// add takes what a panel has to say and gives the page's panel the numbers to find it by.
func (h *hover) add(p *panel, a area, pp *pagePanel) {
	if p.curve != nil {
		c := hoverCurve{Title: p.curve.Title, Area: a, Epochs: p.curve.Epochs}
		for _, at := range p.curve.At {
			c.Q = append(c.Q, [5]float64{at.P5, at.P25, at.P50, at.P75, at.P95})
		}
		h.curves = append(h.curves, c)
		pp.Curve = len(h.curves)
	}
	if len(p.spots) > 0 {
		s := hoverSpots{Area: a, Near: p.near}
		for _, at := range p.spots[:min(len(p.spots), maxTipSet)] {
			x, y := a.px(at.x), a.py(at.y)
			if !finite(x) || !finite(y) {
				continue
			}
			s.X, s.Y, s.Text = append(s.X, x), append(s.Y, y), append(s.Text, at.text)
		}
		h.Spots = append(h.Spots, s)
		pp.Spots = len(h.Spots)
	}
	if p.matrix != nil {
		m := *p.matrix
		m.Area = a
		h.Matrices = append(h.Matrices, m)
		pp.Matrix = len(h.Matrices)
	}
}
