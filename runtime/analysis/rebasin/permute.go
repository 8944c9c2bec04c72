package rebasin

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/rng"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Permutations hold one permutation per group: unit i of the permuted network is unit p[g][i] of
// the given one.
type Permutations [][]int

// Identity leaves every unit where it is.
func (s *Spec) Identity() Permutations {
	p := make(Permutations, len(s.Groups))
	for g, group := range s.Groups {
		p[g] = make([]int, group.Size)
		for i := range p[g] {
			p[g][i] = i
		}
	}
	return p
}

// Random draws permutations by a seed.
func (s *Spec) Random(seed uint64) Permutations {
	p := s.Identity()
	stream := rng.New(seed, "analysis/rebasin/random")
	draw := 0
	for _, q := range p {
		for i := len(q) - 1; i > 0; i-- {
			j := int(stream.Open(draw) * float64(i+1))
			draw++
			q[i], q[j] = q[j], q[i]
		}
	}
	return p
}

// Apply permutes the units of a network: row is its weights. The result computes the same function, up
// to rounding in a different order of sums.
func (s *Spec) Apply(p Permutations, row []float32) ([]float32, error) {
	if len(row) < tensor.Total(s.Params) {
		return nil, fmt.Errorf("rebasin: a row of %d weights for a layout of %d", len(row), tensor.Total(s.Params))
	}
	if err := s.valid(p); err != nil {
		return nil, err
	}
	out := append([]float32(nil), row...)
	maps := s.maps(p, -1)
	for i, t := range s.Params {
		if maps[i] != nil {
			gather(out[t.Offset:][:t.Size()], row[t.Offset:], t, maps[i])
		}
	}
	return out, nil
}

func (s *Spec) valid(p Permutations) error {
	if len(p) != len(s.Groups) {
		return fmt.Errorf("rebasin: %d permutations for %d groups", len(p), len(s.Groups))
	}
	for g, group := range s.Groups {
		seen := make([]bool, group.Size)
		for _, u := range p[g] {
			if len(p[g]) != group.Size || u < 0 || u >= group.Size || seen[u] {
				return fmt.Errorf("rebasin: what is given for %s is no permutation of its %d units", group.Name, group.Size)
			}
			seen[u] = true
		}
	}
	return nil
}

// maps gives, for each parameter, the indices that its axes 0 and 1 take; nil for axes that stay. A
// group to leave alone may be named, or -1.
func (s *Spec) maps(p Permutations, except int) []*[2][]int {
	maps := make([]*[2][]int, len(s.Params))
	for g, group := range s.Groups {
		if g == except {
			continue
		}
		for _, a := range group.Axes {
			if maps[a.Param] == nil {
				maps[a.Param] = new([2][]int)
			}
			index := make([]int, 0, group.Size*a.Block)
			for _, u := range p[g] {
				for b := range a.Block {
					index = append(index, u*a.Block+b)
				}
			}
			maps[a.Param][a.Axis] = index
		}
	}
	return maps
}

// gather is dst[i, j, ...] = src[m0[i], m1[j], ...].
func gather(dst, src []float32, t tensor.Param, m *[2][]int) {
	rows, cols, rest := t.Shape[0], 1, 1
	if len(t.Shape) > 1 {
		cols = t.Shape[1]
		for _, n := range t.Shape[2:] {
			rest *= n
		}
	}
	for i := range rows {
		from := i
		if m[0] != nil {
			from = m[0][i]
		}
		for j := range cols {
			at := j
			if m[1] != nil {
				at = m[1][j]
			}
			copy(dst[(i*cols+j)*rest:][:rest], src[(from*cols+at)*rest:])
		}
	}
}
