package artifact

import "io"

// LineageRow is a row of lineage.parquet: which model of another zoo a model continues.
type LineageRow struct {
	ModelID       string `parquet:"modelID"`
	ParentModelID string `parquet:"parentModelID,dict"`
	// ParentZoo is the zoo's name in the same namespace, ParentResultDigest what it held then.
	ParentZoo          string `parquet:"parentZoo,dict"`
	ParentResultDigest string `parquet:"parentResultDigest,dict"`
	// ParentEpoch is the checkpoint's.
	ParentEpoch int32 `parquet:"parentEpoch"`
	// Head is linear or mlp, which has Hidden features.
	Head   string `parquet:"head,dict"`
	Hidden int32  `parquet:"hidden"`
}

// WriteLineage writes lineage.parquet. Equal rows give equal bytes.
func WriteLineage(w io.Writer, rows []LineageRow) error { return writeTable(w, rows) }

// ReadLineage reads lineage.parquet.
func ReadLineage(b []byte) ([]LineageRow, error) { return readTable[LineageRow](b) }
