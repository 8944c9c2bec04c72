package train

import (
	"fmt"
	"slices"

	"github.com/weightspace/weightspace/runtime/nn"
	"github.com/weightspace/weightspace/runtime/tensor"
)

// Initial is the weights that a member starts from: those of another network, all but the head.
type Initial struct {
	// Layout names the tensors of Row: parameters, then running statistics.
	Layout []tensor.Param
	Row    []float32
	// Head is the name of the module that is not taken over.
	Head string
}

// start copies the initial weights of members that have them. Every tensor but the head's must be there in its shape.
func (t *Recorded) start() error {
	if t.recipe.Initial == nil {
		return nil
	}
	if len(t.recipe.Initial) != len(t.cfg.Members) {
		return fmt.Errorf("train: initial weights for %d of %d members", len(t.recipe.Initial), len(t.cfg.Members))
	}
	params := t.pop.NumParams()
	for p, from := range t.recipe.Initial {
		for _, q := range t.Layout() {
			if nn.InHead(q.Name, from.Head) {
				continue
			}
			i := slices.IndexFunc(from.Layout, func(f tensor.Param) bool { return f.Name == q.Name })
			if i < 0 || !slices.Equal(from.Layout[i].Shape, q.Shape) {
				return fmt.Errorf("train: member %d: the initial weights have no tensor %s of shape %v", p, q.Name, q.Shape)
			}
			at := from.Layout[i].Offset
			if at < 0 || at+q.Size() > len(from.Row) {
				return fmt.Errorf("train: member %d: tensor %s lies outside the %d initial weights", p, q.Name, len(from.Row))
			}
			to := t.pop.Row(p)
			if q.Offset >= params {
				to, q.Offset = t.pop.StateRow(p), q.Offset-params
			}
			copy(to[q.Offset:q.Offset+q.Size()], from.Row[at:])
		}
	}
	return nil
}
