package train

import (
	"fmt"

	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/tile"
)

// Forward answers images with given networks of one architecture, in eval mode: the same
// arithmetic as Evaluate. It is for one goroutine.
type Forward struct {
	net    *tile.Net
	worker *worker
	images *imageLoader
}

// NewForward builds the network that c.Architecture, c.Activation and the data's shape describe;
// of the rest of c only Data and ISA are used.
func NewForward(c Config) (*Forward, error) {
	if c.Data == nil {
		return nil, fmt.Errorf("train: data is missing")
	}
	if err := checkData(c.Data); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	net, err := c.network()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	k, err := kernel.New(c.ISA)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return &Forward{net: net, worker: newWorker(net, k), images: newImageLoader(c.Data)}, nil
}

// Outputs is the number of logits of an image.
func (f *Forward) Outputs() int { return f.net.Out().Size() }

// Logits answers the first n images of a split of the data with the network whose parameters
// are weights [nParams]: [n, Outputs].
func (f *Forward) Logits(weights []float32, s *data.Split, n int) ([]float32, error) {
	if len(weights) != f.net.NumParams() {
		return nil, fmt.Errorf("train: %d weights for a network of %d parameters", len(weights), f.net.NumParams())
	}
	if n < 0 || n > s.N {
		return nil, fmt.Errorf("train: %d images asked for, the split has %d", n, s.N)
	}
	w, outputs := f.worker, f.Outputs()
	out := make([]float32, n*outputs)
	own := w.tape.Input()
	defer w.tape.SetInput(own)
	w.tape.Load(weights, tile.Member{}, false)
	w.tape.SetInput(w.tiles)
	for at := 0; at < n; at += kernel.Lanes {
		lanes := min(kernel.Lanes, n-at)
		for l := range lanes {
			w.index[l] = at + l
		}
		f.images.tile(w.k, &w.src, w.tiles, s, w.index[:lanes])
		logits := w.tape.Forward(0, 0)
		for l := range lanes {
			for o := range outputs {
				out[(at+l)*outputs+o] = logits[o*kernel.Lanes+l]
			}
		}
	}
	return out, nil
}
