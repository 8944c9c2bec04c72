package report

import (
	"math"
	"slices"
	"strconv"
)

// shownEpochs are those of the published figures: early ones close together, the last one always.
var shownEpochs = []int{0, 1, 2, 5, 10, 25, 50, 100, 200, 500, 1000}

// mostEpochs is how many boxes stand side by side.
const mostEpochs = 8

// boxEpochs picks the epochs that have a box.
func boxEpochs(have []int) []int {
	if len(have) <= mostEpochs {
		return have
	}
	last := have[len(have)-1]
	out := slices.DeleteFunc(slices.Clone(have), func(e int) bool { return !slices.Contains(shownEpochs, e) && e != last })
	for len(out) > mostEpochs {
		out = slices.Delete(out, 1, 2)
	}
	return out
}

// epochFigure draws accuracy and generalisation gap at some epochs, over the models that did not diverge.
func epochFigure(in *Input, s *summary) figure {
	f := figure{name: "accuracy-by-epoch", columns: 2}
	i := slices.IndexFunc(s.curves, func(c curve) bool { return c.Name == "testAccuracy" })
	if i < 0 || len(s.curves[i].Epochs) < 2 {
		return f
	}
	diverged := map[string]bool{}
	for _, k := range s.diverged {
		diverged[in.Models[k].ID] = true
	}
	epochs := boxEpochs(s.curves[i].Epochs)
	accuracy, gap := map[int][]float64{}, map[int][]float64{}
	for k := range in.Rows {
		r := &in.Rows[k]
		if !diverged[r.ModelID] && slices.Contains(epochs, r.Epoch) {
			accuracy[r.Epoch], gap[r.Epoch] = append(accuracy[r.Epoch], r.TestAccuracy), append(gap[r.Epoch], r.gap())
		}
	}
	groups := func(of map[int][]float64) []boxGroup {
		var out []boxGroup
		for _, e := range epochs {
			if v := summarise(of[e]); v.N > 0 {
				out = append(out, boxGroup{label: strconv.Itoa(e), s: v})
			}
		}
		return out
	}
	a := groups(accuracy)
	lo, hi := rangeOf(a)
	f.panels = append(f.panels, columnBoxes("Test accuracy by epoch", "epoch", "test accuracy", a, spanOf(lo, hi).clamp(0, 1)))
	if g := groups(gap); len(g) > 0 {
		lo, hi := rangeOf(g)
		f.panels = append(f.panels, columnBoxes("Generalisation gap by epoch", "epoch", "train − test accuracy", g, spanOf(math.Min(lo, 0), math.Max(hi, 0))))
	}
	return f
}
