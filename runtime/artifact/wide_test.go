package artifact_test

import (
	"bytes"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/weightspace/weightspace/runtime/artifact"
)

func TestWriteWide(t *testing.T) {
	table := &artifact.WideTable{
		Model: []string{"b", "a"}, Epoch: []int32{0, 3}, Columns: []string{"z/mean", "a/p25", "m"},
		Values: []float64{1, 2, 3, 4, 5, 6},
	}
	var one, two bytes.Buffer
	if err := artifact.WriteWide(&one, table); err != nil {
		t.Fatal(err)
	}
	if err := artifact.WriteWide(&two, table); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("equal tables give different bytes")
	}
	type row struct {
		ModelID string  `parquet:"modelID"`
		Epoch   int32   `parquet:"epoch"`
		Z       float64 `parquet:"z/mean"`
		A       float64 `parquet:"a/p25"`
		M       float64 `parquet:"m"`
	}
	rows, err := parquet.Read[row](bytes.NewReader(one.Bytes()), int64(one.Len()))
	if err != nil {
		t.Fatal(err)
	}
	want := []row{{"b", 0, 1, 2, 3}, {"a", 3, 4, 5, 6}}
	if len(rows) != 2 || rows[0] != want[0] || rows[1] != want[1] {
		t.Errorf("read %v, not %v", rows, want)
	}
	table.Columns[1] = "m"
	if err := artifact.WriteWide(&one, table); err == nil {
		t.Error("a column that stands twice is accepted")
	}
}
