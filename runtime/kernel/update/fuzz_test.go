package update

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

// FuzzAdam compares every level with the twin on arbitrary bits and scalars.
func FuzzAdam(f *testing.F) {
	f.Add([]byte{}, 1e-3, 0.9, 0.999, 1e-8, 0.1, 1.0, 1.0, uint16(1))
	f.Add([]byte("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"), 1e-1, 0.0, 0.5, 0.0, 0.0, 0.3, 2.0, uint16(70))
	f.Fuzz(func(t *testing.T, data []byte, rate, beta1, beta2, eps, decay, scale, bound float64, step uint16) {
		n := len(data) / 16
		var x [4][]float32
		for i := range x {
			x[i] = make([]float32, n)
			for j := range x[i] {
				x[i][j] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*(i*n+j):]))
			}
		}
		a := Adam{
			Rate: rate, Beta1: beta1, Beta2: beta2, Eps: eps, Decay: decay, Decoupled: step%2 == 0, Step: int(step) + 1,
			Clip: Clip{Bound: math.Abs(bound) + 1e-3, Scale: scale},
		}
		var want [4][]float32
		for i := range want {
			want[i] = append([]float32(nil), x[i]...)
		}
		AdamRef(want[0], want[1], want[2], want[3], a)
		for _, l := range []isa.Level{isa.AVX2, isa.AVX512} {
			if !isa.Supported(l) {
				continue
			}
			k, err := New(l)
			if err != nil {
				t.Fatal(err)
			}
			var got [4][]float32
			for i := range got {
				got[i] = append([]float32(nil), x[i]...)
			}
			k.Adam(got[0], got[1], got[2], got[3], a)
			for i := range got {
				if at := differs(got[i], want[i]); at >= 0 {
					t.Errorf("%s: array %d differs at %d: %v, want %v", l, i, at, got[i][at], want[i][at])
				}
			}
		}
	})
}
