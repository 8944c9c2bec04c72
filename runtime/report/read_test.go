package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/spec"
)

const zooPath = "research/modelzoo/mnist-small"

// storeZoo writes a zoo's tables and manifest into a store, as the index stage does.
func storeZoo(t *testing.T, in Input, kind string) *artifact.Store {
	t.Helper()
	store, err := artifact.Open(t.Context(), "file://"+t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	var models []artifact.ModelRow
	var metrics []artifact.MetricRow
	number := func(text string) float64 {
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	zoo := spec.Zoo{Dataset: spec.DatasetInput{Name: in.Header.Dataset}}
	for _, m := range in.Models {
		r := artifact.ModelRow{
			ModelID: m.ID, Seed: int64(m.Seed), Activation: m.Hyper[0], Initializer: m.Hyper[1], Optimizer: m.Hyper[2],
			LearningRate: number(m.Hyper[3]), WeightDecay: number(m.Hyper[4]), Dropout: number(m.Hyper[5]),
			BatchSize: int32(in.Header.BatchSize), Architecture: in.Header.Architecture, Parameters: int32(in.Header.Parameters), Epochs: int32(in.Header.Epochs),
			TrainLoss: m.Final.TrainLoss, TrainAccuracy: m.Final.TrainAccuracy, TestLoss: m.Final.TestLoss, TestAccuracy: m.Final.TestAccuracy,
			ValidationLoss: m.Final.ValidationLoss, ValidationAccuracy: m.Final.ValidationAccuracy, Shard: m.Shard, Row: int32(m.Index),
		}
		if m.DivergedEpoch >= 0 {
			e := int32(m.DivergedEpoch)
			r.DivergedEpoch = &e
		}
		models = append(models, r)
		zoo.Cells = append(zoo.Cells, spec.Cell{LearningRate: m.Hyper[3], WeightDecay: m.Hyper[4], Dropout: m.Hyper[5]})
	}
	for _, r := range in.Rows {
		metrics = append(metrics, artifact.MetricRow{
			ModelID: r.ModelID, Epoch: int32(r.Epoch), TrainLoss: r.TrainLoss, TrainAccuracy: r.TrainAccuracy,
			ValidationLoss: r.ValidationLoss, ValidationAccuracy: r.ValidationAccuracy, TestLoss: r.TestLoss, TestAccuracy: r.TestAccuracy,
		})
	}
	var a, b, c bytes.Buffer
	timing := []artifact.TimingRow{{Shard: "s", Epoch: 1, TrainSeconds: 61, EvaluateSeconds: 1}, {Shard: "s", Epoch: 2, TrainSeconds: 62}}
	if err := errors.Join(artifact.WriteModels(&a, models), artifact.WriteMetrics(&b, metrics), artifact.WriteTiming(&c, timing)); err != nil {
		t.Fatal(err)
	}
	plan, err := json.Marshal(spec.Snapshot{Zoo: &zoo})
	if err != nil {
		t.Fatal(err)
	}
	m := &artifact.Manifest{
		Kind: kind, Namespace: "research", Name: "mnist-small", ResultDigest: in.Header.ResultDigest, Spec: plan,
		Versions: map[string]string{"numerics": "n1"},
		Files:    []artifact.FileEntry{artifact.Entry(modelsName, a.Bytes()), artifact.Entry(metricsName, b.Bytes())},
	}
	for name, content := range map[string][]byte{modelsName: a.Bytes(), metricsName: b.Bytes(), timingName: c.Bytes()} {
		if err := store.Put(t.Context(), zooPath+"/"+name, content); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.WriteManifest(t.Context(), zooPath, m); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestWrite(t *testing.T) {
	in := syntheticZoo(smallShape, 7)
	store := storeZoo(t, in, spec.KindModelZoo)
	folder := filepath.Join(t.TempDir(), "new", "report")
	for range 2 { // the second time over the first
		if err := Write(t.Context(), store, zooPath, Folder(folder)); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 9 {
		t.Fatalf("%d files (%v): %v, want 9 and nothing left over", len(entries), err, entries)
	}
	html, err := os.ReadFile(filepath.Join(folder, PageName))
	if err != nil {
		t.Fatal(err)
	}
	wellFormed(t, Files{PageName: html})
	for _, want := range []string{
		"<h1>mnist-small</h1>", "data set mnist", "cnn-small", "2\u202f464", "3e-4, 1e-3, 1e-2", in.Header.ResultDigest, "2m4s", "Numerics version",
	} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	want, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		got, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if name != PageName && !bytes.Equal(got, want[name]) {
			t.Errorf("%s from the store differs from the one drawn from the same numbers", name)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	zoo := syntheticZoo(smallShape, 7)
	cases := map[string]struct {
		kind string
		edit func(ctx context.Context, s *artifact.Store) error
		path string
		is   error
		want string
	}{
		"a name that is not there": {path: "research/modelzoo/nope", is: ErrInput, want: "has no manifest.json"},
		"a data set":               {kind: spec.KindDataset, is: ErrInput, want: "is a Dataset"},
		"a table changed behind the manifest": {edit: func(ctx context.Context, s *artifact.Store) error {
			return s.Put(ctx, zooPath+"/"+metricsName, []byte("PAR1 nonsense PAR1"))
		}, is: artifact.ErrCorrupt, want: metricsName},
		"a table that is no Parquet": {edit: func(ctx context.Context, s *artifact.Store) error {
			m, _, err := s.ReadManifest(ctx, zooPath)
			if err != nil {
				return err
			}
			for i := range m.Files {
				if m.Files[i].Path == modelsName {
					m.Files[i] = artifact.Entry(modelsName, []byte("nonsense"))
				}
			}
			if err := s.Put(ctx, zooPath+"/"+modelsName, []byte("nonsense")); err != nil {
				return err
			}
			_, err = s.WriteManifest(ctx, zooPath, m)
			return err
		}, is: ErrInput, want: modelsName},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			kind, path := spec.KindModelZoo, zooPath
			if c.kind != "" {
				kind = c.kind
			}
			if c.path != "" {
				path = c.path
			}
			store := storeZoo(t, zoo, kind)
			if c.edit != nil {
				if err := c.edit(t.Context(), store); err != nil {
					t.Fatal(err)
				}
			}
			folder := filepath.Join(t.TempDir(), "report")
			err := Write(t.Context(), store, path, Folder(folder))
			if !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %v with %q", err, c.is, c.want)
			}
			if _, err := os.Stat(folder); err == nil {
				t.Error("files were written all the same")
			}
		})
	}
}

func TestDamagedTimingIsNoObstacle(t *testing.T) {
	store := storeZoo(t, syntheticZoo(smallShape, 7), spec.KindModelZoo)
	if err := store.Put(t.Context(), zooPath+"/"+timingName, []byte("nonsense")); err != nil {
		t.Fatal(err)
	}
	in, err := Read(t.Context(), store, zooPath)
	if err != nil {
		t.Fatal(err)
	}
	if in.Header.ShardSeconds != 0 || !strings.Contains(in.Header.Facts[len(in.Header.Facts)-1].Value, "cannot be read") {
		t.Errorf("header %+v does not say that the wall times are unknown", in.Header)
	}
}
