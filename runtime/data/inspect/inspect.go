// Package inspect says what is in a data set: counts, pixels, and pictures of it.
package inspect

import (
	"math"

	"github.com/weightspace/weightspace/runtime/data"
)

// Summary is what a data set holds.
type Summary struct {
	Channels int `json:"channels"`
	Height   int `json:"height"`
	Width    int `json:"width"`
	Classes  int `json:"classes"`
	// Splits are train, validation and test; an empty one is there with no images.
	Splits []Split `json:"splits"`
	// Pixels are those of the training images, by channel.
	Pixels []Pixels `json:"pixels"`
	// ResultDigest identifies the data.
	ResultDigest string `json:"resultDigest"`
}

// Split counts the images of a split.
type Split struct {
	Name   string `json:"name"`
	Images int    `json:"images"`
	// ByClass has a count for each class.
	ByClass []int `json:"byClass"`
}

// Pixels are the statistics of one channel.
type Pixels struct {
	// Mean and Std are over all pixels in [0, 1], Std with the number of pixels as divisor.
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
	// Least and Most are the extreme bytes.
	Least uint8 `json:"least"`
	Most  uint8 `json:"most"`
	// InputMean and InputStd are those of what a network sees, after the data set's normalisation.
	InputMean float64 `json:"inputMean"`
	InputStd  float64 `json:"inputStd"`
}

// Of summarises a data set. Sums are of integers, so they are exact.
func Of(set *data.Set) *Summary {
	s := &Summary{
		Channels: set.Train.C, Height: set.Train.H, Width: set.Train.W, Classes: set.Classes, ResultDigest: set.ResultDigest,
	}
	for _, sp := range []struct {
		name string
		of   *data.Split
	}{{"train", &set.Train}, {"validation", &set.Validation}, {"test", &set.Test}} {
		counts := make([]int, set.Classes)
		for _, l := range sp.of.Labels {
			counts[l]++
		}
		s.Splits = append(s.Splits, Split{Name: sp.name, Images: sp.of.N, ByClass: counts})
	}
	for c := range set.Train.C {
		p := channel(&set.Train, c)
		p.InputMean = (p.Mean - float64(set.Mean[c])) / float64(set.Std[c])
		p.InputStd = p.Std / float64(set.Std[c])
		s.Pixels = append(s.Pixels, p)
	}
	return s
}

// channel sums up one channel of a split.
func channel(sp *data.Split, c int) Pixels {
	area := sp.H * sp.W
	p := Pixels{Least: 255}
	var sum, squares, n uint64
	for i := range sp.N {
		from := (i*sp.C + c) * area
		for _, v := range sp.Images[from : from+area] {
			sum += uint64(v)
			squares += uint64(v) * uint64(v)
			p.Least, p.Most = min(p.Least, v), max(p.Most, v)
		}
		n += uint64(area)
	}
	if n == 0 {
		return Pixels{}
	}
	mean := float64(sum) / float64(n)
	p.Mean = mean / 255
	p.Std = math.Sqrt(max(float64(squares)/float64(n)-mean*mean, 0)) / 255
	return p
}
