package program

import (
	"context"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
)

// TestOneRangedReadIsOneModel: the tables alone say where each model's weights lie, at every epoch, also for a network with running
// statistics; what lies there hashes to what the table says.
func TestOneRangedReadIsOneModel(t *testing.T) {
	for name, edit := range map[string]func(*v1alpha1.ModelZooSpec){
		"all": nil, "last": retained("last", 0), "best": retained("best", 0), "every": retained("every", 2),
		"norms": func(z *v1alpha1.ModelZooSpec) {
			z.Population.Grid.Dropout = []v1alpha1.Decimal{"0"}
			z.Architecture = v1alpha1.Architecture{Layers: []v1alpha1.Layer{
				{Conv2D: v1alpha1.Conv2DLayer{Out: 2, Kernel: 5, Stride: 4}}, {BatchNorm: &v1alpha1.BatchNormLayer{}}, {GlobalAvgPool: &v1alpha1.GlobalAvgPoolLayer{}}, {Linear: v1alpha1.LinearLayer{Out: 10}},
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			s := l.planZoo(l.dataset(), zooOptions{seeds: 3, epochs: 4, perShard: 2, edit: edit})
			l.runAll(s, l.env())
			table := func(name string) []byte {
				b, err := l.store.Get(t.Context(), s.ArtifactPath+"/"+name)
				if err != nil {
					t.Fatal(err)
				}
				return b
			}
			models, err := artifact.ReadModels(table(modelsName))
			if err != nil {
				t.Fatal(err)
			}
			metrics, err := artifact.ReadMetrics(table(metricsTableName))
			if err != nil {
				t.Fatal(err)
			}
			kept := 0
			for i, m := range models {
				for e, r := range metrics[5*i : 5*i+5] {
					at, ok := r.At(m.WeightBytes)
					if !ok {
						continue
					}
					kept++
					if b := readAt(t.Context(), t, l, s.ArtifactPath, at); sha(b) != r.WeightsSHA256 || int(r.Epoch) != e {
						t.Errorf("model %s, epoch %d: other weights at %+v", m.ModelID, e, at)
					}
				}
				last, ok := m.Last()
				if b := readAt(t.Context(), t, l, s.ArtifactPath, last); !ok || sha(b) != metrics[5*i+4].WeightsSHA256 {
					t.Errorf("model %s: other last weights at %+v", m.ModelID, last)
				}
				best, ok := m.Best()
				if want := name != "last" && name != "every"; want && !ok {
					t.Errorf("model %s: its best weights are nowhere", m.ModelID)
				}
				if ok && sha(readAt(t.Context(), t, l, s.ArtifactPath, best)) != metrics[5*i+int(*m.BestEpoch)].WeightsSHA256 {
					t.Errorf("model %s: other best weights at %+v", m.ModelID, best)
				}
			}
			if want := map[string]int{"all": 15, "norms": 15, "last": 3, "every": 9}[name]; want != 0 && kept != want {
				t.Errorf("%d states are kept, want %d", kept, want)
			}
		})
	}
}

func readAt(ctx context.Context, t *testing.T, l *lab, dir string, at artifact.Location) []byte {
	t.Helper()
	b, err := l.store.ReadWeights(ctx, dir, at)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
