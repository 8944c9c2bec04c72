package artifact

import (
	"fmt"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// WideTable is a table of a checkpoint per row and a number per column, such as s(W).
type WideTable struct {
	// Model and Epoch [N] name the rows.
	Model []string
	Epoch []int32
	// Columns names the numbers; Values is [N, len(Columns)].
	Columns []string
	Values  []float64
}

// WriteWide writes the columns modelID and epoch, then the others by name. Equal tables give equal bytes.
func WriteWide(w io.Writer, t *WideTable) error {
	n, d := len(t.Model), len(t.Columns)
	if len(t.Epoch) != n || len(t.Values) != n*d {
		return fmt.Errorf("write table: %d models, %d epochs and %d values for %d columns", n, len(t.Epoch), len(t.Values), d)
	}
	group := parquet.Group{"modelID": parquet.Encoded(parquet.String(), &parquet.RLEDictionary), "epoch": parquet.Int(32)}
	for _, c := range t.Columns {
		if _, twice := group[c]; twice {
			return fmt.Errorf("write table: column %q stands twice", c)
		}
		group[c] = parquet.Leaf(parquet.DoubleType)
	}
	schema := parquet.NewSchema("checkpoint", group)
	// The schema orders columns by name.
	order := make([]int, 0, d+2)
	for _, path := range schema.Columns() {
		switch path[0] {
		case "modelID":
			order = append(order, -2)
		case "epoch":
			order = append(order, -1)
		default:
			order = append(order, slices.Index(t.Columns, path[0]))
		}
	}
	pw := parquet.NewGenericWriter[any](w, schema, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("weightspace", "1", ""), parquet.MaxRowsPerRowGroup(1<<16))
	row := make(parquet.Row, len(order))
	for i := range n {
		for c, from := range order {
			var v parquet.Value
			switch from {
			case -2:
				v = parquet.ByteArrayValue([]byte(t.Model[i]))
			case -1:
				v = parquet.Int32Value(t.Epoch[i])
			default:
				v = parquet.DoubleValue(t.Values[i*d+from])
			}
			row[c] = v.Level(0, 0, c)
		}
		if _, err := pw.WriteRows([]parquet.Row{row}); err != nil {
			return fmt.Errorf("write table: %w", err)
		}
	}
	if err := pw.Close(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}
