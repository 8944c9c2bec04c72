package artifact_test

import (
	"bytes"
	"testing"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func wideBytes(t testing.TB, columns ...string) []byte {
	t.Helper()
	table := &artifact.WideTable{Model: []string{"a", "b"}, Epoch: []int32{0, 7}, Columns: columns}
	for i := range 2 * len(columns) {
		table.Values = append(table.Values, float64(i)+0.5)
	}
	var b bytes.Buffer
	if err := artifact.WriteWide(&b, table); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadEmbedding(t *testing.T) {
	rows, err := artifact.ReadEmbedding(wideBytes(t, "testAccuracy", "pca1", "pca2"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 2 || rows[1].ModelID != "b" || rows[1].Epoch != 7 || rows[1].TestAccuracy != 3.5 || rows[1].PCA2 == nil || *rows[1].PCA2 != 5.5 || rows[1].TSNE1 != nil {
		t.Errorf("read %+v", rows)
	}
	if _, err := artifact.ReadEmbedding(wideBytes(t, "pca1")); err == nil {
		t.Error("a table without accuracies is accepted")
	}
	steps, err := artifact.ReadSteps(wideBytes(t, "step", "relative", "angle"))
	if err != nil || len(steps) != 2 || steps[0].Step != 0.5 || steps[0].Relative != 1.5 {
		t.Errorf("read %+v, %v", steps, err)
	}
}

// FuzzReadEmbedding: hostile tables are errors, never panics.
func FuzzReadEmbedding(f *testing.F) {
	f.Add(wideBytes(f, "testAccuracy", "pca1", "pca2", "tsne1", "tsne2"))
	f.Add(wideBytes(f, "step", "relative"))
	f.Add([]byte("PAR1 nothing PAR1"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _ = artifact.ReadEmbedding(data)
		_, _ = artifact.ReadSteps(data)
	})
}
