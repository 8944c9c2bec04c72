package plan

import (
	"fmt"
	"math"
	"strconv"

	"github.com/weightspace/weightspace/api/v1alpha1"
)

// bound is an interval of allowed values.
type bound struct {
	min, max         float64
	openMin, openMax bool
	text             string
}

var (
	positive    = bound{min: 0, max: math.MaxFloat32, openMin: true, text: "above 0"}
	nonNegative = bound{min: 0, max: math.MaxFloat32, text: "0 or above"}
	probability = bound{min: 0, max: 1, openMax: true, text: "in [0, 1)"}
	epsilon     = bound{min: 0, max: 1, openMin: true, openMax: true, text: "in (0, 1)"}
	fraction    = bound{min: 0, max: 1, text: "in [0, 1]"}
	aboveOne    = bound{min: 1, max: math.MaxFloat32, openMin: true, text: "above 1"}
	atLeastOne  = bound{min: 1, max: math.MaxFloat32, text: "1 or above"}
	finite      = bound{min: -math.MaxFloat32, max: math.MaxFloat32, text: "finite"}
)

func (b bound) contains(v float64) bool {
	if math.IsNaN(v) || v < b.min || v > b.max {
		return false
	}
	return !(b.openMin && v == b.min || b.openMax && v == b.max)
}

// checkDecimal checks that a decimal string is a number within a bound.
func checkDecimal(field string, d v1alpha1.Decimal, b bound) error {
	v, err := strconv.ParseFloat(string(d), 64)
	if err != nil {
		return &FieldError{field, fmt.Sprintf("%q is not a decimal number", d), `write a number such as "3e-4" or "0.5"`}
	}
	if !b.contains(v) {
		return &FieldError{field, fmt.Sprintf("%q is out of range", d), "use a value " + b.text}
	}
	return nil
}

// canonicalDecimal is the shortest text of a number: "0.001" and "1e-3" are the same number
// and must give the same model.
func canonicalDecimal(s string) string {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return s
	}
	if v == 0 {
		v = 0 // no negative zero
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// decimals checks a list and refuses two texts of one number, which would name one model twice.
func decimals(field string, list []v1alpha1.Decimal, b bound) ([]string, error) {
	seen := map[string]v1alpha1.Decimal{}
	out := make([]string, 0, len(list))
	for i, d := range list {
		at := fmt.Sprintf("%s[%d]", field, i)
		if err := checkDecimal(at, d, b); err != nil {
			return nil, err
		}
		key := canonicalDecimal(string(d))
		if other, dup := seen[key]; dup {
			return nil, &FieldError{at, fmt.Sprintf("%q is the same number as %q", d, other), "remove one of them"}
		}
		seen[key] = d
		out = append(out, string(d))
	}
	return out, nil
}
