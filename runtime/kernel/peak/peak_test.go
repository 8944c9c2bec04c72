package peak

import (
	"testing"
	"time"

	"github.com/weightspace/weightspace/runtime/check"
	"github.com/weightspace/weightspace/runtime/kernel/isa"
)

var levels = []isa.Level{isa.Ref, isa.AVX2, isa.AVX512}

// The assembly computes what the loop says, so that its speed is that of real multiply-adds.
func TestTwin(t *testing.T) {
	for _, l := range levels[1:] {
		if !isa.Supported(l) {
			continue
		}
		k := kernelOf(l)
		for _, n := range []int{1, 2, 7, 100} {
			var g check.Guards
			got, want := g.New(k.chains, n), make([]float32, k.chains)
			for i := range got {
				got[i] = float32(i)*0.37 - 11
			}
			copy(want, got)
			k.run(&got[0], n, -0.77, 0.3)
			fmaRef(want, n, -0.77, 0.3)
			if i := check.FirstDifference(got, want); i >= 0 {
				t.Errorf("%s: chain %d after %d steps: %v, want %v", l, i, n, got[i], want[i])
			}
			if err := g.Check(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Every level gives a number.
func TestPositive(t *testing.T) {
	for _, l := range append(levels, isa.Auto) {
		if isa.Supported(l) && !(FMA(l, time.Millisecond) > 0) {
			t.Errorf("%s: no rate", l)
		}
	}
}

// BenchmarkFMA reports the peak of each level.
func BenchmarkFMA(b *testing.B) {
	for _, l := range levels {
		if !isa.Supported(l) {
			continue
		}
		b.Run(l.String(), func(b *testing.B) {
			best := 0.0
			for b.Loop() {
				best = max(best, FMA(l, 50*time.Millisecond))
			}
			b.ReportMetric(best, "GFLOP/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}
