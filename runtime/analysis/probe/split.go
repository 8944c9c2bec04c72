package probe

import (
	"fmt"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/rng"
)

// ByModel splits rows by the model they belong to: 70 % of the models are for training, 15 % for
// validation and 15 % for testing, at least one each, drawn by the seed from the models in
// ascending order. No model has rows in two parts. It fails for fewer than three models.
func ByModel(model []int, seed uint64) (Split, error) {
	distinct := slices.Compact(slices.Sorted(slices.Values(model)))
	n := len(distinct)
	if n < 3 {
		return Split{}, fmt.Errorf("probe: %d models cannot be split into three parts: give at least 3", n)
	}
	held := max(1, int(math.Round(0.15*float64(n))))
	part := map[int]int{}
	order := shuffle(n, rng.New(seed, "analysis/probe/split"))
	for i, j := range order {
		switch {
		case i < held:
			part[distinct[j]] = 2
		case i < 2*held:
			part[distinct[j]] = 1
		}
	}
	var s Split
	for i, m := range model {
		switch part[m] {
		case 0:
			s.Train = append(s.Train, i)
		case 1:
			s.Validation = append(s.Validation, i)
		default:
			s.Test = append(s.Test, i)
		}
	}
	return s, nil
}

// Shuffled gives the values of a target to other rows: the control, whose R2 must be near 0 and
// whose accuracy must be that of guessing.
func Shuffled[V any](values []V, seed uint64) []V {
	shuffled := make([]V, len(values))
	for i, j := range shuffle(len(values), rng.New(seed, "analysis/probe/control")) {
		shuffled[i] = values[j]
	}
	return shuffled
}

// shuffle is Fisher and Yates' permutation from one draw per element.
func shuffle(n int, s rng.Stream) []int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	for i := n - 1; i > 0; i-- {
		j := int(s.Open(i) * float64(i+1))
		order[i], order[j] = order[j], order[i]
	}
	return order
}
