package train

import (
	"context"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/par"
	"github.com/weightspace/weightspace/runtime/tile"
	"github.com/weightspace/weightspace/runtime/variational"
)

// noise is what a Trainer of variational twins has. Its rows are [2 nParams]: theta, then log sigma^2.
type noise struct {
	Variational
	// twins [P, nParams] are what answers.
	twins []float32
}

// weight is that of KL in an epoch from 0.
func (n *noise) weight(epoch int) float64 { return n.KLWeight.At(epoch, n.Epochs) }

// noiseScratch turns rows of one layout into variances, and their gradients into those of the rows.
type noiseScratch struct {
	vectors *variational.Vectors
	sigma2  []float32
}

// load gives the tape the variances of row and the seeds of its members.
func (s *noiseScratch) load(t *tile.Tape, row []float32, members ...tile.Member) {
	half := len(row) / 2
	s.vectors.Variances(s.sigma2, row[:half], row[half:])
	t.LoadVariances(s.sigma2, members)
}

// gradient makes the gradient by row, the one that was loaded, of that by theta and variances.
func (s *noiseScratch) gradient(grad, row []float32, weight float64) {
	half := len(row) / 2
	s.vectors.Gradient(grad[:half], grad[half:], row[:half], row[half:], weight)
}

// variationalTiles trains twins on tiles.
type variationalTiles struct{ *Trainer }

func newVariationalTiles(c Config, parents []float32, v Variational) (*variationalTiles, error) {
	t, err := New(c)
	if err != nil {
		return nil, err
	}
	n, members := t.net.NumParams(), len(c.Members)
	if err := checkRows(parents, members*n); err != nil {
		return nil, err
	}
	t.width, t.noise = 2*n, &noise{Variational: v, twins: make([]float32, members*n)}
	t.weights, t.m = make([]float32, members*t.width), make([]float32, members*t.width)
	if t.v != nil {
		t.v = make([]float32, members*t.width)
	}
	for p := range members {
		row := t.row(t.weights, p)
		copy(row, parents[p*n:(p+1)*n])
		for i := n; i < t.width; i++ {
			row[i] = float32(v.InitLogSigma2)
		}
	}
	for i, w := range t.workers {
		if t.workers[i], err = t.noisyWorker(w.k); err != nil {
			return nil, err
		}
	}
	e := &variationalTiles{t}
	e.answer()
	return e, nil
}

// noisyWorker is a worker for rows of twice the width.
func (t *Trainer) noisyWorker(k *kernel.Kernels) (*worker, error) {
	w := newWorker(t.net, k)
	w.tape = tile.NewVariationalTape(t.net, k)
	w.sums = w.tape.Sums()
	w.grad, w.before = make([]float32, t.width), make([]float32, t.width)
	for i, s := range []**noiseScratch{&w.noise, &w.laneNoise} {
		lanes := 1 + i*(kernel.Lanes-1)
		v, err := variational.NewVectors(k.Level(), t.noise.segments(t.net.Layout(), lanes))
		if err != nil {
			return nil, err
		}
		*s = &noiseScratch{vectors: v, sigma2: make([]float32, t.net.NumParams()*lanes)}
	}
	return w, nil
}

// answer brings the twins up to date.
func (e *variationalTiles) answer() {
	t := e.Trainer
	n := t.net.NumParams()
	// The tasks cannot fail and there is nothing to cancel.
	_ = par.For(context.Background(), len(t.workers), len(t.cfg.Members), func(w, p int) {
		row := t.row(t.weights, p)
		t.workers[w].noise.vectors.Twin(t.noise.twins[p*n:(p+1)*n], row[:n], row[n:], t.noise.LogAlphaThreshold)
	})
}

// TrainEpoch implements Engine.
func (e *variationalTiles) TrainEpoch(ctx context.Context) error {
	defer e.answer()
	return e.Trainer.TrainEpoch(ctx)
}

// Restore implements Engine.
func (e *variationalTiles) Restore(s *State) error {
	if err := e.Trainer.Restore(s); err != nil {
		return err
	}
	e.answer()
	return nil
}

// Sparsity implements TwinEngine.
func (e *variationalTiles) Sparsity() []Sparsity {
	return sparsityOf(e.net.Layout(), e.noise.twins, e.net.NumParams())
}

// Penalty implements VariationalEngine.
func (e *variationalTiles) Penalty() []float64 {
	out := make([]float64, len(e.cfg.Members))
	n := e.net.NumParams()
	for p := range out {
		row := e.row(e.weights, p)
		out[p] = e.workers[0].noise.vectors.Penalty(row[:n], row[n:])
	}
	return out
}

// TrainWithoutNoise implements VariationalEngine.
func (e *variationalTiles) TrainWithoutNoise(ctx context.Context) (loss, accuracy []float64, err error) {
	return withoutNoise(e.cfg.Data, len(e.cfg.Members), func(s *data.Split, set func(p int, loss, accuracy float64)) error {
		return e.evaluateSplit(ctx, s, set)
	})
}

// LogSigma2 implements VariationalEngine.
func (e *variationalTiles) LogSigma2() []float32 {
	n := e.net.NumParams()
	out := make([]float32, 0, len(e.cfg.Members)*n)
	for p := range e.cfg.Members {
		out = append(out, e.row(e.weights, p)[n:]...)
	}
	return out
}
