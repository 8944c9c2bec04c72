package cpu

import (
	"testing"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// Gradients of every case against central differences, fused and as composition.
func TestGradients(t *testing.T) {
	d, err := New[float64](isa.Ref, 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range check.Cases() {
		for _, composite := range []bool{false, true} {
			c.Composite = composite
			name := c.Name
			if composite {
				name += "/composite"
			}
			t.Run(name, func(t *testing.T) {
				if err := check.Gradient(t.Context(), d, c); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
