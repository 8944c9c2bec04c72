package inspect

import (
	"image"
	"image/color"
	"image/draw"
	"strconv"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/weightspace/weightspace/runtime/data"
)

const (
	// leastTile is the smallest side of a picture on a sheet; smaller images are enlarged by a whole factor.
	leastTile = 48
	gap       = 4
	// labelWidth and labelHeight hold the number of a class.
	labelWidth, labelHeight = 44, 13
	// maxRows bounds a sheet of many classes: it shows as many, evenly spaced.
	maxRows = 40
)

// Sheet draws the first images of each class of a split, a row per class with its number, at most 40 rows. Images of one channel are
// gray; of two channels, or more than three, the first is shown.
func Sheet(sp *data.Split, classes, columns int) image.Image {
	rows := shown(classes)
	byRow := make(map[int]int, len(rows))
	for r, c := range rows {
		byRow[c] = r
	}
	zoom := max(1, (leastTile+max(sp.H, sp.W)-1)/max(sp.H, sp.W, 1))
	w, h := sp.W*zoom, max(sp.H*zoom, labelHeight)
	sheet := image.NewRGBA(image.Rect(0, 0, labelWidth+columns*(w+gap), gap+len(rows)*(h+gap)))
	draw.Draw(sheet, sheet.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	for r, c := range rows {
		pen := font.Drawer{Dst: sheet, Src: image.NewUniform(color.Black), Face: basicfont.Face7x13, Dot: fixed.P(gap, gap+r*(h+gap)+h/2+labelHeight/2-2)}
		pen.DrawString(strconv.Itoa(c))
	}
	filled := make([]int, len(rows))
	for i, l := range sp.Labels {
		r, ok := byRow[int(l)]
		if !ok || filled[r] == columns {
			continue
		}
		picture(sheet, sp, i, zoom, image.Pt(labelWidth+filled[r]*(w+gap), gap+r*(h+gap)))
		filled[r]++
	}
	return sheet
}

// shown are the classes that have a row.
func shown(classes int) []int {
	n := min(classes, maxRows)
	out := make([]int, n)
	for i := range out {
		out[i] = i * classes / n
	}
	return out
}

// picture draws image i at a place.
func picture(sheet *image.RGBA, sp *data.Split, i, zoom int, at image.Point) {
	area := sp.H * sp.W
	px := sp.Images[i*sp.C*area : (i+1)*sp.C*area]
	for y := range sp.H {
		for x := range sp.W {
			p := y*sp.W + x
			c := color.RGBA{px[p], px[p], px[p], 255}
			if sp.C == 3 {
				c.G, c.B = px[area+p], px[2*area+p]
			}
			for dy := range zoom {
				for dx := range zoom {
					sheet.SetRGBA(at.X+x*zoom+dx, at.Y+y*zoom+dy, c)
				}
			}
		}
	}
}
