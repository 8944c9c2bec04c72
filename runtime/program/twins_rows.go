package program

import (
	"fmt"
	"math"
	"strings"

	"github.com/weightspace/weightspace/runtime/train"
)

// twinTensor is a prunable weight tensor of a twin.
type twinTensor struct {
	Name  string `json:"name"`
	Total int    `json:"total"`
}

// twinColumns are the numbers of a twinRow: train metrics of the whole split without noise, and the share of test images that parent and
// twin answer alike.
var twinColumns = []string{"evaluatedTrainLoss", "evaluatedTrainAccuracy", "agreement"}

// threeRow is in the order of twinColumns.
type threeRow [3]float64

// MarshalJSON implements json.Marshaler.
func (r threeRow) MarshalJSON() ([]byte, error) { return marshalNumbers(r[:]), nil }

// UnmarshalJSON implements json.Unmarshaler.
func (r *threeRow) UnmarshalJSON(b []byte) error { return unmarshalNumbers(b, r[:], twinColumns) }

// twinRow is what a twin has in an epoch beside its metrics.
type twinRow struct {
	Values threeRow `json:"values"`
	// Dropped is the number of dropped elements of each tensor.
	Dropped []int `json:"dropped"`
}

func (r twinRow) agreement() float64 { return r.Values[2] }

// dropped is the number of dropped weights.
func (r twinRow) dropped() int {
	n := 0
	for _, d := range r.Dropped {
		n += d
	}
	return n
}

// hex is what the result digest covers.
func (r twinRow) hex() string {
	parts := make([]string, 0, len(r.Values)+len(r.Dropped))
	for _, v := range r.Values {
		parts = append(parts, fmt.Sprintf("%016x", math.Float64bits(v)))
	}
	for _, d := range r.Dropped {
		parts = append(parts, fmt.Sprint(d))
	}
	return strings.Join(parts, " ")
}

// twinRowOf puts a row together; every NaN becomes the one NaN.
func twinRowOf(v train.Verdict, agreement float64, s train.Sparsity) twinRow {
	r := twinRow{Values: threeRow{v.Loss, v.Accuracy, agreement}, Dropped: make([]int, len(s.Tensors))}
	for i, v := range r.Values {
		if v != v {
			r.Values[i] = math.NaN()
		}
	}
	for i, t := range s.Tensors {
		r.Dropped[i] = t.Dropped
	}
	return r
}

// total is the number of prunable weights.
func total(tensors []twinTensor) int {
	n := 0
	for _, t := range tensors {
		n += t.Total
	}
	return n
}

// checkTwinRows holds rows read from a store against their epochs and models. Shards of parents have neither tensors nor rows.
func checkTwinRows(tensors []twinTensor, rows [][]twinRow, epochs, models int) error {
	if len(tensors) == 0 && len(rows) == 0 {
		return nil
	}
	if len(rows) != epochs || len(tensors) == 0 {
		return fmt.Errorf("%d epochs of %d tensors of twins for %d epochs", len(rows), len(tensors), epochs)
	}
	for e, row := range rows {
		if len(row) != models {
			return fmt.Errorf("epoch %d of %d has %d twins, not %d", e, epochs, len(row), models)
		}
		for _, r := range row {
			if len(r.Dropped) != len(tensors) {
				return fmt.Errorf("epoch %d of %d: a twin counts dropped weights of %d tensors, not %d", e, epochs, len(r.Dropped), len(tensors))
			}
			for i, d := range r.Dropped {
				if d < 0 || d > tensors[i].Total {
					return fmt.Errorf("epoch %d of %d: %d of the %d weights of %s are dropped", e, epochs, d, tensors[i].Total, tensors[i].Name)
				}
			}
		}
	}
	return nil
}
