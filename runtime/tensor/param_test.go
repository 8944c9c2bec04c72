package tensor

import "testing"

func TestSizes(t *testing.T) {
	params := []Param{{Name: "w", Shape: []int{8, 3, 5, 5}}, {Name: "b", Shape: []int{8}, Offset: 600}, {Name: "scalar"}}
	if got := params[0].Size(); got != 600 {
		t.Errorf("size %d, want 600", got)
	}
	if got := Total(params); got != 609 {
		t.Errorf("total %d, want 609", got)
	}
}
