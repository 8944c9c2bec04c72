package cpu

import (
	"strings"
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/device"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
	"github.com/weightspace/weightspace/runtime/op"
)

// Second derivatives of every operation, as Hessian-vector products.
func TestSecondDerivatives(t *testing.T) {
	d, err := New[float64](isa.Ref, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			err := check.HessianVector(t.Context(), d, c)
			if err == nil {
				return
			}
			if c.Name == "segment" && strings.Contains(err.Error(), "segment max: ") {
				t.Log(err)
				return
			}
			t.Error(err)
		})
	}
}

// A segment maximum says that it has none.
func TestMaximaOfSegmentsHaveNoSecondDerivative(t *testing.T) {
	d, err := New[float64](isa.Ref, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := check.Case{Name: "maxima", Record: func(g *op.Graph) op.Value {
		return g.Sum(g.Square(g.Segment(device.SegmentMax, g.Param("x", 4, 2), g.IntConstant([]int32{0, 2, 4}))))
	}}
	if err := check.HessianVector(t.Context(), d, c); err == nil || err.Error() != "maxima: segment max: its gradient cannot be differentiated again" {
		t.Errorf("%v", err)
	}
}
