package artifact_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func TestManifestVerifies(t *testing.T) {
	ctx := t.Context()
	s := openStore(t, "mem://", artifact.Options{})
	m := &artifact.Manifest{Kind: "ModelZoo", ResultDigest: artifact.Digest(nil), Spec: []byte(`{"x": [1, "<"]}`)}
	for _, name := range []string{"b", "a/c"} {
		must(t, s.Put(ctx, "dir/"+name, []byte(name)))
		m.Files = append(m.Files, artifact.Entry(name, []byte(name)))
	}
	digest, err := s.WriteManifest(ctx, "dir", m)
	must(t, err)
	back, got, err := s.ReadManifest(ctx, "dir")
	must(t, err)
	if got != digest || back.Size() != 4 || back.Files[0].Path != "a/c" {
		t.Errorf("digest %s, want %s; %+v", got, digest, back)
	}
	must(t, s.Verify(ctx, "dir", back))
	again, err := back.Encode()
	must(t, err)
	if artifact.Digest(again) != digest {
		t.Error("encoding what was read gives other bytes")
	}
	must(t, s.Put(ctx, "dir/b", []byte("B")))
	wantKind(t, s.Verify(ctx, "dir", back), artifact.ErrCorrupt, "dir/b")
	_, err = s.GetVerified(ctx, "dir", back.Files[1])
	wantKind(t, err, artifact.ErrCorrupt, "dir/b")
	must(t, s.Delete(ctx, "dir/b"))
	wantKind(t, s.Verify(ctx, "dir", back), artifact.ErrNotFound, "dir/b")
}

func TestManifestRefusesWhatIsWrong(t *testing.T) {
	good := `{"version":1,"kind":"ModelZoo","resultDigest":"sha256:` + strings.Repeat("a", 64) + `","files":[]}`
	if _, err := artifact.DecodeManifest([]byte(good)); err != nil {
		t.Fatal(err)
	}
	entry := `{"path":"PATH","sha256":"` + strings.Repeat("a", 64) + `","size":1}`
	for name, bad := range map[string]string{
		"newer version": strings.Replace(good, `"version":1`, `"version":2`, 1),
		"unknown field": strings.Replace(good, `"kind"`, `"x":1,"kind"`, 1),
		"short digest":  strings.Replace(good, "aaaa", "a", 1),
		"trailing":      good + "{}",
		"escape":        strings.Replace(good, `[]`, `[`+strings.Replace(entry, "PATH", "../x", 1)+`]`, 1),
		"twice":         strings.Replace(good, `[]`, `[`+entry+`,`+entry+`]`, 1),
		"no JSON":       "x",
	} {
		if _, err := artifact.DecodeManifest([]byte(bad)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func modelRows() []artifact.ModelRow {
	four := int32(4)
	return []artifact.ModelRow{
		{ModelID: "00", Seed: 1, Activation: "tanh", LearningRate: 1e-3, TestAccuracy: 0.5, Shard: "s", Row: 0},
		{ModelID: "01", Seed: math.MaxInt64, Activation: "relu", TestLoss: math.Inf(1), DivergedEpoch: &four, Shard: "s", Row: 1},
	}
}

func TestTablesRoundTripAndRepeat(t *testing.T) {
	var a, b bytes.Buffer
	must(t, artifact.WriteModels(&a, modelRows()))
	must(t, artifact.WriteModels(&b, modelRows()))
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("equal rows gave different bytes")
	}
	rows, err := artifact.ReadModels(a.Bytes())
	must(t, err)
	if len(rows) != 2 || rows[0].DivergedEpoch != nil || rows[1].DivergedEpoch == nil || *rows[1].DivergedEpoch != 4 || rows[1].Seed != math.MaxInt64 || !math.IsInf(rows[1].TestLoss, 1) {
		t.Errorf("got %+v", rows)
	}
	metrics := make([]artifact.MetricRow, 10_001)
	for i := range metrics {
		metrics[i] = artifact.MetricRow{ModelID: "m", Epoch: int32(i), TrainLoss: float64(i) / 3, ValidationLoss: math.NaN(), WeightsSHA256: strings.Repeat("a", 64)}
	}
	b.Reset()
	must(t, artifact.WriteMetrics(&b, metrics))
	back, err := artifact.ReadMetrics(b.Bytes())
	must(t, err)
	if len(back) != len(metrics) || back[10_000].TrainLoss != metrics[10_000].TrainLoss || !math.IsNaN(back[7].ValidationLoss) {
		t.Errorf("%d rows, last %+v", len(back), back[len(back)-1])
	}
	b.Reset()
	must(t, artifact.WriteTiming(&b, []artifact.TimingRow{{Shard: "s", TrainSeconds: 1.5}}))
	timing, err := artifact.ReadTiming(b.Bytes())
	if err != nil || len(timing) != 1 || timing[0].TrainSeconds != 1.5 {
		t.Errorf("timing: %+v, %v", timing, err)
	}
	b.Reset()
	must(t, artifact.WriteModels(&b, nil))
	if rows, err := artifact.ReadModels(b.Bytes()); err != nil || len(rows) != 0 {
		t.Errorf("empty table: %v, %v", rows, err)
	}
}

func TestTablesRefuseOthers(t *testing.T) {
	var b bytes.Buffer
	must(t, artifact.WriteTiming(&b, []artifact.TimingRow{{Shard: "s"}}))
	if _, err := artifact.ReadModels(b.Bytes()); err == nil || !strings.Contains(err.Error(), "column") {
		t.Errorf("another table was read: %v", err)
	}
	whole := bytes.Clone(b.Bytes())
	for n := range whole {
		if _, err := artifact.ReadTiming(whole[:n]); err == nil {
			t.Fatalf("cut to %d of %d bytes: accepted", n, len(whole))
		}
	}
}
