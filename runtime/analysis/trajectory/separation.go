package trajectory

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// Separation compares the distances between trajectories with the steps along them.
type Separation struct {
	// Ratio is Between/Step: above 1, and much above, trajectories are apart. NaN if there are no steps or no two models.
	Ratio float64
	// Between is the smallest distance of states of different models, Step the longest step of a model.
	Between, Step float64
}

// Separate computes the separation of trajectories from the distances of all their states:
// model[i] and epoch[i] say what state i is. Steps join the states of a model that are
// neighbours in the order of their epochs.
func Separate(d *points.Distances, model, epoch []int) (Separation, error) {
	if len(model) != d.N || len(epoch) != d.N {
		return Separation{}, fmt.Errorf("trajectory: %d models and %d epochs for %d states", len(model), len(epoch), d.N)
	}
	s := Separation{Between: math.Inf(1), Step: math.Inf(-1)}
	for i := range d.N {
		// next is the state after i: the one of the same model with the smallest later epoch.
		next, after := -1, math.MaxInt
		for j := range d.N {
			switch {
			case model[i] != model[j]:
				s.Between = min(s.Between, d.At(i, j))
			case epoch[j] > epoch[i] && (next < 0 || epoch[j] < after):
				next, after = j, epoch[j]
			case i != j && epoch[i] == epoch[j]:
				return Separation{}, fmt.Errorf("trajectory: states %d and %d are both epoch %d of model %d", i, j, epoch[i], model[i])
			}
		}
		if next >= 0 {
			s.Step = max(s.Step, d.At(i, next))
		}
	}
	s.Ratio = s.Between / s.Step
	if math.IsInf(s.Between, 0) || math.IsInf(s.Step, 0) || s.Step == 0 {
		s.Ratio = math.NaN()
	}
	return s, nil
}

// Silhouette is Rousseeuw's (1987) width of every point for given groups, in [-1, 1]:
// (b-a)/max(a,b), a the mean distance to the others of its group and b the smallest mean
// distance to another group; 0 for a group of one. Groups are numbers from 0 to k-1, k >= 2,
// none empty.
func Silhouette(d *points.Distances, group []int) ([]float64, error) {
	sizes, err := sizesOf(d.N, group)
	if err != nil {
		return nil, err
	}
	width := make([]float64, d.N)
	sums := make([]float64, len(sizes))
	for i := range d.N {
		clear(sums)
		for j := range d.N {
			sums[group[j]] += d.At(i, j)
		}
		own := group[i]
		if sizes[own] == 1 {
			continue
		}
		a, b := sums[own]/float64(sizes[own]-1), math.Inf(1)
		for g, s := range sums {
			if g != own {
				b = min(b, s/float64(sizes[g]))
			}
		}
		if m := max(a, b); m > 0 {
			width[i] = (b - a) / m
		}
	}
	return width, nil
}

func sizesOf(n int, group []int) ([]int, error) {
	if len(group) != n {
		return nil, fmt.Errorf("trajectory: %d groups for %d points", len(group), n)
	}
	var sizes []int
	for i, g := range group {
		if g < 0 || g >= n {
			return nil, fmt.Errorf("trajectory: group %d of point %d: number groups from 0", g, i)
		}
		for len(sizes) <= g {
			sizes = append(sizes, 0)
		}
		sizes[g]++
	}
	for g, s := range sizes {
		if s == 0 {
			return nil, fmt.Errorf("trajectory: group %d is empty", g)
		}
	}
	if len(sizes) < 2 {
		return nil, fmt.Errorf("trajectory: a silhouette needs two groups")
	}
	return sizes, nil
}
