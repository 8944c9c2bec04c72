package artifact

import (
	"bytes"
	"reflect"
	"testing"
)

// twinSamples are rows of the three tables.
func twinSamples() ([]TwinRow, []TwinMetricRow, []TwinLayerRow) {
	target, match, epoch := 0.7, "b", int32(3)
	m := TwinMetrics{TrainLoss: 1, TrainAccuracy: 0.5, EvaluatedTrainLoss: 0.9, EvaluatedTrainAccuracy: 0.6, TestLoss: 2, TestAccuracy: 0.4, Agreement: 0.8}
	return []TwinRow{
			{TwinID: "a", ModelID: "m", FromEpoch: 50, Name: "mp", Method: "magnitude", TargetSparsity: &target, Scope: "global", Dropped: 7, Prunable: 10, Sparsity: 0.7, TwinMetrics: m, Shard: "s"},
			{TwinID: "c", ModelID: "m", Name: "match", MatchedTwinID: &match, DivergedEpoch: &epoch, Row: 1},
		}, []TwinMetricRow{{TwinID: "a", Epoch: 1, Dropped: 7, Sparsity: 0.7, TwinMetrics: m, WeightsSHA256: "x"}},
		[]TwinLayerRow{{TwinID: "a", Epoch: 1, Layer: "0.weight", Dropped: 3, Prunable: 5, Sparsity: 0.6}}
}

func TestTwinTables(t *testing.T) {
	twins, metrics, layers := twinSamples()
	var a, b, c bytes.Buffer
	for _, err := range []error{WriteTwins(&a, twins), WriteTwinMetrics(&b, metrics), WriteTwinLayers(&c, layers)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if got, err := ReadTwins(a.Bytes()); err != nil || !reflect.DeepEqual(got, twins) {
		t.Errorf("twins %+v, %v", got, err)
	}
	if got, err := ReadTwinMetrics(b.Bytes()); err != nil || !reflect.DeepEqual(got, metrics) {
		t.Errorf("metrics %+v, %v", got, err)
	}
	if got, err := ReadTwinLayers(c.Bytes()); err != nil || !reflect.DeepEqual(got, layers) {
		t.Errorf("layers %+v, %v", got, err)
	}
	if _, err := ReadTwins(c.Bytes()); err == nil {
		t.Error("layers are read as twins")
	}
}

// FuzzReadTwins: hostile tables are errors, never panics.
func FuzzReadTwins(f *testing.F) {
	twins, _, _ := twinSamples()
	var b bytes.Buffer
	if err := WriteTwins(&b, twins); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add(b.Bytes()[:b.Len()/2])
	f.Add([]byte("PAR1PAR1"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = ReadTwins(data)
		_, _ = ReadTwinMetrics(data)
		_, _ = ReadTwinLayers(data)
	})
}
