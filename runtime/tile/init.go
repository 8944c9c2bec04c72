package tile

import "github.com/weightspace/weightspace/runtime/initializer"

// biasInit is the value of every bias at the start.
const biasInit = 0.01

// Init fills a member's row: weights by the named law of package initializer, biases 0.01. The stream of a tensor is
// "init/<name>".
func (n *Net) Init(row []float32, seed uint64, law string) error {
	weights, err := initializer.Named(law)
	if err != nil {
		return err
	}
	for _, p := range n.layout {
		l := weights
		if len(p.Shape) == 1 {
			l = initializer.Constant{Value: biasInit}
		}
		if err := initializer.Fill(row[p.Offset:p.Offset+p.Size()], p.Shape, seed, p.Name, l); err != nil {
			return err
		}
	}
	return nil
}
