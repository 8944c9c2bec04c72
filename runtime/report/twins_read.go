package report

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/weightspace/weightspace/runtime/artifact"
)

// Tables of twins.
const (
	twinsName       = "twins.parquet"
	twinMetricsName = "twin-metrics.parquet"
	twinLayersName  = "twin-layers.parquet"
)

// readTwins reads the sparse twins of a zoo; nil when it has none.
func readTwins(ctx context.Context, store *artifact.Store, dir string, m *artifact.Manifest) (*Twins, error) {
	if _, ok := m.File(twinsName); !ok {
		return nil, nil
	}
	rows, err := readTable(ctx, store, dir, m, twinsName, artifact.ReadTwins)
	if err != nil {
		return nil, err
	}
	metrics, err := readTable(ctx, store, dir, m, twinMetricsName, artifact.ReadTwinMetrics)
	if err != nil {
		return nil, err
	}
	layers, err := readTable(ctx, store, dir, m, twinLayersName, artifact.ReadTwinLayers)
	if err != nil {
		return nil, err
	}
	return convertTwins(rows, metrics, layers), nil
}

// convertTwins groups the rows of the tables. Twins whose tables do not fit together lack what is missing.
func convertTwins(rows []artifact.TwinRow, metrics []artifact.TwinMetricRow, layers []artifact.TwinLayerRow) *Twins {
	moments := map[string][]TwinMoment{}
	for i := range metrics {
		r := &metrics[i]
		moments[r.TwinID] = append(moments[r.TwinID], TwinMoment{int(r.Epoch), r.Sparsity, r.TestAccuracy, r.Agreement})
	}
	for id := range moments {
		slices.SortFunc(moments[id], func(a, b TwinMoment) int { return cmp.Compare(a.Epoch, b.Epoch) })
	}
	last := map[string][]*artifact.TwinLayerRow{}
	for i := range layers {
		r := &layers[i]
		if have := last[r.TwinID]; len(have) > 0 && have[0].Epoch != r.Epoch {
			if have[0].Epoch > r.Epoch {
				continue
			}
			last[r.TwinID] = nil
		}
		last[r.TwinID] = append(last[r.TwinID], r)
	}
	type entry struct {
		name   string
		target float64
	}
	t := &Twins{}
	at := map[entry]int{}
	for i := range rows {
		r := &rows[i]
		e := entry{r.Name, -1}
		if r.TargetSparsity != nil && finite(*r.TargetSparsity) {
			e.target = *r.TargetSparsity
		}
		k, ok := at[e]
		if !ok {
			k = len(t.Groups)
			at[e] = k
			g := TwinGroup{Name: clip(r.Name, 60), Method: clip(r.Method, 40), Target: e.target}
			if e.target < 0 {
				g.Target = math.NaN()
			}
			for _, l := range last[r.TwinID] {
				g.Layers = append(g.Layers, clip(l.Layer, 60))
			}
			t.Groups = append(t.Groups, g)
		}
		g := &t.Groups[k]
		w := Twin{ID: r.TwinID, Parent: r.ModelID, Diverged: r.DivergedEpoch != nil, ParentAccuracy: r.ParentTestAccuracy, Moments: moments[r.TwinID], Layers: make([]float64, len(g.Layers))}
		for l := range w.Layers {
			w.Layers[l] = math.NaN()
		}
		for l, have := range last[r.TwinID] {
			if l < len(g.Layers) && g.Layers[l] == clip(have.Layer, 60) {
				w.Layers[l] = have.Sparsity
			}
		}
		g.Twins = append(g.Twins, w)
	}
	t.order()
	return t
}
