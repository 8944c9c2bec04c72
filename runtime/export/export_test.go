package export_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/data"
	"github.com/weightspace/weightspace/runtime/export"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

const (
	parameters = 2464
	zooDir     = "ns/modelzoo/zoo"
	dataDir    = "ns/dataset/d"
)

// layout is that of cnn-small without dropout, as the engine writes it.
const layout = `[{"name":"module_list.0.weight","shape":[8,1,5,5],"offset":0},{"name":"module_list.0.bias","shape":[8],"offset":200},
{"name":"module_list.3.weight","shape":[6,8,5,5],"offset":208},{"name":"module_list.3.bias","shape":[6],"offset":1408},
{"name":"module_list.6.weight","shape":[4,6,2,2],"offset":1414},{"name":"module_list.6.bias","shape":[4],"offset":1510},
{"name":"module_list.9.weight","shape":[20,36],"offset":1514},{"name":"module_list.9.bias","shape":[20],"offset":2234},
{"name":"module_list.11.weight","shape":[10,20],"offset":2254},{"name":"module_list.11.bias","shape":[10],"offset":2454}]`

// row makes weights that tell model, epoch and position apart.
func row(model, epoch int) []byte {
	var b []byte
	for i := range parameters {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(model*1_000_000+epoch*10_000+i)))
	}
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fixture stores a data set and a zoo of four models (dropout 0 and 0.5, two seeds), epochs 0 to 2,
// as two shards: a first one to epoch 1 and a later one that grew it to epoch 2.
type fixture struct {
	store   *artifact.Store
	members []spec.Member
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	ctx := t.Context()
	store, err := artifact.Open(ctx, "mem://", "")
	must(t, err)
	d := &spec.Dataset{Format: "idx", Files: []spec.File{{Role: spec.RoleTrainImages}, {Role: spec.RoleTrainLabels}, {Role: spec.RoleTestImages}, {Role: spec.RoleTestLabels}}, Splits: spec.Splits{Train: 20, Validation: 10, Test: 10}, Normalization: spec.Normalization{Mean: []string{"0.1307"}, Std: []string{"0.3081"}}}
	set, err := data.Build(d, func(i int) (data.File, error) {
		role := d.Files[i].Role
		n, b := uint32(30), []byte{0, 0, 8, 1}
		if strings.HasPrefix(role, "test") {
			n = 10
		}
		b = binary.BigEndian.AppendUint32(b, n)
		if strings.HasSuffix(role, "Images") {
			b[3] = 3
			b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, 28), 28)
			b = append(b, make([]byte, n*784)...)
		} else {
			b = append(b, bytes.Repeat([]byte{9}, int(n))...)
		}
		return data.Bytes(b), nil
	})
	must(t, err)
	digest, err := data.Write(ctx, store, dataDir, set, artifact.Manifest{})
	must(t, err)
	snap, err := plan.ModelZoo(&v1alpha1.ModelZooSpec{
		Dataset: v1alpha1.DatasetReference{Name: "d"}, Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
		Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: 2}, Grid: v1alpha1.Grid{
			Activation: []v1alpha1.Activation{"tanh"}, LearningRate: []v1alpha1.Decimal{"1e-3"}, Dropout: []v1alpha1.Decimal{"0", "0.5"},
		}},
		Training: v1alpha1.Training{Epochs: 2},
	}, plan.Inputs{Namespace: "ns", Name: "zoo", StoreURL: "mem://", Dataset: &spec.DatasetInput{
		Name: "d", Store: "mem://", Path: dataDir, ManifestDigest: digest,
		ResultDigest: set.ResultDigest, Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 20, Validation: 10, Test: 10,
	}})
	must(t, err)
	f := &fixture{store: store, members: plan.Members(snap.Zoo, 0, 0, plan.CohortSize(snap.Zoo, 0))}
	m := &artifact.Manifest{Kind: spec.KindModelZoo, ResultDigest: artifact.Digest(nil), Spec: plan.Marshal(snap)}
	f.writeShard(t, m, "1111111111111111", 0, 1)
	f.writeShard(t, m, "2222222222222222", 2, 2)
	f.writeTables(t, m)
	_, err = store.WriteManifest(ctx, zooDir, m)
	must(t, err)
	return f
}

func (f *fixture) put(t *testing.T, m *artifact.Manifest, path string, b []byte) {
	t.Helper()
	must(t, f.store.Put(t.Context(), zooDir+"/"+path, b))
	m.Files = append(m.Files, artifact.Entry(path, b))
}

// writeShard writes epochs; the second shard holds the models in reverse order.
func (f *fixture) writeShard(t *testing.T, m *artifact.Manifest, id string, first, last int) {
	t.Helper()
	order := make([]int, len(f.members))
	for i := range order {
		order[i] = i
	}
	if first > 0 {
		slices.Reverse(order)
	}
	var ids []string
	for _, i := range order {
		ids = append(ids, f.members[i].ID)
	}
	models, err := json.Marshal(ids)
	must(t, err)
	for e := first; e <= last; e++ {
		var all []byte
		for _, i := range order {
			all = append(all, row(i, e)...)
		}
		b, err := artifact.EncodeSafetensors([]artifact.Tensor{{Name: "weights", DType: artifact.F32, Shape: []int{len(order), parameters}, Data: all}},
			map[string]string{"layout": layout, "models": string(models), "epoch": fmt.Sprint(e)})
		must(t, err)
		f.put(t, m, fmt.Sprintf("shards/%s/epoch-%04d.safetensors", id, e), b)
	}
	manifest, err := json.Marshal(map[string]any{"models": ids, "firstEpoch": first, "lastEpoch": last})
	must(t, err)
	f.put(t, m, "shards/"+id+"/manifest.json", manifest)
}

// writeTables gives model i a validation accuracy that grows with i, NaN for the last.
func (f *fixture) writeTables(t *testing.T, m *artifact.Manifest) {
	t.Helper()
	var models []artifact.ModelRow
	var metrics []artifact.MetricRow
	for i, mb := range f.members {
		models = append(models, artifact.ModelRow{
			ModelID: mb.ID, Seed: int64(mb.Seed), Activation: mb.Activation, Initializer: mb.Initializer, Optimizer: mb.Optimizer,
			LearningRate: mb.LearningRate, Dropout: mb.Dropout, Architecture: "cnn-small", Parameters: parameters, Epochs: 2,
		})
		for e := range 3 {
			sum := sha256.Sum256(row(i, e))
			r := artifact.MetricRow{ModelID: mb.ID, Epoch: int32(e), TestAccuracy: 0.5, ValidationAccuracy: 0.1*float64(i) + 0.01*float64(e), TrainLoss: math.NaN(), WeightsSHA256: hex.EncodeToString(sum[:])}
			metrics = append(metrics, r)
		}
	}
	var b bytes.Buffer
	must(t, artifact.WriteModels(&b, models))
	f.put(t, m, "models.parquet", bytes.Clone(b.Bytes()))
	b.Reset()
	must(t, artifact.WriteMetrics(&b, metrics))
	f.put(t, m, "metrics.parquet", b.Bytes())
}

func readConfig(t *testing.T, dir, id string) export.Config {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, id, "config.json"))
	must(t, err)
	var c export.Config
	must(t, json.Unmarshal(b, &c))
	return c
}

func TestExportsEveryModelAtItsLastEpoch(t *testing.T) {
	f, out := newFixture(t), t.TempDir()
	report, err := export.Write(t.Context(), f.store, zooDir, out, export.Options{})
	must(t, err)
	if len(report.Models) != 4 || len(report.Warnings) != 0 {
		t.Fatalf("report: %+v", report)
	}
	for i, m := range f.members {
		b, err := os.ReadFile(filepath.Join(out, m.ID, "model.safetensors"))
		must(t, err)
		st, err := artifact.ReadSafetensors(b)
		must(t, err)
		var names []string
		var all []byte
		for _, tt := range st.Tensors {
			names = append(names, tt.Name)
			all = append(all, tt.Data...)
		}
		if !bytes.Equal(all, row(i, 2)) {
			t.Errorf("model %d: other weights", i)
		}
		want := []int{0, 3, 6, 9, 11}
		if m.Dropout > 0 {
			want = []int{0, 4, 8, 11, 14}
		}
		for k, idx := range want {
			if names[2*k] != fmt.Sprintf("module_list.%d.weight", idx) || names[2*k+1] != fmt.Sprintf("module_list.%d.bias", idx) {
				t.Errorf("dropout %v: names %v, want the indices %v", m.Dropout, names, want)
				break
			}
		}
		c := readConfig(t, out, m.ID)
		if c.Epoch != 2 || c.Metrics.TrainLoss != nil || *c.Metrics.TestAccuracy != 0.5 || c.Normalization == nil || c.Normalization.Mean[0] != "0.1307" || c.Classes != 10 || c.Dropout != m.Dropout {
			t.Errorf("config: %+v", c)
		}
	}
	if _, err := os.Stat(filepath.Join(out, "load.py")); err != nil {
		t.Error(err)
	}
}

func TestSelection(t *testing.T) {
	f := newFixture(t)
	id := func(i int) string { return f.members[i].ID }
	zero := 0
	for name, c := range map[string]struct {
		o    export.Options
		want []string
	}{
		"best two":        {export.Options{Best: 2}, []string{id(3), id(2)}},
		"first three":     {export.Options{Limit: 3}, []string{id(0), id(1), id(2)}},
		"by ID":           {export.Options{Models: []string{id(2), id(1)}}, []string{id(1), id(2)}},
		"earlier epoch":   {export.Options{Epoch: &zero, Limit: 1}, []string{id(0)}},
		"more than there": {export.Options{Best: 100, Limit: 1}, []string{id(3)}},
	} {
		out := t.TempDir()
		report, err := export.Write(t.Context(), f.store, zooDir, out, c.o)
		must(t, err)
		if !slices.Equal(report.Models, c.want) {
			t.Errorf("%s: got %v, want %v", name, report.Models, c.want)
		}
		if c.o.Epoch != nil && readConfig(t, out, id(0)).Epoch != 0 {
			t.Errorf("%s: another epoch was exported", name)
		}
	}
}

func TestErrorsSayWhat(t *testing.T) {
	f := newFixture(t)
	three := 3
	for name, c := range map[string]struct {
		dir  string
		o    export.Options
		want string
	}{
		"epoch":    {zooDir, export.Options{Epoch: &three}, "has epochs 0 to 2"},
		"model":    {zooDir, export.Options{Models: []string{"feed"}}, `no model "feed"`},
		"no zoo":   {"ns/modelzoo/other", export.Options{}, "ns/modelzoo/other/manifest.json"},
		"data set": {dataDir, export.Options{}, "is a Dataset, not a ModelZoo"},
	} {
		if _, err := export.Write(t.Context(), f.store, c.dir, t.TempDir(), c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func TestDamagedWeightsAreNotExported(t *testing.T) {
	f, out := newFixture(t), t.TempDir()
	path := zooDir + "/shards/2222222222222222/epoch-0002.safetensors"
	b, err := f.store.Get(t.Context(), path)
	must(t, err)
	b[len(b)-1] ^= 1 // in the last row, that is the first member
	must(t, f.store.Put(t.Context(), path, b))
	if _, err := export.Write(t.Context(), f.store, zooDir, out, export.Options{Limit: 1}); !errors.Is(err, artifact.ErrCorrupt) || !strings.Contains(err.Error(), f.members[0].ID) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(out, f.members[0].ID)); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

func TestMissingDatasetIsAWarning(t *testing.T) {
	f, out := newFixture(t), t.TempDir()
	_, err := f.store.DeletePrefix(t.Context(), dataDir)
	must(t, err)
	report, err := export.Write(t.Context(), f.store, zooDir, out, export.Options{Limit: 1})
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "normalisation") {
		t.Fatalf("%+v, %v", report, err)
	}
	if readConfig(t, out, f.members[0].ID).Normalization != nil {
		t.Error("a normalisation was made up")
	}
}
