package program

import (
	"encoding/json"
	"errors"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

func retained(checkpoints v1alpha1.RetainedCheckpoints, every int32) func(*v1alpha1.ModelZooSpec) {
	return func(z *v1alpha1.ModelZooSpec) {
		z.Retention = v1alpha1.Retention{Checkpoints: checkpoints, Every: every}
	}
}

// kept are the names of the weight files of a zoo, sorted, once each.
func (l *lab) kept(s *spec.Snapshot) []string {
	var out []string
	for p := range l.files(s.ArtifactPath + "/shards/") {
		if name := path.Base(p); strings.HasPrefix(name, "epoch-") || name == bestName {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestRetentionKeepsResults: what stays are the epochs asked for; the result's digest, which covers the weights of every epoch, stays
// the same, and a zoo that kept little grows like any other.
func TestRetentionKeepsResults(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	want := l.runAll(l.planZoo(in, zooOptions{name: "all", seeds: 3, epochs: 5, perShard: 2}), l.env())
	grown := l.runAll(l.planZoo(in, zooOptions{name: "grown", seeds: 3, epochs: 7, perShard: 2}), l.env())
	for _, c := range []struct {
		name   string
		edit   func(*v1alpha1.ModelZooSpec)
		files  []string
		larger []string
	}{
		{"last", retained("last", 0), []string{epochName(5)}, []string{epochName(5), epochName(7)}},
		{"every", retained("every", 2), []string{epochName(0), epochName(2), epochName(4), epochName(5)}, []string{epochName(0), epochName(2), epochName(4), epochName(5), epochName(6), epochName(7)}},
		{"best", retained("best", 0), []string{bestName, epochName(5)}, []string{bestName, epochName(5), epochName(7)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := zooOptions{name: c.name, seeds: 3, epochs: 5, perShard: 2, edit: c.edit}
			s := l.planZoo(in, o)
			before := l.trained
			r := l.runAll(s, l.env())
			if r.ResultDigest != want.ResultDigest || r.SizeBytes >= want.SizeBytes || l.trained-before != 15 {
				t.Errorf("digest %s of %d bytes after %d epochs, want %s of less than %d", r.ResultDigest, r.SizeBytes, l.trained-before, want.ResultDigest, want.SizeBytes)
			}
			if got := l.kept(s); !slices.Equal(got, c.files) {
				t.Errorf("kept %v, want %v", got, c.files)
			}
			before = l.trained
			if again := l.runAll(s, l.env()); again.ManifestDigest != r.ManifestDigest || l.trained != before {
				t.Errorf("running again trained %d epochs", l.trained-before)
			}
			o.epochs = 7
			s = l.planZoo(in, o)
			if r := l.runAll(s, l.env()); r.ResultDigest != grown.ResultDigest || l.trained-before != 6 {
				t.Errorf("grown: digest %s after %d epochs, want %s", r.ResultDigest, l.trained-before, grown.ResultDigest)
			}
			if got := l.kept(s); !slices.Equal(got, c.larger) {
				t.Errorf("grown: kept %v, want %v", got, c.larger)
			}
		})
	}
}

// TestBestWeights: best.safetensors holds each member's weights at the first of its epochs of highest validation accuracy, also when the
// run was killed after any of its writes.
func TestBestWeights(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	all := l.planZoo(in, zooOptions{name: "all", seeds: 3, epochs: 6})
	l.runAll(all, l.env())
	metrics, err := l.store.Get(t.Context(), all.ArtifactPath+"/"+metricsTableName)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := artifact.ReadMetrics(metrics)
	if err != nil {
		t.Fatal(err)
	}
	best := map[string]artifact.MetricRow{}
	for _, r := range rows {
		if b, ok := best[r.ModelID]; !ok || r.ValidationAccuracy > b.ValidationAccuracy {
			best[r.ModelID] = r
		}
	}
	for n := 1; ; n++ {
		name := "best-" + string(rune('a'+n))
		s := l.planZoo(in, zooOptions{name: name, seeds: 3, epochs: 6, edit: retained("best", 0)})
		store := &crashing{Store: l.store, left: n}
		env := l.env()
		env.Store = store
		_, err := l.run(s, spec.StageTrain, 0, env)
		if store.died && !errors.Is(err, errCrash) {
			t.Fatal(err)
		}
		if store.died {
			if _, err := l.run(s, spec.StageTrain, 0, l.env()); err != nil {
				t.Fatal(err)
			}
		}
		for p := range l.files(s.ArtifactPath + "/shards/") {
			if path.Base(p) != bestName {
				continue
			}
			f, err := l.store.ReadTensors(t.Context(), p)
			if err != nil {
				t.Fatal(err)
			}
			var models []string
			var epochs []int
			if json.Unmarshal([]byte(f.Metadata["models"]), &models) != nil || json.Unmarshal([]byte(f.Metadata["epochs"]), &epochs) != nil || len(models) != 3 {
				t.Fatalf("metadata %v", f.Metadata)
			}
			row := len(f.Tensors[0].Data) / 3
			for i, m := range models {
				if want := best[m]; epochs[i] != int(want.Epoch) || sha(f.Tensors[0].Data[i*row:(i+1)*row]) != want.WeightsSHA256 {
					t.Errorf("killed after write %d: model %s has epoch %d, want the weights of epoch %d", n, m, epochs[i], want.Epoch)
				}
			}
		}
		if !store.died {
			break
		}
	}
}

func TestDamagedBestWeights(t *testing.T) {
	c := &checkpoint{Record: record{Members: 2, FirstEpoch: 1, Rows: make([][]sixRow, 2), BestEpoch: []int{1, 2}}, Best: make([]float32, 4)}
	for i := range c.Record.Rows {
		c.Record.Rows[i] = make([]sixRow, 2)
	}
	if _, err := resumeBest(c); err != nil {
		t.Fatal(err)
	}
	for name, edit := range map[string]func(*checkpoint){
		"no weights": func(c *checkpoint) { c.Best = nil }, "ragged": func(c *checkpoint) { c.Best = c.Best[:3] },
		"no epochs": func(c *checkpoint) { c.Record.BestEpoch = nil }, "early": func(c *checkpoint) { c.Record.BestEpoch = []int{0, 1} },
		"late": func(c *checkpoint) { c.Record.BestEpoch = []int{3, 1} },
	} {
		bad := *c
		edit(&bad)
		var damaged *damagedError
		if _, err := resumeBest(&bad); !errors.As(err, &damaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
