package align

import (
	"testing"
	"unsafe"
)

// Slices begin on a line, are as long as asked for, and zero.
func TestMake(t *testing.T) {
	for n := range 70 {
		x, y := Make[float32](n), Make[float64](n)
		if len(x) != n || cap(x) != n || len(y) != n || cap(y) != n {
			t.Fatalf("%d elements: lengths %d, %d", n, len(x), len(y))
		}
		if n > 0 && (uintptr(unsafe.Pointer(&x[0]))%Line != 0 || uintptr(unsafe.Pointer(&y[0]))%Line != 0) {
			t.Fatalf("%d elements do not begin on a line", n)
		}
		for i := range x {
			if x[i] != 0 || y[i] != 0 {
				t.Fatalf("%d elements are not zero", n)
			}
		}
	}
}
