package agree

import (
	"math/rand/v2"
	"testing"

	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

func random[T Answer](r *rand.Rand, n, classes int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(r.IntN(classes))
	}
	return x
}

func testPairs[T Answer](t *testing.T, classes int) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, s := range []struct{ rows, n int }{{1, 5}, {2, 0}, {2, 1}, {3, 31}, {5, 32}, {9, 33}, {6, 32 * 255}, {5, 32*256 + 7}, {70, 100}, {7, 20000}} {
		x := random[T](r, s.rows*s.n, classes)
		if s.rows > 1 {
			copy(x[s.n:2*s.n], x[:s.n]) // every counter is as full as it gets
		}
		var want []uint32
		for i := range s.rows {
			for j := i + 1; j < s.rows; j++ {
				want = append(want, uint32(CountRef(x[i*s.n:(i+1)*s.n], x[j*s.n:(j+1)*s.n])))
			}
		}
		for _, l := range []isa.Level{isa.Ref, isa.AVX2, isa.AVX512} {
			if !isa.Supported(l) {
				continue
			}
			k, err := New(l)
			if err != nil {
				t.Fatal(err)
			}
			got := make([]uint32, len(want)+1)
			got[len(want)] = 12345 // a guard
			if err := Pairs(t.Context(), k, 2, got, x, s.rows, s.n); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("%v %s: pair %d agrees on %d, want %d", s, l, i, got[i], want[i])
				}
			}
			if got[len(want)] != 12345 {
				t.Fatalf("%v %s: wrote beyond the counts", s, l)
			}
		}
	}
}

func TestPairs(t *testing.T) {
	testPairs[uint8](t, 3)
	testPairs[uint8](t, 256)
	testPairs[uint16](t, 3)
	testPairs[uint16](t, 1000) // equal low bytes are not enough
}

func BenchmarkPairs(b *testing.B) {
	const rows, n = 1000, 10000
	counts := make([]uint32, rows*(rows-1)/2)
	x := random[uint8](rand.New(rand.NewPCG(1, 1)), rows*n, 10)
	for _, l := range []isa.Level{isa.Ref, isa.AVX2} {
		if !isa.Supported(l) {
			continue
		}
		k, err := New(l)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(l.String(), func(b *testing.B) {
			for b.Loop() {
				if err := Pairs(b.Context(), k, 0, counts, x, rows, n); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(counts))*n*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gcompare/s")
		})
	}
}
