// Package trajectory measures the paths of models through weight space, one point per epoch, and
// recovers the order of points of which only the distances are known. Definitions are those of the
// method card "weight-space trajectories", sections 2 and 3 (after arXiv 2006.10424).
package trajectory

import (
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
)

// still is the step length below which a direction is undefined.
const still = 1e-12

// Float is an element type of weights.
type Float interface{ float32 | float64 }

// Quantities describe the path w_0 ... w_T of one model, d_t = w_{t+1} - w_t. A quantity that is
// undefined is NaN: write it as null.
type Quantities struct {
	// Step is |d_t|, T values, and Relative |d_t|/|w_t|, undefined where w_t = 0.
	Step, Relative []float64
	// Displacement is |w_t - w_0|, T+1 values.
	Displacement []float64
	// Length is the sum of the steps, Straightness |w_T - w_0|/Length in (0, 1].
	Length, Straightness float64
	// Angle is the turn from d_t to d_{t+1} in radians, [0, pi], T-1 values; undefined where a step is below 1e-12.
	Angle []float64
	// Curvature is Menger's of w_t, w_{t+1}, w_{t+2}: 2 sin(Angle)/|w_{t+2} - w_t|, exact for points of a circle. It is
	// undefined where Angle is, or where w_{t+2} = w_t. Compare it only between paths that are sampled alike.
	Curvature []float64
	// MeanCosine is the mean of cos(Angle) where that is defined. Energy is sum |d_{t+1} - d_t|^2 / sum |d_t|^2, the
	// first sum over T-1, the second over T steps: 0 for constant speed on a line, near 2 for independent increments.
	MeanCosine, Energy float64
}

// Measure computes the quantities of a path: states is [T+1, n], row by row. It fails for a length
// that is not a multiple of n, for no states, and for values that are not finite.
func Measure[F Float](states []F, n int) (Quantities, error) {
	return measure(states, n, 0, n)
}

// MeasureLayers does the same for each layer alone.
func MeasureLayers[F Float](states []F, n int, layers []points.Layer) ([]Quantities, error) {
	q := make([]Quantities, len(layers))
	for i, l := range layers {
		if l.Offset < 0 || l.Size <= 0 || l.Offset+l.Size > n {
			return nil, fmt.Errorf("trajectory: layer %s lies outside rows of %d weights", l.Name, n)
		}
		var err error
		if q[i], err = measure(states, n, l.Offset, l.Size); err != nil {
			return nil, fmt.Errorf("layer %s: %w", l.Name, err)
		}
	}
	return q, nil
}

func measure[F Float](states []F, n, offset, size int) (Quantities, error) {
	if n <= 0 || len(states) == 0 || len(states)%n != 0 {
		return Quantities{}, fmt.Errorf("trajectory: %d values are not states of %d weights", len(states), n)
	}
	count := len(states) / n
	at := func(t int) []F { return states[t*n+offset:][:size] }
	q := Quantities{
		Step: make([]float64, count-1), Relative: make([]float64, count-1), Displacement: make([]float64, count),
		Angle: make([]float64, max(count-2, 0)), Curvature: make([]float64, max(count-2, 0)),
	}
	for t := range count {
		q.Displacement[t] = distance(at(t), at(0))
		if s := norm(at(t)); math.IsNaN(s) || math.IsInf(s, 0) {
			return Quantities{}, fmt.Errorf("trajectory: state %d is not finite: exclude the model", t)
		} else if t+1 < count {
			q.Step[t] = distance(at(t+1), at(t))
			q.Relative[t] = ratio(q.Step[t], s)
			q.Length += q.Step[t]
		}
	}
	q.Straightness = ratio(q.Displacement[count-1], q.Length)
	q.turns(func(t int) (inner, second, chord float64) { return turn(at(t), at(t+1), at(t+2)) })
	return q, nil
}

// turns fills what depends on three neighbouring points.
func (q *Quantities) turns(of func(t int) (inner, second, chord float64)) {
	seconds, cosines, defined := 0.0, 0.0, 0
	for t := range q.Angle {
		inner, second, chord := of(t)
		seconds += second
		q.Angle[t], q.Curvature[t] = math.NaN(), math.NaN()
		a, b := q.Step[t], q.Step[t+1]
		if a < still || b < still {
			continue
		}
		q.Angle[t] = angle(inner, second, a, b)
		if chord > 0 {
			q.Curvature[t] = 2 * math.Sin(q.Angle[t]) / chord
		}
		cosines += math.Cos(q.Angle[t])
		defined++
	}
	squares := 0.0
	for _, l := range q.Step {
		squares += l * l
	}
	q.MeanCosine = ratio(cosines, float64(defined))
	q.Energy = ratio(seconds, squares)
}

// angle between steps of lengths a and b with the given inner product and squared difference.
// Below 60 degrees it comes from the difference, since the arc cosine loses half of the digits near 0.
func angle(inner, second, a, b float64) float64 {
	cos := min(max(inner/(a*b), -1), 1)
	if cos <= 0.5 {
		return math.Acos(cos)
	}
	// |d' - d|^2 = (a-b)^2 + 4ab sin^2(angle/2)
	half := (second - (a-b)*(a-b)) / (4 * a * b)
	return 2 * math.Asin(math.Sqrt(min(max(half, 0), 1)))
}

// turn sums over the coordinates of x, y, z: the inner product of the steps y-x and z-y, the
// squared difference of the steps, and the distance of z from x.
func turn[F Float](x, y, z []F) (inner, second, chord float64) {
	for k := range x {
		d, e := float64(y[k])-float64(x[k]), float64(z[k])-float64(y[k])
		inner = math.FMA(d, e, inner)
		second = math.FMA(e-d, e-d, second)
		c := float64(z[k]) - float64(x[k])
		chord = math.FMA(c, c, chord)
	}
	return inner, second, math.Sqrt(chord)
}

func distance[F Float](x, y []F) float64 {
	s := 0.0
	for k := range x {
		d := float64(x[k]) - float64(y[k])
		s = math.FMA(d, d, s)
	}
	return math.Sqrt(s)
}

func norm[F Float](x []F) float64 {
	s := 0.0
	for _, v := range x {
		s = math.FMA(float64(v), float64(v), s)
	}
	return math.Sqrt(s)
}

// ratio is a/b, NaN if b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return a / b
}
