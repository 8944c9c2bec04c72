// Package similarity compares networks with each other: by what they answer (agreement), by what
// they compute on the way (CKA), and by their weights. Method card "model zoos", section 6.
package similarity

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/kernel/agree"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Agreement holds, for every pair of models, on how many inputs they answer the same.
type Agreement struct {
	Models, Inputs int
	// Count is the upper triangle row by row: (0,1), (0,2), ...
	Count []uint32
}

// Agree counts equal answers: predictions is [models, inputs], the class that each model gives each
// input; uint8 serves up to 256 classes, uint16 more. Counts are exact.
func Agree[T agree.Answer](ctx context.Context, workers int, predictions []T, models int) (*Agreement, error) {
	if models < 1 || len(predictions) == 0 || len(predictions)%models != 0 {
		return nil, fmt.Errorf("similarity: %d predictions do not belong to %d models", len(predictions), models)
	}
	inputs := len(predictions) / models
	if inputs > math.MaxUint32 {
		return nil, fmt.Errorf("similarity: %d inputs are more than can be counted: take a sample", inputs)
	}
	k, err := agree.New(isa.Auto)
	if err != nil {
		return nil, err
	}
	a := &Agreement{models, inputs, make([]uint32, models*(models-1)/2)}
	return a, agree.Pairs(ctx, k, workers, a.Count, predictions, models, inputs)
}

// At is the fraction of inputs on which models i and j agree.
func (a *Agreement) At(i, j int) float64 {
	switch {
	case i == j:
		return 1
	case i > j:
		i, j = j, i
	}
	return float64(a.Count[i*a.Models-i*(i+3)/2-1+j]) / float64(a.Inputs)
}

// Mean is the agreement averaged over all pairs of different models; NaN for one model.
func (a *Agreement) Mean() float64 {
	sum := uint64(0)
	for _, c := range a.Count {
		sum += uint64(c)
	}
	return float64(sum) / (float64(len(a.Count)) * float64(a.Inputs))
}

// MeanWithin is the agreement averaged over the pairs of models of each group, and over the pairs of
// models of different groups; NaN where there is no pair. Groups are numbers from 0.
func (a *Agreement) MeanWithin(group []int, groups int) (within []float64, across float64, err error) {
	if len(group) != a.Models {
		return nil, 0, fmt.Errorf("similarity: %d groups for %d models", len(group), a.Models)
	}
	sums, pairs := make([]uint64, groups+1), make([]uint64, groups+1)
	at := 0
	for i, g := range group {
		if g < 0 || g >= groups {
			return nil, 0, fmt.Errorf("similarity: model %d is of group %d of %d", i, g, groups)
		}
		for _, h := range group[i+1:] {
			slot := groups
			if g == h {
				slot = g
			}
			sums[slot] += uint64(a.Count[at])
			pairs[slot]++
			at++
		}
	}
	means := make([]float64, groups+1)
	for i := range means {
		means[i] = float64(sums[i]) / (float64(pairs[i]) * float64(a.Inputs))
	}
	return means[:groups], means[groups], nil
}
