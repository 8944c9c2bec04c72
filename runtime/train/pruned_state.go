package train

import "fmt"

// slabMask is 1 where a parameter is dropped.
const slabMask = "mask"

// State implements Engine: the host's, and the masks.
func (t *Pruned) State() *State {
	s := t.host.State()
	n := t.Parameters()
	mask := make([]float32, t.members*n)
	for p, dropped := range t.masking.dropped {
		for _, i := range dropped {
			mask[p*n+int(i)] = 1
		}
	}
	s.Float32 = append(s.Float32, Slab[float32]{slabMask, n, mask})
	return s
}

// Restore implements Engine.
func (t *Pruned) Restore(s *State) error {
	if s == nil || s.Members != t.members {
		return fmt.Errorf("train: restore: state is not of %d members", t.members)
	}
	n := t.Parameters()
	mask, err := find(s.Float32, slabMask, t.members, n)
	if err != nil {
		return err
	}
	dropped := make([][]int32, t.members)
	for i, v := range mask {
		switch v {
		case 0:
		case 1:
			dropped[i/n] = append(dropped[i/n], int32(i%n))
		default:
			return fmt.Errorf("train: restore: slab %s: %v at parameter %d of member %d is neither 0 nor 1", slabMask, v, i%n, i/n)
		}
	}
	own := *s
	own.Float32 = nil
	for _, f := range s.Float32 {
		if f.Name != slabMask {
			own.Float32 = append(own.Float32, f)
		}
	}
	if err := t.host.Restore(&own); err != nil {
		return err
	}
	t.masking.dropped = dropped
	for p := range dropped {
		t.masking.clear(p, t.mutable(p))
		t.forget(p, dropped[p])
	}
	return nil
}
