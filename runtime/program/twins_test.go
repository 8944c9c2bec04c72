package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/api/v1alpha1"
	"github.com/weightspace/weightspace/runtime/artifact"
	"github.com/weightspace/weightspace/runtime/kernel"
	"github.com/weightspace/weightspace/runtime/plan"
	"github.com/weightspace/weightspace/runtime/spec"
)

// twinList has every method, schedule and scope.
func twinList() []v1alpha1.Twin {
	epochs, everywhere := int32(2), int32(1)
	return []v1alpha1.Twin{
		{Name: "shot", Method: v1alpha1.TwinMagnitude, Sparsity: []v1alpha1.Decimal{"0.5", "0.9"}, FinetuneEpochs: &epochs},
		{Name: "vd", Method: v1alpha1.TwinVariationalDropout, VariationalDropout: v1alpha1.VariationalDropout{Epochs: 2, LogSigma2LearningRate: "1.6"}},
		{Name: "match", Method: v1alpha1.TwinMagnitude, MatchSparsity: "vd", Scope: v1alpha1.PruningScopeLayer, Schedule: v1alpha1.PruningScheduleCubic, FinetuneEpochs: &epochs},
		{Name: "chance", Method: v1alpha1.TwinRandom, Sparsity: []v1alpha1.Decimal{"0.7"}, FromEpoch: &everywhere, Schedule: v1alpha1.PruningScheduleIterative, FinetuneEpochs: &epochs},
	}
}

// withTwins makes a zoo with twins.
func withTwins(o zooOptions, twins []v1alpha1.Twin) zooOptions {
	before := o.edit
	o.edit = func(z *v1alpha1.ModelZooSpec) {
		if before != nil {
			before(z)
		}
		z.Twins = twins
	}
	return o
}

// TestTwinsEndToEnd runs all stages and reads the tables back.
func TestTwinsEndToEnd(t *testing.T) {
	// The first two train on tiles, the third as a recorded graph.
	for _, optimizer := range []v1alpha1.Optimizer{v1alpha1.OptimizerAdam, v1alpha1.OptimizerSGD, v1alpha1.OptimizerAdamW} {
		t.Run(string(optimizer), func(t *testing.T) {
			l := newLab(t)
			o := zooOptions{seeds: 3, epochs: 2, perShard: 2, optimizer: []v1alpha1.Optimizer{optimizer}}
			o.edit = func(z *v1alpha1.ModelZooSpec) { z.Population.Grid.WeightDecay = []v1alpha1.Decimal{"0.01"} }
			s := l.planZoo(l.dataset(), withTwins(o, twinList()))
			r := l.runAll(s, l.env())
			checkTwinTables(t, l, s, r)
		})
	}
}

func read[T any](t *testing.T, l *lab, path string, decode func([]byte) ([]T, error)) []T {
	t.Helper()
	b, err := l.store.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func checkTwinTables(t *testing.T, l *lab, s *spec.Snapshot, r *spec.Result) {
	t.Helper()
	at := s.ArtifactPath + "/"
	models := read(t, l, at+modelsName, artifact.ReadModels)
	twins := read(t, l, at+twinsName, artifact.ReadTwins)
	metrics := read(t, l, at+twinMetricsName, artifact.ReadTwinMetrics)
	layers := read(t, l, at+twinLayersName, artifact.ReadTwinLayers)
	if len(twins) != 3*5 || len(metrics) != 3*5*3 || len(layers) != 3*5*3*5 {
		t.Fatalf("%d twins, %d metric rows, %d layer rows", len(twins), len(metrics), len(layers))
	}
	byID := map[string]artifact.TwinRow{}
	for _, tw := range twins {
		byID[tw.TwinID] = tw
		if !slices.ContainsFunc(models, func(m artifact.ModelRow) bool { return m.ModelID == tw.ModelID }) {
			t.Errorf("twin %s has no parent", tw.TwinID)
		}
	}
	for _, tw := range twins {
		checkTwinRow(t, l, s, &tw, byID)
	}
	sums := map[string]int64{}
	for _, row := range layers {
		sums[fmt.Sprint(row.TwinID, row.Epoch)] += row.Dropped
	}
	for _, row := range metrics {
		if sums[fmt.Sprint(row.TwinID, row.Epoch)] != row.Dropped {
			t.Errorf("twin %s, epoch %d: layers drop %d, the network %d", row.TwinID, row.Epoch, sums[fmt.Sprint(row.TwinID, row.Epoch)], row.Dropped)
		}
		if row.Agreement < 0 || row.Agreement > 1 || math.IsNaN(row.EvaluatedTrainLoss) {
			t.Errorf("twin %s, epoch %d: %+v", row.TwinID, row.Epoch, row)
		}
	}
	b, err := l.store.Get(t.Context(), at+twinsSummaryName)
	if err != nil {
		t.Fatal(err)
	}
	var summary twinSummary
	if err := json.Unmarshal(b, &summary); err != nil {
		t.Fatal(err)
	}
	if len(summary.Groups) != 5 || len(summary.Matches) != 1 || summary.Matches[0].Pairs != 3 || len(summary.Groups[1].ByEpoch) != 3 {
		t.Errorf("summary %s", b)
	}
	if n := len(r.Zoo.Twins); n != 5 || r.Zoo.Twins[1].Name != "shot" || r.Zoo.Twins[1].Twins != 3 || math.Abs(r.Zoo.Twins[1].Sparsity-0.9) > 1e-3 {
		t.Errorf("result %+v", r.Zoo.Twins)
	}
}

// checkTwinRow reads a twin's weights and counts.
func checkTwinRow(t *testing.T, l *lab, s *spec.Snapshot, tw *artifact.TwinRow, byID map[string]artifact.TwinRow) {
	t.Helper()
	path := fmt.Sprintf("%s/twins/shards/%s/%s", s.ArtifactPath, tw.Shard, epochName(2))
	h, err := l.store.ReadHeader(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.store.ReadRow(t.Context(), path, h, "weights", int(tw.Row))
	if err != nil {
		t.Fatal(err)
	}
	zeros := int64(0)
	for _, w := range float32sOf(b) {
		if w == 0 {
			zeros++
		}
	}
	if tw.Method != spec.TwinVariationalDropout && zeros != tw.Dropped {
		t.Errorf("%s: %d weights are 0, %d dropped", tw.Name, zeros, tw.Dropped)
	}
	switch tw.Name {
	case "vd":
		if tw.Dropped == 0 {
			t.Error("variational dropout dropped nothing")
		}
	case "match":
		if other := byID[*tw.MatchedTwinID]; other.Dropped != tw.Dropped || other.ModelID != tw.ModelID || tw.TargetSparsity != nil {
			t.Errorf("%d dropped, the twin that is matched %d", tw.Dropped, other.Dropped)
		}
	default:
		if want := int64(math.Floor(*tw.TargetSparsity * float64(tw.Prunable))); tw.Dropped != want {
			t.Errorf("%s: %d dropped, want %d", tw.Name, tw.Dropped, want)
		}
	}
}

// TestTwinsLeaveTheZooAlone: members, their tables and their digest are those of the zoo without twins.
func TestTwinsLeaveTheZooAlone(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	o := zooOptions{seeds: 3, epochs: 2}
	plain := l.planZoo(in, o)
	before := l.runAll(plain, l.env())
	files := l.files(plain.ArtifactPath + "/")
	s := l.planZoo(in, withTwins(o, twinList()[:1]))
	trained := l.trained
	after := l.runAll(s, l.env())
	if got := l.trained - trained; got != 3*2*2 {
		t.Errorf("%d member epochs were trained, want those of six twins", got)
	}
	if after.ResultDigest == before.ResultDigest || plain.SpecDigest == s.SpecDigest {
		t.Error("twins leave no trace in the digests")
	}
	for path, sum := range l.files(plain.ArtifactPath + "/") {
		if want, ok := files[path]; ok && want != sum && !strings.HasSuffix(path, "/"+artifact.ManifestName) && !strings.HasSuffix(path, "/"+runName) {
			t.Errorf("%s changed", path)
		}
	}
	if back := l.runAll(plain, l.env()); back.ResultDigest != before.ResultDigest || back.ManifestDigest != before.ManifestDigest {
		t.Error("the zoo without twins is another one now")
	}
}

// TestTwinSharding: shards, workers, instruction set, the zoo's name and names of twins change nothing.
func TestTwinSharding(t *testing.T) {
	var want string
	for _, tc := range []struct {
		name    string
		zoo     string
		shard   int32
		isa     kernel.Level
		workers int
	}{
		{"whole", "zoo", 0, kernel.Auto, 1},
		{"one by one", "zoo", 1, kernel.Auto, 2},
		{"ragged, avx2, another name", "other", 4, kernel.AVX2, 1},
	} {
		if !kernel.Supported(tc.isa) {
			continue
		}
		l := newLab(t)
		list := twinList()
		if tc.zoo == "other" {
			list[0].Name = "one-shot"
		}
		s := l.planZoo(l.dataset(), withTwins(zooOptions{name: tc.zoo, seeds: 3, epochs: 2, perShard: tc.shard}, list))
		env := l.env()
		env.ISA, env.Workers = tc.isa, tc.workers
		r := l.runAll(s, env)
		if want == "" {
			want = r.ResultDigest
		}
		if r.ResultDigest != want {
			t.Errorf("%s: %s, want %s", tc.name, r.ResultDigest, want)
		}
		trained := l.trained
		if again := l.runAll(s, env); again.ManifestDigest != r.ManifestDigest || l.trained != trained {
			t.Errorf("%s: running again trained %d epochs", tc.name, l.trained-trained)
		}
	}
}

// TestTwinGrowth: appended twins, sparsities, members and epochs of fine-tuning train only what is missing.
func TestTwinGrowth(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	longer := int32(3)
	sets := func(n int, epochs *int32) []v1alpha1.Twin {
		list := twinList()[:n]
		if epochs != nil {
			list[0].FinetuneEpochs = epochs
		}
		return list
	}
	grow := func(what string, o zooOptions, twins []v1alpha1.Twin, want int) *spec.Result {
		t.Helper()
		before := l.trained
		r := l.runAll(l.planZoo(in, withTwins(o, twins)), l.env())
		if got := l.trained - before; got != want {
			t.Errorf("%s: %d epochs trained, want %d", what, got, want)
		}
		return r
	}
	o := zooOptions{seeds: 2, epochs: 2}
	grow("members", o, nil, 4)
	grow("a first set", o, sets(1, nil), 8)
	grow("more sets", o, sets(4, nil), 4+4+4)
	grow("more fine-tuning", o, sets(4, &longer), 4)
	o.seeds = 3
	grown := grow("a member", o, sets(4, &longer), 2+6+2+2+2)
	fresh := newLab(t)
	whole := fresh.runAll(fresh.planZoo(fresh.dataset(), withTwins(o, sets(4, &longer))), fresh.env())
	if whole.ResultDigest != grown.ResultDigest {
		t.Errorf("grown in steps %s, at once %s", grown.ResultDigest, whole.ResultDigest)
	}
}

// TestTwinCrashAfterEveryWrite kills the stages of twins after every write and runs again: the same bits.
func TestTwinCrashAfterEveryWrite(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	list := twinList()[1:3]
	o := withTwins(zooOptions{seeds: 2, epochs: 1}, list)
	want := l.runAll(l.planZoo(in, o), l.env()).ResultDigest
	for n := 1; ; n++ {
		o.name = fmt.Sprintf("crash-%d", n)
		s := l.planZoo(in, o)
		if _, err := l.run(s, spec.StageTrain, 0, l.env()); err != nil {
			t.Fatal(err)
		}
		store := &crashing{Store: l.store, left: n}
		env := l.env()
		env.Store = store
		var err error
		for _, stage := range []string{spec.StageTwins, spec.StageMatch, spec.StageIndex} {
			if _, err = l.run(s, stage, 0, env); err != nil {
				break
			}
		}
		if !store.died {
			if n < 15 {
				t.Errorf("the run made %d writes; the test expects weights and a checkpoint per epoch of two shards", n-1)
			}
			return
		}
		if !errors.Is(err, errCrash) {
			t.Fatalf("crash after write %d: error %v", n, err)
		}
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Fatalf("crash after write %d: resultDigest %s, want %s", n, got, want)
		}
	}
}

// TestTwinStopMidEpoch: a cancelled run checkpoints within an epoch and continues to the same bits.
func TestTwinStopMidEpoch(t *testing.T) {
	l := newLab(t)
	in := l.dataset()
	for i, tw := range twinList()[:2] {
		o := withTwins(zooOptions{name: fmt.Sprint("straight-", i), seeds: 2, epochs: 1}, []v1alpha1.Twin{tw})
		want := l.runAll(l.planZoo(in, o), l.env()).ResultDigest
		o.name = fmt.Sprint("stopped-", i)
		s := l.planZoo(in, o)
		if _, err := l.run(s, spec.StageTrain, 0, l.env()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		env := l.env()
		env.Progress = func(p Progress) {
			if p.Stage == spec.StageTwins && p.Message == "Training" {
				cancel()
			}
		}
		if _, err := Run(ctx, s, spec.StageTwins, 0, env); !errors.Is(err, ErrCheckpointed) {
			t.Fatalf("stopped with %v", err)
		}
		cancel()
		if got := l.runAll(s, l.env()).ResultDigest; got != want {
			t.Errorf("%s: continued to %s, want %s", tw.Name, got, want)
		}
	}
}

// TestTwinsNeedTheStagesBefore: without parents, or twins to match, the stage says what is missing.
func TestTwinsNeedTheStagesBefore(t *testing.T) {
	l := newLab(t)
	s := l.planZoo(l.dataset(), withTwins(zooOptions{seeds: 2, epochs: 1}, twinList()[1:3]))
	var missing *IncompleteError
	if _, err := l.run(s, spec.StageTwins, 0, l.env()); !errors.As(err, &missing) || missing.What != "members" || missing.Missing != 2 {
		t.Errorf("twins without members: %v", err)
	}
	if _, err := l.run(s, spec.StageTrain, 0, l.env()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.run(s, spec.StageMatch, 0, l.env()); !errors.As(err, &missing) || missing.What != "twins" {
		t.Errorf("matching without twins: %v", err)
	}
	if _, err := l.run(s, spec.StageIndex, 0, l.env()); !errors.As(err, &missing) || missing.What != "twins" || missing.Missing != 4 {
		t.Errorf("index without twins: %v", err)
	}
}

// TestParentsAreChecked: weights that do not give the recorded metrics are refused before training, and changed bytes are.
func TestParentsAreChecked(t *testing.T) {
	l := newLab(t)
	s := l.planZoo(l.dataset(), withTwins(zooOptions{seeds: 2, epochs: 1}, twinList()[:1]))
	if _, err := l.run(s, spec.StageTrain, 0, l.env()); err != nil {
		t.Fatal(err)
	}
	id := shardID(modelIDs(plan.Members(s.Zoo, 0, 0, 2)), 1)
	path := shardPath(s, id, epochName(1))
	b, err := l.store.Get(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-1] ^= 0x40
	if err := l.store.Put(t.Context(), path, b); err != nil {
		t.Fatal(err)
	}
	if _, err := l.run(s, spec.StageTwins, 0, l.env()); err == nil || !strings.Contains(err.Error(), "is not what its manifest says") {
		t.Errorf("changed weights: %v", err)
	}
	m := &twinMeter{parents: &parentRows{ids: []string{"a"}, metrics: []sixRow{{4: 0.5, 5: 0.9}}}}
	for _, tc := range []struct {
		loss, accuracy float64
		ok             bool
	}{{0.5, 0.9, true}, {0.5004, 0.905, true}, {0.502, 0.9, false}, {0.5, 0.92, false}, {math.NaN(), 0.9, false}} {
		if err := m.checkParent(0, tc.loss, tc.accuracy); (err == nil) != tc.ok {
			t.Errorf("%v: %v", tc, err)
		}
	}
}

func TestCorrelations(t *testing.T) {
	x, y := []float64{1, 2, 3, 4}, []float64{2, 4, 6, 100}
	if r := pearson(ranks(x), ranks(y)); math.Abs(r-1) > 1e-12 {
		t.Errorf("rank correlation %v of monotone lists", r)
	}
	// By hand: sums of products 148, of squares 5 and 6920.
	if r := pearson(x, y); math.Abs(r-148/math.Sqrt(5*6920)) > 1e-12 {
		t.Errorf("correlation %v", r)
	}
	if got := ranks([]float64{3, 1, 3, 2}); !slices.Equal(got, []float64{3.5, 1, 3.5, 2}) {
		t.Errorf("ranks %v", got)
	}
	if r := pearson(x, []float64{1, 1, 1, 1}); !math.IsNaN(r) {
		t.Errorf("correlation with a constant: %v", r)
	}
	s := spreadOf([]float64{4, 1, 3, 2})
	if s.Mean != 2.5 || s.Median != 2.5 || s.Q1 != 1.75 || s.Q3 != 3.25 || s.Min != 1 || s.Max != 4 || math.Abs(float64(s.Std)-math.Sqrt(1.25)) > 1e-12 {
		t.Errorf("spread %+v", s)
	}
}

// TestTwinsWithRetention: where only the last weights are kept, those of twins are too; digests do not depend on it.
func TestTwinsWithRetention(t *testing.T) {
	var want string
	for _, keep := range []v1alpha1.Retention{{}, {Checkpoints: v1alpha1.RetainLast}, {Checkpoints: v1alpha1.RetainBest}} {
		l := newLab(t)
		o := zooOptions{seeds: 2, epochs: 2, edit: func(z *v1alpha1.ModelZooSpec) { z.Retention = keep }}
		s := l.planZoo(l.dataset(), withTwins(o, twinList()[:3]))
		r := l.runAll(s, l.env())
		if want == "" {
			want = r.ResultDigest
		}
		if r.ResultDigest != want {
			t.Errorf("%+v: %s, want %s", keep, r.ResultDigest, want)
		}
		weights := 0
		for path := range l.files(s.ArtifactPath + "/twins/") {
			if strings.Contains(path, "/epoch-") {
				weights++
			}
		}
		if n := 3 * map[bool]int{true: 1, false: 3}[keep.Checkpoints != ""]; weights != n {
			t.Errorf("%+v: %d files of weights, want %d", keep, weights, n)
		}
		if trained := l.trained; l.runAll(s, l.env()).ManifestDigest != r.ManifestDigest || l.trained != trained {
			t.Errorf("%+v: running again trained %d epochs", keep, l.trained-trained)
		}
	}
}
