package program

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// largeZoo is a store that holds the finished shards of a large zoo, made when they are read: its files cost nothing. What is written to it
// is kept only of the tables.
type largeZoo struct {
	Store
	snap    *spec.Snapshot
	objects []artifact.Object
	ids     map[string]spec.Shard
	// Reads of whole manifests and of their beginnings, and their bytes.
	manifests, heads, bytes atomic.Int64
	mu                      sync.Mutex
	written                 map[string][]byte
}

func planLarge(tb testing.TB, members int32, edit func(*v1alpha1.ModelZooSpec)) *spec.Snapshot {
	tb.Helper()
	z := &v1alpha1.ModelZooSpec{
		Dataset: v1alpha1.DatasetReference{Name: "mnist"}, Architecture: v1alpha1.Architecture{Preset: v1alpha1.ArchitectureCNNSmall},
		Population: v1alpha1.Population{Seeds: v1alpha1.Seeds{Count: members}}, Training: v1alpha1.Training{Epochs: 50},
	}
	if edit != nil {
		edit(z)
	}
	s, err := plan.ModelZoo(z, plan.Inputs{Namespace: "default", Name: "large", StoreURL: "mem://", Dataset: &spec.DatasetInput{
		Name: "mnist", Channels: 1, Height: 28, Width: 28, Classes: 10, Train: 50_000, Validation: 10_000, Test: 10_000,
	}})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func newLargeZoo(s *spec.Snapshot) *largeZoo {
	z := &largeZoo{snap: s, ids: map[string]spec.Shard{}, written: map[string][]byte{}}
	for _, sh := range s.Stages[0].Shards {
		id := shardID(modelIDs(plan.Members(s.Zoo, sh.Cohort, sh.From, sh.To)), s.Zoo.Epochs)
		z.ids[id] = sh
		manifest, metrics := z.shard(id)
		for name, size := range map[string]int{manifestName: len(manifest), metricsName: len(metrics), timingName: 3} {
			z.objects = append(z.objects, artifact.Object{Path: shardPath(s, id, name), Size: int64(size)})
		}
		for e := range s.Zoo.Epochs + 1 {
			z.objects = append(z.objects, artifact.Object{Path: shardPath(s, id, epochName(e)), Size: z.weightsSize(sh)})
		}
	}
	return z
}

func (z *largeZoo) weightsSize(sh spec.Shard) int64 {
	return 1024 + int64(sh.To-sh.From)*int64(z.snap.Zoo.Parameters)*4
}

// shard makes a shard's manifest and metrics.
func (z *largeZoo) shard(id string) (manifest, metrics []byte) {
	sh := z.ids[id]
	models := modelIDs(plan.Members(z.snap.Zoo, sh.Cohort, sh.From, sh.To))
	m := shardManifest{
		Version: shardFormatVersion, Shard: id, Numerics: spec.NumericsVersion, Architecture: z.snap.Zoo.Architecture, Parameters: z.snap.Zoo.Parameters,
		Models: models, LastEpoch: z.snap.Zoo.Epochs, DivergedEpoch: make([]int, len(models)),
	}
	t := shardMetrics{Columns: metricColumns, Models: models}
	for i := range m.DivergedEpoch {
		m.DivergedEpoch[i] = -1
	}
	for e := range z.snap.Zoo.Epochs + 1 {
		sums, rows := make([]string, len(models)), make([]sixRow, len(models))
		for i, model := range models {
			sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", model, e))
			sums[i] = hex.EncodeToString(sum[:])
			for j := range rows[i] {
				rows[i][j] = 0.1 + 0.8*float64(sum[2*j])/256 + 0.1*float64(sum[2*j+1])/65536
			}
		}
		m.Weights, t.Rows = append(m.Weights, sums), append(t.Rows, rows)
		m.Files = append(m.Files, shardFile{Name: epochName(e), SHA256: strings.Repeat("0", 64), Size: z.weightsSize(sh)})
	}
	metrics, err := json.Marshal(t)
	if err != nil {
		panic(err)
	}
	m.Files = append(m.Files, shardFile{Name: metricsName, SHA256: sha(metrics), Size: int64(len(metrics))})
	manifest, err = json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return manifest, metrics
}

func (z *largeZoo) List(context.Context, string) ([]artifact.Object, error) { return z.objects, nil }

func (z *largeZoo) Get(_ context.Context, path string) ([]byte, error) {
	parts := strings.Split(path, "/")
	if len(parts) < 2 || z.ids[parts[len(parts)-2]] == (spec.Shard{}) {
		return nil, artifact.ErrNotFound
	}
	manifest, metrics := z.shard(parts[len(parts)-2])
	switch parts[len(parts)-1] {
	case manifestName:
		z.manifests.Add(1)
		z.bytes.Add(int64(len(manifest)))
		return manifest, nil
	case metricsName:
		return metrics, nil
	}
	return []byte(`{}`), nil
}

func (z *largeZoo) GetRange(_ context.Context, path string, offset, length int64) ([]byte, error) {
	manifest, _ := z.shard(strings.Split(path, "/")[4])
	z.heads.Add(1)
	z.bytes.Add(length)
	return manifest[offset : offset+length], nil
}

func (z *largeZoo) Digest(context.Context, string) (string, int64, error) {
	return "", 0, artifact.ErrNotFound
}

func (z *largeZoo) Put(_ context.Context, path string, b []byte) error {
	return z.PutReader(context.Background(), path, strings.NewReader(string(b)))
}

func (z *largeZoo) PutReader(_ context.Context, path string, body io.ReadSeeker) error {
	b, err := io.ReadAll(body)
	z.mu.Lock()
	defer z.mu.Unlock()
	if strings.HasSuffix(path, ".parquet") || strings.HasSuffix(path, artifact.ManifestName) {
		z.written[path[strings.LastIndex(path, "/")+1:]] = b
	}
	return err
}

func (z *largeZoo) env(tb testing.TB) *Env {
	e := Env{Store: z, TempDir: tb.TempDir(), Log: slog.New(slog.DiscardHandler)}.withDefaults()
	return &e
}

// The index of a zoo of a thousand members and 51 states: every row is there, in the plan's order, and says where its weights lie.
func TestIndexOfManyMembers(t *testing.T) {
	const members = 1000
	s := planLarge(t, members, nil)
	z := newLargeZoo(s)
	r, err := index(t.Context(), s, z.env(t))
	if err != nil {
		t.Fatal(err)
	}
	models, err := artifact.ReadModels(z.written[modelsName])
	if err != nil {
		t.Fatal(err)
	}
	metrics, err := artifact.ReadMetrics(z.written[metricsTableName])
	if err != nil || len(models) != members || len(metrics) != members*51 || r.Zoo.Members != members {
		t.Fatalf("%d models, %d metrics, %v, %+v", len(models), len(metrics), err, r.Zoo)
	}
	for i, m := range plan.Members(s.Zoo, 0, 0, members) {
		last := metrics[i*51+50]
		sum := sha256.Sum256(fmt.Appendf(nil, "%s 50", m.ID))
		row := models[i]
		want := artifact.Location{File: shardFilePath(row.Shard, epochName(50)), Offset: 1024 + int64(i%64)*2464*4, Bytes: 2464 * 4}
		if at, ok := row.Last(); !ok || at != want || row.ModelID != m.ID || last.ModelID != m.ID || last.WeightsSHA256 != hex.EncodeToString(sum[:]) || row.TestAccuracy != last.TestAccuracy {
			t.Fatalf("member %d: %+v, %+v, weights at %+v, want %+v", i, row, last, at, want)
		}
		if best, ok := row.Best(); !ok || best.Offset != want.Offset || metrics[i*51+int(*row.BestEpoch)].ValidationAccuracy < last.ValidationAccuracy {
			t.Fatalf("member %d: best epoch %d at %+v", i, *row.BestEpoch, best)
		}
	}
	if n := z.manifests.Load(); n != 16 {
		t.Errorf("the index read %d manifests of 16", n)
	}
}

// A pod reads the manifests that can hold its members and no others, whatever way the zoo was cut before.
func TestPodsReadFewManifests(t *testing.T) {
	s := planLarge(t, 1000, nil)
	z := newLargeZoo(s)
	for _, c := range []struct {
		name        string
		members     []spec.Member
		edit        func(*spec.Snapshot)
		whole       int64
		beginnings  int64
		finished    int
		newSharding int32
	}{
		{name: "the same cut", members: plan.Members(s.Zoo, 0, 128, 192), whole: 1, finished: 64},
		{name: "no members, all", whole: 16},
		{name: "another cut", members: plan.Members(s.Zoo, 0, 100, 150), whole: 2, beginnings: 16, finished: 50, newSharding: 50},
		{name: "more epochs", members: plan.Members(s.Zoo, 0, 128, 192), whole: 1, finished: 64, edit: func(s *spec.Snapshot) { s.Zoo.Epochs = 60 }},
		{name: "more seeds", members: plan.Members(s.Zoo, 0, 128, 192), whole: 1, beginnings: 2, finished: 64, edit: func(s *spec.Snapshot) {
			*s = *planLarge(t, 1500, nil)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan := *s
			zoo := *s.Zoo
			plan.Zoo = &zoo
			if c.edit != nil {
				c.edit(&plan)
			}
			if c.newSharding > 0 {
				plan = *planLarge(t, 1000, func(z *v1alpha1.ModelZooSpec) { z.Sharding = &v1alpha1.Sharding{MembersPerShard: c.newSharding} })
			}
			z.manifests.Store(0)
			z.heads.Store(0)
			led, err := readLedger(t.Context(), &plan, z.env(t), c.members...)
			if err != nil {
				t.Fatal(err)
			}
			done := 0
			for _, m := range c.members {
				if last, _ := led.finished(m.ID); last == 50 {
					done++
				}
			}
			if w, h := z.manifests.Load(), z.heads.Load(); w != c.whole || h > c.beginnings || done != c.finished {
				t.Errorf("read %d manifests whole and %d beginnings, found %d members; want %d, up to %d, %d", w, h, done, c.whole, c.beginnings, c.finished)
			}
		})
	}
}

func TestHeadModels(t *testing.T) {
	whole := `{"version":1,"shard":"a","x":[{"y":2}],"models":["a","b"],"firstEpoch":0}`
	for n := range len(whole) {
		models, ok := headModels([]byte(whole[:n]))
		if want := n > strings.Index(whole, `"b"]`)+3; ok != want || ok && len(models) != 2 {
			t.Errorf("%q: %v %v", whole[:n], models, ok)
		}
	}
	for _, bad := range []string{"", "[]", "null", `{"models":3}`, `{"models":["a"`, `{"a":1}`, `{1}`} {
		if models, ok := headModels([]byte(bad)); ok {
			t.Errorf("%q: %v", bad, models)
		}
	}
}

func FuzzHeadModels(f *testing.F) {
	f.Add([]byte(`{"version":1,"models":["a"]`))
	f.Add([]byte(`{"models":[[[[`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if models, ok := headModels(b); ok && len(models) > len(b) {
			t.Errorf("%d models from %d bytes", len(models), len(b))
		}
	})
}

func TestShardIDsAtEveryLength(t *testing.T) {
	models := []string{"b", "c", "a"}
	for e, id := range shardIDs(models, 60) {
		if id != shardID(models, e) {
			t.Errorf("epoch %d: %s, want %s", e, id, shardID(models, e))
		}
	}
}

// BenchmarkIndex10000 indexes 10,000 members of 51 states; heap-MB is the most that was alive at once, with the made-up shards.
func BenchmarkIndex10000(b *testing.B) {
	s := planLarge(b, 10_000, nil)
	z := newLargeZoo(s)
	env := z.env(b)
	for b.Loop() {
		runtime.GC()
		var before runtime.MemStats
		runtime.ReadMemStats(&before)
		stop, peak := make(chan struct{}), make(chan uint64)
		go func() {
			most := uint64(0)
			for {
				select {
				case <-stop:
					peak <- most
					return
				case <-time.After(20 * time.Millisecond):
					var m runtime.MemStats
					runtime.ReadMemStats(&m)
					most = max(most, m.HeapInuse-min(m.HeapInuse, before.HeapInuse))
				}
			}
		}()
		r, err := index(b.Context(), s, env)
		close(stop)
		if err != nil || math.IsNaN(r.Zoo.TestAccuracyMean) {
			b.Fatal(err)
		}
		b.ReportMetric(float64(<-peak)/1e6, "heap-MB")
		b.ReportMetric(float64(len(z.written[metricsTableName]))/1e6, "metrics.parquet-MB")
		b.ReportMetric(float64(len(z.written[modelsName]))/1e6, "models.parquet-MB")
	}
}

// BenchmarkLedger10000 is what a pod of a zoo of 10,000 members reads before it trains, with all shards finished.
func BenchmarkLedger10000(b *testing.B) {
	s := planLarge(b, 10_000, nil)
	z := newLargeZoo(s)
	members := plan.Members(s.Zoo, 0, 640, 704)
	for b.Loop() {
		z.bytes.Store(0)
		if _, err := readLedger(b.Context(), s, z.env(b), members...); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(z.bytes.Load())/1e6, "read-MB")
}
