package embed

import (
	"context"
	"fmt"
	"math"

	"github.com/weightspace/weightspace/runtime/analysis/points"
	"github.com/weightspace/weightspace/runtime/par"
)

// TSNE is t-distributed stochastic neighbour embedding in the plane (van der Maaten and Hinton 2008),
// exact for up to Exact points and by Barnes and Hut (van der Maaten 2014) for more. The zero value is
// the usual recipe, scikit-learn's: perplexity 30, 1,000 steps of which the first 250 exaggerate
// similarities by 12, rate max(N/12/4, 50), momentum 0.5, then 0.8. It starts from the first two
// principal components, so that there is no randomness.
type TSNE struct {
	// Perplexity is about the number of neighbours that count, below N/3.
	Perplexity float64
	// Exaggeration, Iterations, LearningRate: 0 for the recipe's.
	Exaggeration float64
	Iterations   int
	LearningRate float64
	// Exact is the largest number of points for which all pairs are used; 0 means 5,000.
	Exact int
	// Theta is Barnes and Hut's accuracy, 0.5 if 0; smaller is slower and better.
	Theta float64
}

// Embedding is N points in the plane.
type Embedding struct {
	// Y is [N, 2].
	Y []float64
	// Divergence is the Kullback-Leibler divergence of the similarities in the plane from those of the points, in nats; by
	// Barnes and Hut it is that of the neighbours that were kept.
	Divergence float64
	// Iterations is the number of steps done: fewer than asked for if the gradient vanished.
	Iterations int
}

const explore = 250

// Embed computes the embedding. The result depends on the points and the recipe alone.
func (t TSNE) Embed(ctx context.Context, workers int, p points.Points) (*Embedding, error) {
	t = t.complete(p.N)
	if p.N < 4 || !(t.Perplexity > 0) || 3*t.Perplexity > float64(p.N-1) {
		return nil, fmt.Errorf("embed: a perplexity of %g for %d points: it must be positive and at most a third of their number less one", t.Perplexity, p.N)
	}
	y, err := start(ctx, workers, p)
	if err != nil {
		return nil, err
	}
	var f forces
	if p.N <= t.Exact {
		f, err = newExact(ctx, workers, p, t.Perplexity)
	} else {
		f, err = newTree(ctx, workers, p, t.Perplexity, t.Theta)
	}
	if err != nil {
		return nil, err
	}
	e := &Embedding{Y: y}
	if err := t.descend(ctx, workers, f, e); err != nil {
		return nil, err
	}
	e.Divergence, err = f.divergence(ctx, workers, y)
	return e, err
}

func (t TSNE) complete(n int) TSNE {
	if t.Perplexity == 0 {
		t.Perplexity = min(30, float64(n-1)/3)
	}
	if t.Exaggeration == 0 {
		t.Exaggeration = 12
	}
	if t.Iterations == 0 {
		t.Iterations = 1000
	}
	if t.LearningRate == 0 {
		t.LearningRate = max(float64(n)/t.Exaggeration/4, 50)
	}
	if t.Exact == 0 {
		t.Exact = 5000
	}
	if t.Theta == 0 {
		t.Theta = 0.5
	}
	return t
}

// start is the first two components, scaled to a deviation of 1e-4 along the first.
func start(ctx context.Context, workers int, p points.Points) ([]float64, error) {
	r, err := PCA(ctx, workers, p, min(2, p.D))
	if err != nil {
		return nil, err
	}
	y := make([]float64, 2*p.N)
	scale := 1e-4 / math.Sqrt(r.Variance[0]*float64(p.N-1)/float64(p.N))
	for i := range p.N {
		for c := range r.K {
			y[2*i+c] = scale * r.Scores[i*r.K+c]
		}
		if r.K == 1 {
			// Points on a line need a second direction; the golden angle spreads them.
			y[2*i+1] = 1e-6 * math.Sin(2.399963229728653*float64(i))
		}
	}
	return y, nil
}

// forces are a gradient at y [N, 2], similarities times exaggeration.
type forces interface {
	gradient(ctx context.Context, workers int, y, g []float64, exaggeration float64) error
	divergence(ctx context.Context, workers int, y []float64) (float64, error)
}

// descend is gradient descent with momentum and a gain per coordinate (Jacobs 1988).
func (t TSNE) descend(ctx context.Context, workers int, f forces, e *Embedding) error {
	n := len(e.Y)
	g, step, gain := make([]float64, n), make([]float64, n), make([]float64, n)
	for phase := range 2 {
		exaggeration, momentum, count := t.Exaggeration, 0.5, min(explore, t.Iterations)
		if phase == 1 {
			exaggeration, momentum, count = 1, 0.8, t.Iterations-count
		}
		clear(step)
		for i := range gain {
			gain[i] = 1
		}
		for range count {
			if err := f.gradient(ctx, workers, e.Y, g, exaggeration); err != nil {
				return err
			}
			e.Iterations++
			if math.Sqrt(dot(g, g)) <= 1e-7 {
				break
			}
			for i, d := range g {
				if step[i]*d < 0 {
					gain[i] += 0.2
				} else {
					gain[i] = max(gain[i]*0.8, 0.01)
				}
				step[i] = momentum*step[i] - t.LearningRate*gain[i]*d
				e.Y[i] += step[i]
			}
		}
	}
	return nil
}

// affinities turns squared distances into conditional probabilities exp(-beta d)/sum whose
// perplexity is as asked, by bisection of beta; p and squares may be the same slice.
func affinities(p, squares []float64, perplexity float64) {
	least := math.Inf(1)
	for _, d := range squares {
		least = min(least, d)
	}
	goal, beta, low, high := math.Log(perplexity), 1.0, 0.0, math.Inf(1)
	if mean := meanAbove(squares, least); mean > 0 {
		beta = 1 / mean
	}
	for range 200 {
		sum, weighted := 0.0, 0.0
		for _, d := range squares {
			w := math.Exp(-(d - least) * beta)
			sum += w
			weighted += w * (d - least)
		}
		entropy := math.Log(sum) + beta*weighted/sum
		if math.Abs(entropy-goal) <= 1e-10 {
			break
		}
		if entropy > goal {
			low = beta
		} else {
			high = beta
		}
		if math.IsInf(high, 1) {
			beta *= 2
		} else {
			beta = (low + high) / 2
		}
	}
	sum := 0.0
	for i, d := range squares {
		p[i] = math.Exp(-(d - least) * beta)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

func meanAbove(squares []float64, least float64) float64 {
	s := 0.0
	for _, d := range squares {
		s += (d - least) / float64(len(squares))
	}
	return s
}

// exact holds the joint probabilities of all pairs, [N, N].
type exact struct {
	n int
	p []float64
	// Of every row: the attraction, the repulsion, and the sum of the kernel.
	attract, repel, z []float64
}

func newExact(ctx context.Context, workers int, x points.Points, perplexity float64) (*exact, error) {
	d, err := x.Distances(ctx, workers)
	if err != nil {
		return nil, err
	}
	n := x.N
	e := &exact{n: n, p: make([]float64, n*n), attract: make([]float64, 2*n), repel: make([]float64, 2*n), z: make([]float64, n)}
	scratch := make([][]float64, par.Workers(workers))
	err = par.For(ctx, len(scratch), n, func(w, i int) {
		row := scratch[w][:0]
		for j := range n {
			if j != i {
				v := d.At(i, j)
				row = append(row, v*v)
			}
		}
		scratch[w] = row
		affinities(row, row, perplexity)
		copy(e.p[i*n:], row[:i])
		copy(e.p[i*n+i+1:(i+1)*n], row[i:])
	})
	for i := range n {
		for j := range i {
			v := max((e.p[i*n+j]+e.p[j*n+i])/float64(2*n), 1e-300)
			e.p[i*n+j], e.p[j*n+i] = v, v
		}
	}
	return e, err
}

// gradient is 4 sum_j (ex p_ij - q_ij) k_ij (y_i - y_j), k = 1/(1+d^2), q = k / sum k.
func (e *exact) gradient(ctx context.Context, workers int, y, g []float64, exaggeration float64) error {
	err := par.For(ctx, par.Workers(workers), e.n, func(_, i int) { e.row(y, i) })
	z := 0.0
	for _, s := range e.z {
		z += s
	}
	for i := range g {
		g[i] = 4 * (exaggeration*e.attract[i] - e.repel[i]/z)
	}
	return err
}

// row sums over all points; the point itself adds nothing but 1 to z.
func (e *exact) row(y []float64, i int) {
	p := e.p[i*e.n : (i+1)*e.n]
	y = y[:2*len(p)]
	a, b := y[2*i], y[2*i+1]
	var ax, ay, rx, ry, z float64
	for j, q := range p {
		dx, dy := a-y[2*j], b-y[2*j+1]
		k := 1 / (1 + dx*dx + dy*dy)
		z += k
		q *= k
		k *= k
		ax += q * dx
		ay += q * dy
		rx += k * dx
		ry += k * dy
	}
	e.attract[2*i], e.attract[2*i+1], e.repel[2*i], e.repel[2*i+1], e.z[i] = ax, ay, rx, ry, z-1
}

func (e *exact) divergence(ctx context.Context, workers int, y []float64) (float64, error) {
	if err := e.gradient(ctx, workers, y, make([]float64, len(y)), 1); err != nil {
		return 0, err
	}
	z := 0.0
	for _, s := range e.z {
		z += s
	}
	kl := 0.0
	for i := range e.n {
		for j := range e.n {
			if i != j {
				kl += divergence(e.p[i*e.n+j], y, i, j, z)
			}
		}
	}
	return kl, nil
}

// divergence is p log(p/q) of a pair.
func divergence(p float64, y []float64, i, j int, z float64) float64 {
	dx, dy := y[2*i]-y[2*j], y[2*i+1]-y[2*j+1]
	q := 1 / ((1 + dx*dx + dy*dy) * z)
	return p * math.Log(p/max(q, 1e-300))
}
