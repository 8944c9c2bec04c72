package inspect

import (
	"image/color"
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/data"
)

func tiny() *data.Set {
	split := func(labels ...uint16) data.Split {
		s := data.Split{N: len(labels), C: 3, H: 2, W: 2, Labels: labels, Images: make([]uint8, len(labels)*12)}
		for i := range s.Images {
			s.Images[i] = uint8(50 * (i / 4 % 3)) // channels 0, 50, 100
		}
		return s
	}
	return &data.Set{Train: split(0, 2, 2, 0, 0), Validation: split(), Test: split(1), Classes: 3, Mean: []float32{0.5, 0.5, 0.5}, Std: []float32{0.25, 0.5, 0.5}}
}

func TestOf(t *testing.T) {
	set := tiny()
	set.Train.Images[0] = 255
	s := Of(set)
	if s.Classes != 3 || len(s.Splits) != 3 || s.Splits[0].Images != 5 || s.Splits[0].ByClass[0] != 3 || s.Splits[0].ByClass[2] != 2 || s.Splits[1].Images != 0 || s.Splits[2].ByClass[1] != 1 {
		t.Errorf("%+v", s)
	}
	// One of 20 pixels is 1, the others are 0.
	p := s.Pixels[0]
	if math.Abs(p.Mean-0.05) > 1e-12 || math.Abs(p.Std-math.Sqrt(0.05*0.95)) > 1e-12 || p.Most != 255 || p.Least != 0 || math.Abs(p.InputMean+1.8) > 1e-9 {
		t.Errorf("%+v", p)
	}
	if p := s.Pixels[2]; p.Std != 0 || p.Mean != 100.0/255 {
		t.Errorf("constant channel: %+v", p)
	}
}

// A sheet has a row for each class, with its images in order, enlarged, and nothing where there are no more.
func TestSheet(t *testing.T) {
	set := tiny()
	img := Sheet(&set.Train, set.Classes, 2)
	const side = 2 * 24
	at := func(row, column int) color.Color {
		return img.At(labelWidth+column*(side+gap)+side/2, gap+row*(side+gap)+side/2)
	}
	want := color.RGBA{0, 50, 100, 255}
	for _, c := range [][2]int{{0, 0}, {0, 1}, {2, 0}, {2, 1}} {
		if at(c[0], c[1]) != want {
			t.Errorf("row %d, column %d: %v", c[0], c[1], at(c[0], c[1]))
		}
	}
	if white := (color.RGBA{255, 255, 255, 255}); at(1, 0) != white {
		t.Errorf("class 1 has no images, but %v is drawn", at(1, 0))
	}
	if b := img.Bounds(); b.Dx() != labelWidth+2*(side+gap) || b.Dy() != gap+3*(side+gap) {
		t.Errorf("sheet of %v", b)
	}
	if rows := shown(1000); len(rows) != maxRows || rows[0] != 0 || rows[39] != 975 {
		t.Errorf("rows %v", rows)
	}
}
